"""An API that hangs, drips, breaks off, floods, or talks nonsense: its callers are told, and the others are served."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator

import anyio
import pytest

from tests.client.raw_api import RawApi, answering
from tests.faults.calls import Caller, Told, calling
from tests.faults.hostile_api import BREAKS, FLOODS, SHAPES, SILENCES, HostileApi
from tests.faults.vitals import idle, open_sockets, ready, resident_mib
from tests.http_server.serving import Served, serving, unknown_key
from tests.materials import ARGUMENTS, AWS_SECRET, CONNECTOR

pytestmark = pytest.mark.anyio
TIMEOUT = 4.0
SLACK_SECONDS = 20
HONEST_SECONDS = 10
GROWTH_MIB = 64
TOGETHER = 4


@pytest.fixture(scope="module")
async def elsewhere() -> AsyncIterator[RawApi]:
    async with answering(RawApi) as api:
        yield api


@pytest.fixture(scope="module")
async def api(elsewhere: RawApi) -> AsyncIterator[HostileApi]:
    async with answering(HostileApi) as api:
        api.elsewhere = elsewhere.url
        yield api


@pytest.fixture(scope="module")
def key() -> str:
    return unknown_key()


@pytest.fixture(scope="module")
def served(api: HostileApi, key: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    settings = {
        "VIDEOVECTOR_BASE_URL": api.url,
        "VIDEOVECTOR_API_KEY": key,
        "VIDEOVECTOR_TIMEOUT": str(int(TIMEOUT * 1000)),
        "VIDEOVECTOR_MAX_RETRIES": "1",
    }
    with serving(tmp_path_factory.mktemp("hostile"), settings=settings) as served:
        yield served


@pytest.fixture
async def caller(served: Served) -> AsyncIterator[Caller]:
    async with calling(served) as caller:
        await caller.done("list_connectors")
        yield caller


async def told_of(caller: Caller, faults: Collection[str]) -> dict[str, list[Told]]:
    """What several callers are told of each fault at the same time, while others ask what has none, and get it soon."""
    told: dict[str, list[Told]] = {fault: [] for fault in faults}
    waits: list[float] = []
    answered = anyio.Event()

    async def suffer(fault: str) -> None:
        told[fault].append(await caller.refused("get_connector", connector_id=fault))

    async def live_on() -> None:
        while True:
            answer = await caller.call("list_connectors")
            assert answer.data is not None
            assert answer.data["connectors"][0]["name"] == CONNECTOR["name"]
            waits.append(answer.seconds)
            answered.set()
            await anyio.sleep(0.05)

    async with anyio.create_task_group() as honest:
        honest.start_soon(live_on)
        async with anyio.create_task_group() as tasks:
            for fault in faults:
                for _ in range(TOGETHER):
                    tasks.start_soon(suffer, fault)
        await answered.wait()
        honest.cancel_scope.cancel()
    assert max(waits) < HONEST_SECONDS
    return told


async def faced(caller: Caller, key: str, faults: Collection[str]) -> dict[str, list[Told]]:
    """The same; afterwards nothing of it is left in the server."""
    memory, sockets = resident_mib(caller.served), open_sockets(caller.served)
    told = await told_of(caller, faults)
    await idle(caller.http, caller.served)
    await caller.done("list_connectors")
    assert resident_mib(caller.served) - memory < GROWTH_MIB
    assert open_sockets(caller.served) - sockets <= 2 * (TOGETHER * len(faults) + 2)
    assert "Traceback" not in caller.served.said()
    assert all(key not in each.text for several in told.values() for each in several)
    return told


def codes(several: Collection[Told]) -> set[tuple[str, bool]]:
    return {(each.code, each.retryable) for each in several}


async def test_an_api_that_does_not_answer_in_time_is_given_up_in_time(caller: Caller, key: str) -> None:
    told = await faced(caller, key, SILENCES)
    for several in told.values():
        assert codes(several) == {("timeout", True)}
        assert all("call again" in each.text for each in several)
        assert all(TIMEOUT - 0.5 < each.seconds < TIMEOUT + SLACK_SECONDS for each in several)


async def test_an_api_that_breaks_off_is_asked_once_more_and_then_given_up(caller: Caller, key: str) -> None:
    told = await faced(caller, key, BREAKS)
    for several in told.values():
        assert codes(several) == {("unreachable", True)}
        assert all("did not send a whole answer" in each.text for each in several)
        assert all(each.seconds < 2 * TIMEOUT + SLACK_SECONDS for each in several)


@pytest.mark.parametrize("fault", FLOODS)
async def test_a_flood_is_cut_off(caller: Caller, key: str, fault: str) -> None:
    (several,) = (await faced(caller, key, [fault])).values()
    assert codes(several) <= {("answer_too_large", False), ("timeout", True)}
    assert all(each.seconds < TIMEOUT + SLACK_SECONDS for each in several)


async def test_what_is_no_answer_is_misbehaviour(caller: Caller, key: str) -> None:
    told = await faced(caller, key, SHAPES)
    for several in told.values():
        assert codes(several) == {("unexpected_answer", False)}
        assert all("VIDEOVECTOR_BASE_URL" in each.text for each in several)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_never_followed(
    caller: Caller, api: HostileApi, elsewhere: RawApi, key: str, status: int
) -> None:
    told = (await faced(caller, key, [f"redirect_{status}"])).popitem()[1]
    assert codes(told) == {("unexpected_answer", False)}
    assert all(f"HTTP status {status}" in each.text for each in told)
    assert all(elsewhere.url not in each.text for each in told)
    api.redirects_creations_with = status
    refused = await caller.refused("create_s3_connector", **ARGUMENTS["create_s3_connector"])
    assert f"HTTP status {status}" in refused.text
    assert AWS_SECRET not in refused.text
    assert elsewhere.connections == 0


async def test_readiness_is_known_in_time_while_the_api_hangs(caller: Caller, api: HostileApi) -> None:
    api.answers_probes = False
    began = anyio.current_time()
    answer = await caller.http.get(f"{caller.served.url}/ready")
    assert (answer.status_code, anyio.current_time() - began < TIMEOUT + SLACK_SECONDS) == (503, True)
    assert (await caller.http.get(f"{caller.served.url}/health")).status_code == 200
    api.answers_probes = True
    await ready(caller.http, caller.served, 200)
