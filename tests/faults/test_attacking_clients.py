"""Clients that break off, say nothing, drip, or do not listen: all are let go in time, and the others are served."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import anyio
import pytest

from tests.faults.api_process import ApiProcess, api_process, new_key
from tests.faults.attackers import Attacker, attacking, deaf, request
from tests.faults.calls import Caller, calling
from tests.faults.vitals import idle, open_sockets, resident_mib, sockets_closed
from tests.http_server.serving import Served, serving

pytestmark = pytest.mark.anyio
HEAD_SECONDS = 10
BODY_SECONDS = 30
SLACK_SECONDS = 25
GREEDY_SECONDS = 4
HONEST_SECONDS = 10
GROWTH_MIB = 48
HALF = len(request()) // 2
IN_THE_HEAD = 30


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("attacked")) as served:
        yield served


@pytest.fixture
async def caller(served: Served) -> AsyncIterator[Caller]:
    async with calling(served) as caller:
        await caller.done("list_connectors")
        yield caller


@pytest.fixture(scope="module")
async def api(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ApiProcess]:
    with api_process(tmp_path_factory.mktemp("api")) as api:
        yield api


@dataclass(frozen=True)
class Attack:
    """What so many clients of a server do at the same time, and after how many seconds they are let go."""

    served: Served
    number: int
    seconds: float
    act: Callable[[Attacker], Awaitable[bytes]]

    async def suffer(self) -> None:
        """All of them, and what they are told in the end."""
        async with anyio.create_task_group() as tasks:
            for _ in range(self.number):
                tasks.start_soon(self._one)

    async def _one(self) -> None:
        async with attacking(self.served) as attacker:
            began = anyio.current_time()
            assert (await self.act(attacker)).startswith(b"HTTP/1.1 408 ")
            assert self.seconds - 1 < anyio.current_time() - began < self.seconds + SLACK_SECONDS


@asynccontextmanager
async def others_served(caller: Caller) -> AsyncGenerator[None]:
    """Meanwhile an honest client calls again and again, and waits for no answer for long."""
    waits: list[float] = []
    answered = anyio.Event()

    async def call_on() -> None:
        while True:
            await caller.done("list_connectors")
            waits.append((await caller.refused("get_connector", connector_id="conn_none")).seconds)
            answered.set()
            await anyio.sleep(0.1)

    async with anyio.create_task_group() as honest:
        honest.start_soon(call_on)
        yield
        await answered.wait()
        honest.cancel_scope.cancel()
    assert max(waits) < HONEST_SECONDS


async def test_who_says_nothing_or_drips_or_does_not_listen_is_let_go_in_time_and_others_are_served(
    caller: Caller, api: ApiProcess
) -> None:
    served, key = caller.served, await new_key(api.settings, "slow", "admin")
    slow_creation = request({}, "/api/v2/connectors/s3", f"X-API-Key: {key}", extra=1000)
    attacks = (
        Attack(served, 200, HEAD_SECONDS, Attacker.silent),
        Attack(served, 50, HEAD_SECONDS, Attacker.slow_head),
        Attack(served, 50, BODY_SECONDS, partial(Attacker.slow_body, begun=request(extra=1000))),
        Attack(api.served, 5, BODY_SECONDS, partial(Attacker.slow_body, begun=slow_creation)),
    )
    memory, sockets = resident_mib(served), open_sockets(served)
    with deaf(served, 5):
        async with others_served(caller):
            with anyio.fail_after(BODY_SECONDS + SLACK_SECONDS):
                async with anyio.create_task_group() as tasks:
                    for attack in attacks:
                        tasks.start_soon(attack.suffer)
            await sockets_closed(served, sockets)
    await idle(caller.http, served)
    assert resident_mib(served) - memory < GROWTH_MIB


async def test_who_asks_without_end_and_does_not_listen_costs_no_memory(caller: Caller) -> None:
    async def be_greedy() -> None:
        async with attacking(caller.served) as attacker:
            await attacker.greedy()

    memory = resident_mib(caller.served)
    async with others_served(caller):
        with anyio.move_on_after(GREEDY_SECONDS):
            async with anyio.create_task_group() as tasks:
                for _ in range(10):
                    tasks.start_soon(be_greedy)
    assert resident_mib(caller.served) - memory < GROWTH_MIB
    await caller.done("list_connectors")


@pytest.mark.parametrize("sent", [IN_THE_HEAD, HALF, None], ids=["in the head", "in the body", "after the request"])
async def test_connections_that_are_reset_leave_nothing_behind(caller: Caller, sent: int | None) -> None:
    memory, sockets = resident_mib(caller.served), open_sockets(caller.served)

    async def break_off(_: int) -> None:
        async with attacking(caller.served) as attacker:
            await attacker.send(request()[:sent])
            attacker.reset()

    for _ in range(4):
        async with anyio.create_task_group() as tasks:
            for number in range(50):
                tasks.start_soon(break_off, number)
            tasks.start_soon(caller.done, "list_connectors")
    await idle(caller.http, caller.served)
    await sockets_closed(caller.served, sockets)
    assert resident_mib(caller.served) - memory < GROWTH_MIB
    assert caller.served.said().count("\n") == 1, caller.served.said()
