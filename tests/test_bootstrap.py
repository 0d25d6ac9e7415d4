"""The room that picks the transport: the real API with a key, the embedded one without, opened once and closed."""

from __future__ import annotations

import base64
import json
import secrets
import socket
import sqlite3
import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest
import trustme
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSListener

from mcp_server import bootstrap
from mcp_server import operations as op
from mcp_server.client import VideoVector
from mcp_server.credentials.tickets import Desk
from mcp_server.errors import ApiRefused, ApiUnreachable, ConfigurationError
from mcp_server.redaction import Scrubber
from mcp_server.settings import DEFAULT_BASE_URL, Settings, load
from mcp_server.tools import TOOL_BY_NAME, Backing
from tests import tool_calls
from tests.materials import API_KEY, ARGUMENTS, CONNECTOR
from tests.tool_calls import backed, finished

pytestmark = pytest.mark.anyio

LISTING = op.ListConnectors()


@dataclass
class Heard:
    """What an API of one answer heard."""

    url: str
    heads: list[str] = field(default_factory=list[str])


def _respond(heard: Heard, body: bytes) -> Callable[[ByteStream], Any]:
    async def respond(stream: ByteStream) -> None:
        async with stream:
            heard.heads.append((await stream.receive()).decode())
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            await stream.send(head.encode() + b"Connection: close\r\n\r\n" + body)

    return respond


@asynccontextmanager
async def answering(tls: ssl.SSLContext | None = None) -> AsyncGenerator[Heard]:
    """An API whose every answer is a list of one connector, over TLS if a context is given."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra_attributes[SocketAttribute.local_port]()
    heard = Heard(f"{'https' if tls else 'http'}://127.0.0.1:{port}/some/where/v2")
    served = TLSListener(listener, tls, standard_compatible=False) if tls else listener
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(served.serve, _respond(heard, json.dumps([CONNECTOR]).encode()))
        yield heard
        tasks.cancel_scope.cancel()


def keyed(url: str, **flags: str) -> tuple[str, Settings]:
    key = f"sk_live_{secrets.token_hex(24)}"
    return key, load({"api_key": key, "base_url": url, "max_retries": "0", **flags}, {})


def embedded(folder: Path, **flags: str) -> Settings:
    return load({"data_dir": str(folder), **flags}, {})


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# ---- with a key --------------------------------------------------------------------------------------------------


async def test_with_a_key_the_calls_go_to_the_api_below_its_path_with_the_key(tmp_path: Path) -> None:
    async with answering() as api:
        key, settings = keyed(api.url, data_dir=str(tmp_path / "data"))
        async with bootstrap.open_client(settings) as client:
            assert [one.connector_id for one in await client.connectors.list()] == [CONNECTOR["connector_id"]]
    head = api.heads[0].splitlines()
    assert head[0] == "GET /some/where/v2/connectors HTTP/1.1"
    assert f"x-api-key: {key}" in [line.replace("X-API-Key", "x-api-key") for line in head]
    assert any(line.lower().startswith("user-agent: videovector-connectors/") for line in head)
    assert not (tmp_path / "data").exists()


async def test_the_authorities_of_the_operators_file_are_trusted_and_others_are_not(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    context.load_cert_chain(tmp_path / "server.pem")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with answering(context) as api:
        _, settings = keyed(api.url, ca_file=str(tmp_path / "ca.pem"))
        async with bootstrap.open_client(settings) as client:
            assert len(await client.connectors.list()) == 1
        _, without = keyed(api.url)
        async with bootstrap.open_client(without) as client:
            with pytest.raises(ApiUnreachable):
                await client.connectors.list()


# ---- without one -------------------------------------------------------------------------------------------------


async def test_without_a_key_the_embedded_api_answers_in_process_and_no_port_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bind(*_: object) -> None:
        raise AssertionError("a socket was bound or connected")

    monkeypatch.setattr(socket.socket, "bind", bind)
    monkeypatch.setattr(socket.socket, "connect", bind)
    async with bootstrap.open_client(embedded(tmp_path)) as client:
        assert await client.connectors.list() == []
        with pytest.raises(ApiRefused) as refused:
            await client.connectors.retrieve("conn_1")
    assert refused.value.code == "connector_not_found"


async def test_the_served_api_wants_a_key_and_the_one_in_process_does_not(tmp_path: Path) -> None:
    import httpx

    for authenticate, status in ((True, 401), (False, 200)):
        async with bootstrap.open_api(embedded(tmp_path), authenticate=authenticate) as app:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost/api/v2") as http:
                assert (await http.get("/connectors")).status_code == status


# ---- what the tools stand on --------------------------------------------------------------------------------------


def stands_on(**flags: str) -> Backing:
    return bootstrap.backing(load(flags, {}), tool_calls.Api().ask, Desk(lambda: "http://127.0.0.1:9"))


def test_the_tools_stand_on_what_the_settings_say(tmp_path: Path) -> None:
    book = tmp_path / "credentials.toml"
    book.write_text('[studio]\nprovider = "s3"\naws_profile = "studio"\n', encoding="utf-8")
    book.chmod(0o600)
    one = stands_on(credentials_file=str(book), inline_secrets="deny", open_browser="yes", api_key=API_KEY)
    assert (one.site.own_secrets, one.site.destination) == ({API_KEY: "api_key"}, DEFAULT_BASE_URL)
    assert (one.intake.inline, one.intake.names(op.CREATE_S3_CONNECTOR)) == (False, {"s3": ("studio",)})
    assert one.reception is not None
    assert one.reception.open_browser


def test_without_settings_secrets_are_taken_sealed_here_and_no_browser_is_opened(tmp_path: Path) -> None:
    one = stands_on()
    assert one.intake.inline
    assert one.site.own_secrets == {}
    assert "this computer" in one.site.destination
    assert one.reception is not None
    assert not one.reception.open_browser


def test_a_file_of_named_credentials_is_verified_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no such file"):
        bootstrap.verify_credentials(load({"credentials_file": str(tmp_path / "none.toml")}, {}))


# ---- a client that opens late ------------------------------------------------------------------------------------


@asynccontextmanager
async def lazy(settings: Settings) -> AsyncGenerator[bootstrap.LazyClient]:
    client = bootstrap.LazyClient(settings)
    try:
        yield client
    finally:
        await client.aclose()


async def test_nothing_is_opened_before_the_first_call_and_closing_then_is_nothing(tmp_path: Path) -> None:
    async with lazy(embedded(tmp_path / "data")):
        """No call."""
    assert not (tmp_path / "data").exists()


async def test_many_first_calls_at_once_open_one_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Settings] = []
    closed: list[Settings] = []
    real = bootstrap.open_client

    @asynccontextmanager
    async def counting(settings: Settings) -> AsyncGenerator[VideoVector]:
        opened.append(settings)
        async with real(settings) as client:
            yield client
        closed.append(settings)

    monkeypatch.setattr(bootstrap, "open_client", counting)
    async with lazy(embedded(tmp_path)) as client:
        async with anyio.create_task_group() as calls:
            for _ in range(20):
                calls.start_soon(client.ask, op.LIST_CONNECTORS, LISTING)
        assert (len(opened), len(closed)) == (1, 0)
    assert (len(opened), len(closed)) == (1, 1)


async def test_a_first_call_that_is_given_up_while_opening_spoils_nothing(tmp_path: Path) -> None:
    async with lazy(embedded(tmp_path)) as client:
        async with anyio.create_task_group() as calls:
            calls.start_soon(client.ask, op.LIST_CONNECTORS, LISTING)
            await anyio.lowlevel.checkpoint()
            calls.cancel_scope.cancel()
        assert await client.ask(op.LIST_CONNECTORS, LISTING) == []


def newer(folder: Path) -> Callable[[], None]:
    """Make the database one that a newer version wrote; returns what undoes it."""
    database = folder / "connectors.db"
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    return database.unlink


def broken_key(folder: Path) -> Callable[[], None]:
    key = folder / "encryption.key"
    key.write_bytes(b"this is no key\n")
    key.chmod(0o600)
    return key.unlink


def no_database(folder: Path) -> Callable[[], None]:
    database = folder / "connectors.db"
    database.write_bytes(b"this is no database, and long enough that nobody takes it for an empty one" * 20)
    return database.unlink


@pytest.mark.parametrize("spoil", [newer, broken_key, no_database])
async def test_an_opening_that_fails_is_a_clear_tool_error_and_the_next_call_tries_again(
    spoil: Callable[[Path], Callable[[], None]], tmp_path: Path
) -> None:
    tool = TOOL_BY_NAME["list_connectors"]
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    undo = spoil(folder)
    async with lazy(embedded(folder)) as client:
        for _ in range(2):
            result = finished(await tool.call(backed(client), {}))
            text = result.model_dump()["content"][0]["text"]
            assert result.is_error
            assert str(folder) in text
            assert "internal_error" not in text
        undo()
        assert finished(await tool.call(backed(client), {})).structured_content is not None


async def test_a_data_folder_that_can_not_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    async with lazy(embedded(tmp_path / "file" / "data")) as client:
        with pytest.raises(ConfigurationError) as refused:
            await client.ask(op.LIST_CONNECTORS, LISTING)
    assert str(tmp_path / "file") in str(refused.value)


async def test_a_key_of_the_settings_needs_no_key_file(tmp_path: Path) -> None:
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    async with lazy(embedded(tmp_path, encryption_key=key)) as client:
        request = op.CreateS3Connector.model_validate(ARGUMENTS["create_s3_connector"])
        made = await client.ask(op.CREATE_S3_CONNECTOR, request)
        assert [one.connector_id for one in await client.ask(op.LIST_CONNECTORS, LISTING)] == [made.connector_id]
    assert "encryption.key" not in files_in(tmp_path)


async def test_after_closing_the_files_are_whole(tmp_path: Path) -> None:
    async with lazy(embedded(tmp_path)) as client:
        await client.ask(op.LIST_CONNECTORS, LISTING)
    assert files_in(tmp_path) == {"connectors.db", "encryption.key"}


def test_a_sealed_cursor_survives_a_restart_where_the_operator_gave_a_key() -> None:
    key, secret = base64.b64encode(secrets.token_bytes(32)).decode(), secrets.token_hex(20)
    before, after = (bootstrap.backing(load({"encryption_key": key}, {}), tool_calls.Api().ask, None) for _ in "ab")
    other = bootstrap.backing(load({}, {}), tool_calls.Api().ask, None)
    sealed = before.site.cursor_seal.sealed(secret, Scrubber({secret: "api_key"}))
    assert secret not in sealed
    assert after.site.cursor_seal.opened(sealed) == secret
    assert other.site.cursor_seal.opened(sealed) == sealed
