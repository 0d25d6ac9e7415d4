"""PostgreSQL ended and started again under load: beneath an MCP server, and beneath the API behind one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread
import pytest

from mcp_server.embedded.database import upgrade
from tests.embedded.bodies import encryption_key, settings_in
from tests.emulators.postgresql import Postgresql
from tests.faults.api_process import api_process, new_key
from tests.faults.calls import Caller, calling
from tests.faults.loads import Load
from tests.faults.vitals import idle, ready, resident_mib
from tests.http_server.serving import Served, serving

pytestmark = pytest.mark.anyio
BOUND_SECONDS = 30
GROWTH_MIB = 24
WAYS = ("in the MCP server", "in the API behind it")


@dataclass(frozen=True)
class Scene:
    """A database, the process that uses it, and the MCP server, which may be that process."""

    cluster: Postgresql
    user: Served
    served: Served


@pytest.fixture(scope="module")
def cluster() -> Iterator[Postgresql]:
    with Postgresql.running() as cluster:
        yield cluster


@asynccontextmanager
async def scene_of(way: str, folder: Path, cluster: Postgresql, database: str) -> AsyncGenerator[Scene]:
    given = {"VIDEOVECTOR_DATABASE_URL": cluster.url(database), "VIDEOVECTOR_ENCRYPTION_KEY": encryption_key()}
    # Of the MCP server alone: nothing is repeated for the callers, who are to see what happens.
    once = {"VIDEOVECTOR_MAX_RETRIES": "0"}
    if way == WAYS[0]:
        with serving(folder, settings=given) as served:
            yield Scene(cluster, served, served)
        return
    with api_process(folder, given) as api:
        settings = {**api.client_settings(await new_key(api.settings, "server", "admin")), **once}
        with serving(folder, settings=settings) as served:
            yield Scene(cluster, api.served, served)


@pytest.fixture(scope="module", params=WAYS)
async def scene(
    request: pytest.FixtureRequest, cluster: Postgresql, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Scene]:
    folder = tmp_path_factory.mktemp("database")
    with cluster.database() as name:
        await upgrade(settings_in(folder, database_url=cluster.url(name)))
        async with scene_of(request.param, folder, cluster, name) as scene:
            yield scene


@pytest.fixture
async def caller(scene: Scene) -> AsyncIterator[Caller]:
    async with calling(scene.served) as caller:
        yield caller


async def stopped_under(load: Load, scene: Scene, *, crash: bool) -> None:
    """Ended and started again in mid-load; calls fail meanwhile, and no longer."""
    await anyio.to_thread.run_sync(lambda: scene.cluster.stop(crash=crash))
    try:
        await load.fails()
        await ready(load.caller.http, scene.user, 503)
    finally:
        await anyio.to_thread.run_sync(scene.cluster.start)
    await load.works()
    await ready(load.caller.http, scene.user, 200)


async def test_a_database_that_restarts_costs_callers_a_repetition_and_loses_and_doubles_nothing(
    scene: Scene, caller: Caller
) -> None:
    load = Load(caller)
    async with load.running():
        await load.works()
        before = [resident_mib(served) for served in (scene.user, scene.served)]
        for crash in (False, True):
            await stopped_under(load, scene, crash=crash)
    assert load.slowest < BOUND_SECONDS
    assert {(told.code, told.retryable) for told in load.failures} == {("database_unavailable", True)}
    for told in load.failures:
        assert "Try again" in told.text
        assert scene.cluster.password not in told.text
        assert load.body["aws_secret_access_key"] not in told.text
    assert (await caller.done("list_connectors"))["total"] == len(load.made) == len(set(load.made.values()))
    await idle(caller.http, caller.served)
    after = [resident_mib(served) for served in (scene.user, scene.served)]
    assert all(now - then < GROWTH_MIB for then, now in zip(before, after, strict=True))
    for served in (scene.user, scene.served):
        assert scene.cluster.password not in served.said()
        assert "Traceback" not in served.said()
