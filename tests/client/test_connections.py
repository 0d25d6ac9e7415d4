"""Connections: kept, given up in time, not made where the other end is not to be trusted, and probed."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import trustme

from mcp_server import exchange, transport_pool
from mcp_server.client import VideoVector
from mcp_server.errors import ApiUnreachable
from mcp_server.redaction import Secret
from tests.client.calling import LocalApi, Scripted, asked, client_of, running, scripted
from tests.client.raw_api import Peer, RawApi, http, listening
from tests.materials import ANSWERS, API_KEY, made

pytestmark = pytest.mark.anyio

SENT_ONCE = ("update_connector", "delete_connector")
BURST = 10


class _Idle:
    """Answers one request a connection, keeps it, and ends it when it is told to."""

    def __init__(self, api: RawApi, body: bytes) -> None:
        api.act = self.serve
        self._body = body
        self._peers: list[Peer] = []
        self.requests = 0

    async def serve(self, peer: Peer) -> None:
        await peer.request()
        self.requests += 1
        await peer.send(http(self._body))
        self._peers.append(peer)
        await anyio.sleep_forever()

    async def end(self, how: Any, before: bytes = b"") -> None:
        peer = self._peers.pop()
        await peer.send(before)
        await how(peer)
        await anyio.wait_all_tasks_blocked()


@pytest.mark.parametrize("name", SENT_ONCE)
@pytest.mark.parametrize("how", [Peer.hang_up, Peer.reset])
@pytest.mark.parametrize("before", [b"", http(b"", status="408 Request Timeout")], ids=["silently", "with a word"])
async def test_a_connection_that_ended_while_idle_is_not_used(name: str, how: Any, before: bytes) -> None:
    body = httpx.Request("POST", "http://x", json=ANSWERS[name]).content
    async with listening() as api, client_of(api) as client:
        idle = _Idle(api, body)
        for sent in (1, 2, 3):
            await asked(client, name)
            assert (idle.requests, api.connections) == (sent, sent)
            await idle.end(how, before)


async def test_a_write_over_a_connection_that_ends_meanwhile_is_not_sent_twice(api: LocalApi) -> None:
    async with client_of(api) as client:
        api.answers_for("update_connector")
        await asked(client, "update_connector")
        api.last = Scripted(hang_up=True)
        with pytest.raises(ApiUnreachable, match="did not send a whole answer"):
            await asked(client, "update_connector")
    assert len(api.received) == 2
    assert len({request.connection for request in api.received}) == 1


async def test_connections_of_a_burst_are_closed_when_they_were_idle_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening() as api, client_of(api) as client:
        async with anyio.create_task_group() as calls:
            for _ in range(BURST):
                calls.start_soon(client.connectors.list)
        assert (api.connections, api.open_connections) == (BURST, BURST)
        monkeypatch.setattr(transport_pool, "IDLE_SECONDS", -1.0)
        await client.connectors.list()
        await api.has_open(1)


# ---- certificates and names --------------------------------------------------------------------------------------


def _server_context(authority: trustme.CA, name: str, folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    context.load_cert_chain(folder / "server.pem")
    return context


def _trusting(authority: trustme.CA) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())


def _client(api: RawApi, context: ssl.SSLContext) -> VideoVector:
    return VideoVector(api_key=API_KEY, base_url=api.url, verify=context)


@pytest.mark.parametrize("name", ["other.example", "127.0.0.2"])
async def test_a_certificate_of_another_name_gets_nothing_and_is_not_asked_again(
    name: str, pauses: list[float], tmp_path: Path
) -> None:
    authority = trustme.CA()
    async with (
        listening(_server_context(authority, name, tmp_path)) as api,
        _client(api, _trusting(authority)) as client,
    ):
        with pytest.raises(ApiUnreachable, match="no certificate for this name") as caught:
            await client.connectors.list()
    assert (caught.value.code, caught.value.retryable) == ("untrusted", False)
    assert "VIDEOVECTOR_CA_FILE" in caught.value.hint
    assert (api.requests, pauses) == ([], [])


async def test_a_certificate_of_an_unknown_authority_gets_nothing(tmp_path: Path) -> None:
    async with (
        listening(_server_context(trustme.CA(), "127.0.0.1", tmp_path)) as api,
        _client(api, ssl.create_default_context()) as client,
    ):
        with pytest.raises(ApiUnreachable, match="no certificate for this name that is trusted"):
            await client.connectors.list()
        assert not await client.reachable()
    assert api.requests == []


async def test_a_trusted_certificate_of_the_right_name_gets_the_call(tmp_path: Path) -> None:
    authority = trustme.CA()
    async with (
        listening(_server_context(authority, "127.0.0.1", tmp_path)) as api,
        _client(api, _trusting(authority)) as client,
    ):
        assert await client.connectors.list()
    assert len(api.requests) == 1


async def test_a_server_without_tls_is_unreachable_over_tls(pauses: list[float]) -> None:
    async def act(peer: Peer) -> None:
        await peer.send(http(b"", status="400 Bad Request"))

    async with listening() as api:
        api.act = act
        url = api.url.replace("http:", "https:")
        async with VideoVector(api_key=API_KEY, base_url=url, max_retries=1) as client:
            with pytest.raises(ApiUnreachable, match="could not be reached"):
                await client.connectors.list()
    assert len(pauses) == 1


async def test_a_name_that_does_not_resolve_is_told(monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> None:
    def unknown(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, f"unknown {API_KEY}")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    async with VideoVector(api_key=API_KEY, base_url="https://api.example/v2") as client:
        with pytest.raises(ApiUnreachable, match=r"https://api\.example could not be reached") as caught:
            await client.connectors.list()
        assert not await client.reachable()
    assert API_KEY not in f"{caught.value} {caught.value.__cause__}"
    assert len(pauses) == 3


@pytest.mark.parametrize("host", [f"{'a' * 64}.example", "a..example"])
async def test_a_name_that_can_be_none_is_told(host: str) -> None:
    async with VideoVector(api_key=API_KEY, base_url=f"https://{host}", max_retries=0) as client:
        with pytest.raises(ApiUnreachable, match="could not be reached"):
            await client.connectors.list()
        assert not await client.reachable()


# ---- whether the API is there ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "reached"), [(200, True), (204, True), (401, True), (404, True), (429, True), (500, False), (503, False)]
)
async def test_any_answer_but_a_server_error_means_that_the_api_is_there(
    api: LocalApi, pauses: list[float], status: int, *, reached: bool
) -> None:
    api.last = Scripted(status, b"not even JSON")
    seen: list[int] = []
    async with client_of(api, base_url=f"{api.url}/api/v2", seen=seen.append) as client:
        assert await client.reachable() is reached
    assert [(request.method, request.path) for request in api.received] == [("GET", "/api/v2/auth/validate")]
    assert (pauses, seen) == ([], [])


async def test_an_api_that_says_nothing_is_not_there(api: LocalApi) -> None:
    api.last = Scripted(hold=True)
    async with client_of(api, timeout=0.2) as client:
        assert not await client.reachable()


async def test_an_api_that_hangs_up_or_is_gone_is_not_there(api: LocalApi) -> None:
    api.last = Scripted(hang_up=True)
    with running() as closed:
        url = closed.url
    async with client_of(api) as client, client_of(api, base_url=url) as other:
        assert not await client.reachable()
        assert not await other.reachable()
    assert len(api.received) == 1


async def test_a_client_that_is_busy_is_still_told_that_the_api_is_there() -> None:
    async with listening() as api, client_of(api, max_concurrent=1) as client:
        held = anyio.Event()

        async def hold(peer: Peer) -> None:
            await peer.request()
            held.set()
            await anyio.sleep_forever()

        api.act = hold
        async with anyio.create_task_group() as calls:
            calls.start_soon(client.connectors.list)
            await held.wait()
            api.act = None
            assert await client.reachable()
            calls.cancel_scope.cancel()


async def test_any_number_of_questions_within_a_second_asks_the_api_once(api: LocalApi) -> None:
    async with client_of(api) as client:
        async with anyio.create_task_group() as calls:
            for _ in range(50):
                calls.start_soon(client.acting_for(Secret(made("other key"))).reachable)
        assert await client.reachable()
    assert len(api.received) == 1


async def test_after_a_second_the_api_is_asked_again(api: LocalApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "KNOWN_SECONDS", 0.0)
    async with client_of(api) as client:
        for status in (401, 503, 200):
            api.last = Scripted(status)
            assert await client.reachable() is (status != 503)
    assert len(api.received) == 3


async def test_another_path_may_say_whether_the_api_is_there() -> None:
    asked_for: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked_for.append(request.url.path)
        return httpx.Response(503)

    async with scripted(answer, probe="/ready") as client:
        assert not await client.acting_for(Secret(made("other key"))).reachable()
    assert asked_for == ["/api/v2/ready"]


async def test_a_transport_that_was_given_is_closed_once_and_last() -> None:
    closed: list[bool] = []

    class Transport(httpx.MockTransport):
        async def aclose(self) -> None:
            closed.append(True)

    transport = Transport(lambda _: httpx.Response(200, json=[]))
    async with VideoVector(transport=transport) as client:
        async with anyio.create_task_group() as calls:
            for _ in range(5):
                calls.start_soon(client.connectors.list)
        assert closed == []
    assert closed == [True]
