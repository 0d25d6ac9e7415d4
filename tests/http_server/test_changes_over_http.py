"""Who listens over HTTP hears what changed on the same account, in every way of connecting that can tell it."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import httpx
import pytest
from anyio.lowlevel import checkpoint
from mcp import Client, MCPError
from mcp_types import INVALID_REQUEST, METHOD_NOT_FOUND

from mcp_server.changes import LIST_URI, ONE_URI
from mcp_server.http_server.drain import Drain
from mcp_server.prompts import DIAGNOSE
from tests.api_keys import keys_of_two
from tests.http_server.serving import Served, serving, session_of
from tests.listening import LISTS, Ear, created, deleted, listening, subscribe
from tests.sessions import ERAS, Session

pytestmark = pytest.mark.anyio
MODERN = ERAS[1]
KEPT = {"sse": ("--transport", "sse"), "legacy": ("--stateful",), MODERN: ()}
"""How a server is started that keeps what a client of each kind needs to be told something."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("changes")


@pytest.fixture(scope="module")
def keys(folder: Path) -> Mapping[str, str]:
    """Of two tenants with all rights, and of one who may read nothing."""
    return keys_of_two(folder / "data", writer="write")


@pytest.fixture(scope="module", params=list(KEPT))
def mode(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def served(mode: str, folder: Path, keys: Mapping[str, str]) -> Generator[Served]:
    with serving(folder, "--auth", "api-key", "--rate-limit", "0", *KEPT[mode]) as served:
        yield served


async def attended(session: Session, ear: Ear, connector_id: str) -> None:
    """The client's stream is open: what happens is heard. A session opens it when it is ready."""
    while not ear.heard:
        await session.call("test_connector", connector_id=connector_id)
        await anyio.wait_all_tasks_blocked()
    await checkpoint()


async def test_nobody_hears_of_another_account(served: Served, mode: str, keys: Mapping[str, str]) -> None:
    ears = {tenant: Ear() for tenant in ("one", "two")}
    async with AsyncExitStack() as stack:
        sessions: dict[str, Session] = {}
        for tenant, ear in ears.items():
            opened = session_of(served, mode, headers={"X-API-Key": keys[tenant]}, message_handler=ear.hear)
            sessions[tenant] = await stack.enter_async_context(opened)
        made = {tenant: await created(session, tenant) for tenant, session in sessions.items()}
        uris = {tenant: ONE_URI.format(connector_id=connector_id) for tenant, connector_id in made.items()}
        for tenant, session in sessions.items():
            await stack.enter_async_context(listening(session.client, ears[tenant], mode, LIST_URI, *uris.values()))
            await attended(session, ears[tenant], made[tenant])
        await deleted(sessions["one"], made["one"], "one")
        assert set(await ears["one"].until(uris["one"], LISTS)) == {LIST_URI, uris["one"], LISTS}
        await sessions["two"].call("update_connector", connector_id=made["two"], name="two again")
        assert set(await ears["two"].until(uris["two"], LISTS)) == {LIST_URI, uris["two"], LISTS}
        await deleted(sessions["two"], made["two"], "two again")
        assert set(await ears["two"].until(uris["two"], LISTS)) == {LIST_URI, uris["two"], LISTS}
        assert set(ears["one"].heard) <= {LIST_URI, uris["one"], LISTS}


async def test_who_may_not_read_reads_and_hears_nothing(served: Served, mode: str, keys: Mapping[str, str]) -> None:
    ear = Ear()
    async with session_of(served, mode, headers={"X-API-Key": keys["writer"]}, message_handler=ear.hear) as session:
        assert (await session.client.list_resources()).resources == []
        assert (await session.client.list_resource_templates()).resource_templates == []
        assert [each.name for each in (await session.client.list_prompts()).prompts if each.name == DIAGNOSE] == []
        with pytest.raises(MCPError, match="list_connectors needs the scope read") as refused:
            await session.client.read_resource(LIST_URI)
        assert refused.value.error.code == INVALID_REQUEST
        if mode == MODERN:
            async with session.client.listen(resources_list_changed=True, resource_subscriptions=[LIST_URI]) as stream:
                assert stream.honored.model_dump(exclude_none=True) == {}
        else:
            with pytest.raises(MCPError, match="list_connectors needs the scope read"):
                await subscribe(session.client, LIST_URI)


def figure(served: Served, key: str, name: str) -> float:
    lines = httpx.get(
        f"{served.url}/metrics", headers={"X-API-Key": key}, trust_env=False, timeout=60
    ).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


async def test_what_is_read_and_prompted_is_counted(served: Served, mode: str, keys: Mapping[str, str]) -> None:
    async with session_of(served, mode, headers={"X-API-Key": keys["one"]}) as session:
        for outcome, uri in (("ok", LIST_URI), ("refused", "connectors://x/y")):
            name = f'videovector_mcp_requests_total{{method="resources/read",outcome="{outcome}"}}'
            before = figure(served, keys["one"], name)
            try:
                await session.client.read_resource(uri, cache_mode="bypass")
            except MCPError:
                assert outcome == "refused"
            assert figure(served, keys["one"], name) == before + 1


# ---- where nothing can be told, nothing is promised ----------------------------------------------------------------


def promised(client: Client) -> tuple[object, object]:
    resources = client.server_capabilities.resources
    assert resources is not None
    return resources.subscribe, resources.list_changed


async def test_without_sessions_only_streams_are_told(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        async with session_of(served, "legacy") as session:
            assert promised(session.client) == (False, False)
            with pytest.raises(MCPError) as refused:
                await subscribe(session.client, LIST_URI)
            assert refused.value.error.code == METHOD_NOT_FOUND
            assert [each.uri for each in (await session.client.list_resources()).resources] == [LIST_URI]
        async with session_of(served, "auto") as session:
            assert promised(session.client) == (True, True)


async def test_with_several_processes_nobody_is_told(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as served:
        for mode in ("legacy", "auto"):
            async with session_of(served, mode) as session:
                assert promised(session.client) == (False, False)
        async with session_of(served, MODERN) as session:
            with pytest.raises(MCPError) as refused:
                async with session.client.listen(resources_list_changed=True):
                    pass
            assert refused.value.error.code == METHOD_NOT_FOUND


# ---- the end -------------------------------------------------------------------------------------------------------


async def test_a_server_that_ends_does_not_wait_for_who_only_listens(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        async with session_of(served, MODERN) as session, session.client.listen(resources_list_changed=True) as stream:
            began = time.monotonic()
            status = await anyio.to_thread.run_sync(served.ended)
            assert [event async for event in stream] == []
        assert status == 0
        assert time.monotonic() - began < 20


def test_work_that_does_not_end_by_itself_is_told_once() -> None:
    drain, told = Drain(), list[bool]()
    drain.before(lambda: told.append(drain.draining))
    assert told == []
    drain.begin()
    assert told == [True]
