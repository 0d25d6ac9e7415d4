"""A client that acts for others: each caller's key goes with that caller's requests, and with nothing else."""

from __future__ import annotations

import json
import re
from typing import Any

import anyio
import pytest

from mcp_server import operations as op
from mcp_server.client import VideoVector
from mcp_server.errors import ApiMisbehaved, ApiRefused, ApiUnreachable, ConfigurationError, ConnectorError
from mcp_server.redaction import Secret, scrub_active
from tests.client.calling import LocalApi, Scripted, answering, asked, client_of, scripted
from tests.client.raw_api import Peer, RawApi, http, listening
from tests.materials import API_KEY, CONNECTOR, NAMES, made

pytestmark = pytest.mark.anyio

TENANTS = tuple("_".join(("sk", "live", made(f"tenant {number}", 48))) for number in range(2))
CALLS = 64
ROUNDS = 3


def _key_in(request: bytes) -> str:
    found = re.findall(rb"(?i)\r\nx-api-key: *([^\r]*)\r", request)
    assert len(found) == 1
    key: bytes = found[0]
    return key.decode()


class _Echo:
    """Answers with the key that it saw, and only when all calls of a round have come, the last first."""

    def __init__(self, api: RawApi, together: int) -> None:
        self._api = api
        self._together = together
        self._waiting: list[anyio.Event] = []

    async def __call__(self, peer: Peer) -> None:
        while True:
            request = await peer.request()
            self._api.requests.append(request)
            await self._gather()
            key = _key_in(request)
            body = json.dumps([{**CONNECTOR, "name": key}]).encode()
            await peer.send(http(body, f"Set-Cookie: session={key}; Path=/"))

    async def _gather(self) -> None:
        turn = anyio.Event()
        self._waiting.append(turn)
        if len(self._waiting) == self._together:
            self._waiting.pop().set()
        await turn.wait()
        if self._waiting:
            self._waiting.pop().set()


async def _ask_all(client: VideoVector, key: str, wrong: list[str]) -> None:
    async def call() -> None:
        (connector,) = await client.connectors.list()
        wrong.extend([connector.name] if connector.name != key else [])

    async with anyio.create_task_group() as calls:
        for _ in range(CALLS):
            calls.start_soon(call)


async def test_keys_of_two_callers_never_mix() -> None:
    wrong: list[str] = []
    async with listening() as api, client_of(api, max_concurrent=len(TENANTS) * CALLS) as own:
        api.act = _Echo(api, len(TENANTS) * CALLS)
        for _ in range(ROUNDS):
            async with anyio.create_task_group() as tenants:
                for key in TENANTS:
                    tenants.start_soon(_ask_all, own.acting_for(Secret(key)), key, wrong)
    assert wrong == []
    assert len(api.requests) == ROUNDS * len(TENANTS) * CALLS
    assert api.connections == len(TENANTS) * CALLS
    assert not [request for request in api.requests if b"cookie" in request.lower() or API_KEY.encode() in request]


@pytest.mark.parametrize("name", NAMES)
async def test_a_view_sends_its_own_key_and_nothing_of_the_clients(api: LocalApi, name: str) -> None:
    api.answers_for(name)
    async with client_of(api) as own:
        await asked(own.acting_for(Secret(TENANTS[0])), name)
    (request,) = api.received
    assert request.headers["x-api-key"] == TENANTS[0]
    assert API_KEY not in f"{request.headers} {request.path}"
    assert API_KEY.encode() not in request.body


async def test_a_view_of_a_view_has_the_last_key_and_the_client_keeps_its_own(api: LocalApi) -> None:
    async with client_of(api) as own:
        await own.acting_for(Secret(TENANTS[0])).acting_for(Secret(TENANTS[1])).connectors.list()
        await own.connectors.list()
    assert [request.headers["x-api-key"] for request in api.received] == [TENANTS[1], API_KEY]
    assert len({request.connection for request in api.received}) == 1


async def test_closing_a_view_closes_nothing(api: LocalApi) -> None:
    async with client_of(api) as own:
        async with own.acting_for(Secret(TENANTS[0])) as view:
            await view.connectors.list()
        await view.connectors.list()
        await own.connectors.list()
    assert len({request.connection for request in api.received}) == 1


async def test_a_callers_key_is_scrubbed_from_its_errors_and_guarded_while_it_is_used(api: LocalApi) -> None:
    logged: list[str] = []
    api.last = Scripted(400, json.dumps({"error": {"code": "bad", "message": f"Not {TENANTS[0]}"}}).encode())

    def log(_: int) -> None:
        logged.append(scrub_active(f"With {TENANTS[0][8:]}"))

    async with client_of(api, seen=log) as own:
        with pytest.raises(ApiRefused) as caught:
            await own.acting_for(Secret(TENANTS[0])).connectors.list()
    assert TENANTS[0] not in f"{caught.value} {caught.value.__dict__}"
    assert logged == ["With [redacted api_key]"]


@pytest.mark.parametrize("key", ["", " ", f"{made('odd key')}\r\nX-Other: 1", f" {made('odd key')}", "schlüssel"])
async def test_a_text_that_can_be_no_key_is_refused_and_not_shown(api: LocalApi, key: str) -> None:
    async with client_of(api) as own:
        with pytest.raises(ConfigurationError, match="printable ASCII") as caught:
            own.acting_for(Secret(key))
    assert made("odd key") not in str(caught.value)
    assert api.received == []


async def test_a_view_prints_without_its_key() -> None:
    async with VideoVector(api_key=API_KEY) as own:
        assert TENANTS[0] not in repr(own.acting_for(Secret(TENANTS[0])))


# ---- what a key may do -------------------------------------------------------------------------------------------


async def scopes_of(answer: object, status: int = 200) -> frozenset[str] | None:
    async with scripted(answering(json.dumps(answer), status), max_retries=0) as client:
        return await client.key_scopes()


async def test_the_key_of_the_caller_is_asked_about(api: LocalApi) -> None:
    api.last = Scripted(body=b'{"valid": true, "scopes": ["read", "write"]}')
    async with client_of(api, base_url=f"{api.url}/api/v2") as own:
        assert await own.acting_for(Secret(TENANTS[0])).key_scopes() == frozenset({"read", "write"})
    (request,) = api.received
    assert (request.method, request.path, request.body) == ("GET", "/api/v2/auth/validate", b"")
    assert request.headers["x-api-key"] == TENANTS[0]


@pytest.mark.parametrize(
    ("answer", "scopes"),
    [
        ({"valid": True, "scopes": ["admin"]}, frozenset({"admin"})),
        ({"valid": True, "scopes": []}, frozenset[str]()),
        ({"scopes": ["read", "read"]}, frozenset({"read"})),
    ],
)
async def test_named_scopes_are_told(answer: Any, scopes: frozenset[str]) -> None:
    assert await scopes_of(answer) == scopes


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        "yes",
        True,
        None,
        1,
        {"valid": True},
        *({"scopes": odd} for odd in (None, "read", {"read": 1}, [1, "read"])),
    ],
)
async def test_of_another_shape_only_the_api_knows(answer: Any) -> None:
    assert await scopes_of(answer) is None


@pytest.mark.parametrize("status", [200, 204])
async def test_an_empty_approval_says_nothing_of_scopes(status: int) -> None:
    async with scripted(answering("", status)) as client:
        assert await client.key_scopes() is None


@pytest.mark.parametrize("valid", [False, None, 0, "false", "true", 1, []])
async def test_a_key_that_is_not_called_valid_is_refused(valid: Any) -> None:
    with pytest.raises(ApiRefused) as caught:
        await scopes_of({"valid": valid, "scopes": ["admin"]})
    assert (caught.value.status, caught.value.retryable) == (401, False)


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500])
async def test_a_refused_key_is_an_error_with_its_status(status: int) -> None:
    with pytest.raises(ApiRefused) as caught:
        await scopes_of({"error": {"code": "no", "message": f"Not {API_KEY}"}}, status)
    assert (caught.value.status, caught.value.code) == (status, "no")
    assert API_KEY not in str(caught.value)


@pytest.mark.parametrize(("status", "body"), [(302, b""), (200, b"<html>Log in</html>"), (200, b"[" * 100_000)])
async def test_what_is_no_answer_of_the_api_lets_nobody_in(status: int, body: bytes) -> None:
    async with scripted(answering(body, status)) as client:
        with pytest.raises(ApiMisbehaved):
            await client.key_scopes()


@pytest.mark.parametrize("status", [429, 503])
async def test_an_api_that_has_no_time_is_not_asked_again(api: LocalApi, pauses: list[float], status: int) -> None:
    api.script = [Scripted(status)]
    async with client_of(api) as client:
        with pytest.raises(ApiRefused) as caught:
            await client.key_scopes()
    assert caught.value.status == status
    assert (len(api.received), pauses) == (1, [])


async def test_an_api_that_is_gone_is_no_refusal(api: LocalApi, pauses: list[float]) -> None:
    api.last = Scripted(hang_up=True)
    async with client_of(api) as client:
        with pytest.raises(ApiUnreachable) as caught:
            await client.key_scopes()
    assert isinstance(caught.value, ConnectorError)


def test_asking_about_a_key_is_no_tool() -> None:
    assert "validate_api_key" not in {row.name for row in op.OPERATIONS}
