"""Who listens hears what tools and pages changed: over stdio, in both eras, on the embedded API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from anyio.lowlevel import checkpoint
from mcp import Client, MCPError
from mcp.client.subscriptions import Subscription
from mcp_types import INVALID_PARAMS, INVALID_REQUEST

from mcp_server import changes, wire
from mcp_server.changes import LIST_URI, ONE_URI, OWN_ACCOUNT, Changes
from mcp_server.errors import ApiMisbehaved, ApiRefused, ApiUnreachable, ConfigurationError, ConnectorError
from mcp_server.prompts import CONNECT
from mcp_server.sessions import MAX_URIS
from mcp_server.transports import build_server
from tests.answering import TYPED, without_secrets
from tests.listening import LISTS, Ear, created, deleted, listening, subscribe, unsubscribe
from tests.materials import ROWS, arguments
from tests.sessions import DATA_DIR, ERAS, HANDSHAKE_VERSION, Lines, Session, connected, modern
from tests.tool_calls import Api, backed
from tests.visiting import link_in, visiting

pytestmark = pytest.mark.anyio


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
async def session(era: str, ear: Ear, tmp_path: Path) -> AsyncIterator[Session]:
    async with connected(era, {DATA_DIR: str(tmp_path / "data")}, message_handler=ear.hear) as session:
        yield session


async def test_what_tools_change_is_told_and_what_they_read_is_not(session: Session, era: str, ear: Ear) -> None:
    one, other = await created(session, "Archive"), await created(session, "Other")
    uri = ONE_URI.format(connector_id=one)
    async with listening(session.client, ear, era, LIST_URI, uri):
        await session.call("list_connectors")
        await session.call("get_connector", connector_id=one)
        await session.call("update_connector", connector_id=one, import_mode="new_only")
        assert await ear.until(LIST_URI, uri) == [LIST_URI, uri]
        await session.call("update_connector", connector_id=one, name="Renamed")
        assert sorted(await ear.until(LIST_URI, uri, LISTS)) == sorted((LIST_URI, uri, LISTS))
        await session.call("test_connector", connector_id=one)
        assert await ear.until(LIST_URI, uri) == [LIST_URI, uri]
        await session.call("update_connector", connector_id=other, import_mode="new_only")
        assert await ear.until(LIST_URI) == [LIST_URI]
        await created(session, "Another")
        assert sorted(await ear.until(LIST_URI, LISTS)) == sorted((LIST_URI, LISTS))
        await deleted(session, one, "Renamed")
        assert sorted(await ear.until(LIST_URI, uri, LISTS)) == sorted((LIST_URI, uri, LISTS))


async def test_what_a_page_changes_is_told_too(session: Session, era: str, ear: Ear) -> None:
    known = without_secrets("create_s3_connector")
    link = link_in(await session.refused("create_s3_connector", **known))
    async with listening(session.client, ear, era, LIST_URI), visiting(link) as visit:
        await visit.send(**TYPED["s3"])
        assert set(await ear.until(LIST_URI, LISTS)) == {LIST_URI, LISTS}


async def test_what_is_refused_changes_nothing(session: Session, era: str, ear: Ear) -> None:
    async with listening(session.client, ear, era, LIST_URI):
        await session.refused("update_connector", connector_id="conn_none", name="Renamed")
        one = await created(session, "Archive")
        assert sorted(await ear.until(LIST_URI, LISTS)) == sorted((LIST_URI, LISTS))
        await session.call("test_connector", connector_id=one)
        assert await ear.until(LIST_URI) == [LIST_URI]


async def heard_of(name: str, error: BaseException) -> list[str]:
    """What listeners are told of a call that ends so."""
    heard: list[str] = []
    changes = Changes()
    with changes.heard(OWN_ACCOUNT) as audience:
        audience.subscribe(lambda event: heard.append(getattr(event, "uri", LISTS)))
        with pytest.raises(type(error)):
            await changes.told_by(Api(error=error).ask)(ROWS[name], wire.parse(ROWS[name], arguments(name)))
    return heard


@pytest.mark.parametrize(
    "error",
    [
        ApiUnreachable("No answer came."),
        ApiMisbehaved("The answer is of no documented shape."),
        ApiRefused(503, "unavailable", "The API is down."),
        asyncio.CancelledError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_may_have_changed_is_told_as_if_it_had(error: BaseException) -> None:
    one = ONE_URI.format(connector_id=arguments("get_connector")["connector_id"])
    assert await heard_of("test_connector", error) == [LIST_URI, one]
    assert await heard_of("update_connector", error) == [LIST_URI, one, LISTS]
    assert await heard_of("delete_connector", error) == [LIST_URI, one, LISTS]
    assert await heard_of("create_gcs_connector", error) == [LIST_URI, LISTS]
    assert await heard_of("get_connector", error) == []


@pytest.mark.parametrize("error", [ApiRefused(404, "not_found", "No such connector."), ConfigurationError("No key.")])
async def test_what_cannot_have_changed_is_not_told(error: ConnectorError) -> None:
    assert await heard_of("update_connector", error) == []


# ---- sessions of the older protocols -------------------------------------------------------------------------------


@pytest.mark.parametrize("era", ["legacy"])
async def test_a_session_that_never_asked_for_resources_is_told_nothing(session: Session, era: str, ear: Ear) -> None:
    one = await created(session, "Archive")
    uri = ONE_URI.format(connector_id=one)
    await subscribe(session.client, uri)
    await session.call("test_connector", connector_id=one)
    assert await ear.until(uri) == [uri]
    await unsubscribe(session.client, uri)
    await unsubscribe(session.client, uri)
    await subscribe(session.client, LIST_URI)
    await session.call("test_connector", connector_id=one)
    assert await ear.until(LIST_URI) == [LIST_URI]


@pytest.mark.parametrize("era", ["legacy"])
async def test_what_cannot_be_subscribed_to_is_refused(session: Session, era: str) -> None:
    for uri in ("file:///etc/passwd", "connectors://"):
        with pytest.raises(MCPError, match="Those of connectors are") as refused:
            await subscribe(session.client, uri)
        assert refused.value.error.code == INVALID_PARAMS
    for number in range(MAX_URIS):
        await subscribe(session.client, ONE_URI.format(connector_id=f"conn_{number}"))
    with pytest.raises(MCPError, match="may subscribe to 1000 resources"):
        await subscribe(session.client, LIST_URI)


def test_a_client_that_never_says_that_it_is_initialized_cannot_subscribe(lines: Lines) -> None:
    about = {"protocolVersion": HANDSHAKE_VERSION, "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}}
    lines.ask("initialize", about)
    refused = lines.ask("resources/subscribe", {"uri": LIST_URI})["error"]
    assert refused["code"] == INVALID_REQUEST
    assert "notifications/initialized" in refused["message"]
    assert lines.ask("resources/unsubscribe", {"uri": LIST_URI})["result"] == {}
    assert lines.ask("resources/list")["result"]["resources"]
    for _ in range(3):
        lines.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert lines.ask("resources/subscribe", {"uri": LIST_URI})["result"] == {}
    again = lines.ask("initialize", about)["error"]
    assert (again["code"], again["message"]) == (INVALID_REQUEST, "This session is initialized already.")
    assert lines.end() == 0


@pytest.mark.parametrize("first", ["a request", "nothing"])
def test_that_a_session_is_initialized_means_nothing_where_there_is_none(first: str, lines: Lines) -> None:
    if first == "a request":
        lines.ask("tools/list", modern())
    lines.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert lines.ask("prompts/list", modern())["result"]["prompts"][0]["name"] == CONNECT
    assert lines.end() == 0


# ---- streams of 2026-07-28 -----------------------------------------------------------------------------------------


def honored(stream: Subscription) -> dict[str, object]:
    return stream.honored.model_dump(exclude_none=True, by_alias=True)


@pytest.mark.parametrize("era", [ERAS[1]])
async def test_a_stream_says_what_of_the_wanted_it_will_tell(session: Session) -> None:
    uris = [LIST_URI, "file:///etc/passwd", "connectors://conn_1"]
    async with session.client.listen(
        tools_list_changed=True, prompts_list_changed=True, resources_list_changed=True, resource_subscriptions=uris
    ) as stream:
        assert honored(stream) == {
            "resourcesListChanged": True,
            "resourceSubscriptions": [LIST_URI, "connectors://conn_1"],
        }
    async with session.client.listen(tools_list_changed=True) as stream:
        assert honored(stream) == {}
    many = [ONE_URI.format(connector_id=f"conn_{number}") for number in range(MAX_URIS + 1)]
    with pytest.raises(MCPError, match="may subscribe to 1000 resources"):
        async with session.client.listen(resource_subscriptions=many):
            pass


async def test_who_may_not_read_hears_nothing_of_it(era: str, ear: Ear, tmp_path: Path) -> None:
    settings = {DATA_DIR: str(tmp_path / "data"), "VIDEOVECTOR_EXCLUDE_TOOLS": "list_connectors"}
    async with connected(era, settings, message_handler=ear.hear) as session:
        one = await created(session, "Archive")
        uri = ONE_URI.format(connector_id=one)
        if era == "legacy":
            with pytest.raises(MCPError, match="list_connectors is not allowed here"):
                await subscribe(session.client, LIST_URI)
        wanted = (uri,) if era == "legacy" else (LIST_URI, uri)
        async with listening(session.client, ear, era, *wanted):
            await created(session, "Other")
            await session.call("update_connector", connector_id=one, name="Renamed")
            assert await ear.until(uri) == [uri]


# ---- what it costs, and that it ends -------------------------------------------------------------------------------


async def test_an_account_on_which_nobody_listens_any_more_is_forgotten() -> None:
    changes = Changes()
    with changes.heard("one") as first, changes.heard("one") as second, changes.heard("two") as other:
        assert first is second is not other
        assert set(changes.audiences) == {"one", "two"}
    assert changes.audiences == {}


def capabilities(lines: Lines, era: str) -> dict[str, dict[str, bool]]:
    if era == "legacy":
        said: dict[str, dict[str, bool]] = lines.initialize()["capabilities"]
        return said
    discovered: dict[str, dict[str, bool]] = lines.ask("server/discover", modern())["result"]["capabilities"]
    return discovered


def test_a_client_of_stdio_is_promised_changes_of_resources_and_of_nothing_else(era: str, lines: Lines) -> None:
    said = capabilities(lines, era)
    assert said["resources"] == {"subscribe": True, "listChanged": True}
    assert said["tools"] == said["prompts"] == {"listChanged": False}
    assert said["completions"] == {}


async def test_of_callers_who_share_an_account_none_takes_all_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MAX_STREAMS_A_CALLER", 2)
    caller = "one"
    backing = backed(Api())
    server = build_server(lambda: replace(backing, caller=caller))
    async with Client(server, mode=ERAS[1]) as client, AsyncExitStack() as streams:
        for _ in range(2):
            await streams.enter_async_context(client.listen(resources_list_changed=True))
        with pytest.raises(MCPError, match="end one of them first"):
            await streams.enter_async_context(client.listen(resources_list_changed=True))
        caller = "other"
        async with client.listen(resources_list_changed=True):
            (audience,) = backing.changes.audiences.values()
            assert audience.places == {"one": 2, "other": 1}
        with anyio.fail_after(10):
            while "other" in audience.places:
                await checkpoint()
        await streams.aclose()
    await anyio.wait_all_tasks_blocked()
    assert not audience.places


@pytest.mark.parametrize("era", [ERAS[1]])
async def test_a_server_that_ends_says_so_on_its_streams_and_opens_no_more(era: str) -> None:
    backing = backed(Api())
    async with Client(build_server(lambda: backing), mode=era) as client:
        async with client.listen(resources_list_changed=True) as stream:
            backing.changes.end()
            assert [event async for event in stream] == []
        with pytest.raises(MCPError, match="This server ends"):
            async with client.listen(resources_list_changed=True):
                pass
    await checkpoint()
