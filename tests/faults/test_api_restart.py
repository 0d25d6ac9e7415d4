"""The API's process killed with -9 and started again, again and again, while an MCP server serves many callers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio.to_thread
import pytest

from tests.faults.api_process import ApiProcess, api_process, new_key
from tests.faults.calls import Caller, calling, message
from tests.faults.loads import CALLERS, Load
from tests.faults.vitals import idle, open_sockets, ready, resident_mib
from tests.http_server.serving import Served, serving

pytestmark = pytest.mark.anyio
KILLS = 2
TIMEOUT = 3.0
RETRIES = 1
# Two attempts, the pause between them, and what a loaded machine adds.
BOUND_SECONDS = (1 + RETRIES) * TIMEOUT + 1 + 20
GROWTH_MIB = 24
BOUNDS = {"VIDEOVECTOR_TIMEOUT": str(int(TIMEOUT * 1000)), "VIDEOVECTOR_MAX_RETRIES": str(RETRIES)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("killed")


@pytest.fixture(scope="module")
def api(folder: Path) -> Iterator[ApiProcess]:
    with api_process(folder) as api:
        yield api


@pytest.fixture(scope="module")
async def key(api: ApiProcess) -> str:
    return await new_key(api.settings, "server", "admin")


@pytest.fixture(scope="module")
def served(folder: Path, api: ApiProcess, key: str) -> Iterator[Served]:
    with serving(folder, settings={**api.client_settings(key), **BOUNDS}) as served:
        yield served


@pytest.fixture
async def caller(served: Served) -> AsyncIterator[Caller]:
    async with calling(served) as caller:
        yield caller


async def killed_under(load: Load, api: ApiProcess) -> None:
    """Killed in mid-load and started again; calls fail meanwhile, and no longer, and readiness tells."""
    http, served = load.caller.http, load.caller.served
    await anyio.to_thread.run_sync(api.kill)
    await load.fails()
    await ready(http, served, 503)
    assert (await http.get(f"{served.url}/health")).status_code == 200
    await anyio.to_thread.run_sync(api.start)
    await load.works()
    await ready(http, served, 200)


async def test_an_api_that_is_killed_costs_its_callers_a_repetition_and_makes_nothing_twice(
    caller: Caller, api: ApiProcess, key: str
) -> None:
    load = Load(caller)
    async with load.running():
        await load.works()
        before, sockets = resident_mib(caller.served), open_sockets(caller.served)
        for _ in range(KILLS):
            await killed_under(load, api)
    assert load.slowest < BOUND_SECONDS
    for told in load.failures:
        assert (told.code, told.retryable) in (("unreachable", True), ("timeout", True))
        assert "call again" in told.text
        assert not any(secret in told.text for secret in (key, load.body["aws_secret_access_key"]))
    created = [told for told in load.failures if "idempotency_key" in told.text]
    assert created
    assert (await caller.done("list_connectors"))["total"] == len(load.made)
    assert len(set(load.made.values())) == len(load.made)
    await idle(caller.http, caller.served)
    assert resident_mib(caller.served) - before < GROWTH_MIB
    assert open_sockets(caller.served) <= sockets + CALLERS
    assert "Traceback" not in caller.served.said()


async def test_a_caller_whose_key_cannot_be_checked_is_told_to_come_back_and_not_that_it_is_wrong(
    folder: Path, api: ApiProcess
) -> None:
    known, unasked = [await new_key(api.settings, name) for name in ("known", "unasked")]
    settings = {"VIDEOVECTOR_BASE_URL": f"{api.url}/api/v2", **BOUNDS}
    with serving(folder, "--auth", "api-key", settings=settings) as served:
        async with calling(served, {"X-API-Key": known}) as caller, calling(served, {"X-API-Key": unasked}) as other:
            await caller.done("list_connectors")
            await anyio.to_thread.run_sync(api.kill)
            assert (await caller.refused("list_connectors")).code == "unreachable"
            refused = await other.http.post(f"{served.url}/mcp", json=message("list_connectors", {}))
            assert (refused.status_code, refused.json()["error"]) == (503, "api_unavailable")
            assert int(refused.headers["retry-after"]) > 0
            await anyio.to_thread.run_sync(api.start)
            await other.done("list_connectors")
            await caller.done("list_connectors")
