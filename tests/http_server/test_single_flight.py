"""Work that many want at the same time is done once."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import TaskStatus

from mcp_server.http_server.single_flight import SingleFlight

pytestmark = pytest.mark.anyio


class Work:
    """Waits to be let go; then it returns how often it was begun, or raises."""

    def __init__(self) -> None:
        self.begun = 0
        self.go = anyio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> int:
        self.begun += 1
        number = self.begun
        await self.go.wait()
        if self.error:
            raise self.error
        return number


class Crowd:
    """Callers of one flight, and what each of them got."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.flights = SingleFlight[int]()
        self.got: list[int | Exception] = []

    async def caller(self, key: str = "key", *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        try:
            self.got.append(await self.flights.outcome(key, self.work))
        except ValueError as error:
            self.got.append(error)


async def test_all_who_come_while_the_work_runs_get_its_outcome() -> None:
    crowd = Crowd(Work())
    async with anyio.create_task_group() as tasks:
        for _ in range(64):
            await tasks.start(crowd.caller)
        await anyio.wait_all_tasks_blocked()
        crowd.work.go.set()
    assert crowd.got == [1] * 64
    assert await crowd.flights.outcome("key", crowd.work) == 2  # nothing is kept


async def test_keys_have_flights_of_their_own() -> None:
    crowd = Crowd(Work())
    async with anyio.create_task_group() as tasks:
        for key in "aabb":
            await tasks.start(crowd.caller, key)
        await anyio.wait_all_tasks_blocked()
        crowd.work.go.set()
    assert crowd.got.count(1) == crowd.got.count(2) == 2


async def test_when_the_first_is_cancelled_the_next_does_the_work_for_all_others() -> None:
    crowd = Crowd(Work())
    async with anyio.create_task_group() as tasks:
        with anyio.CancelScope() as first:
            async with anyio.create_task_group() as cancelled:
                await cancelled.start(crowd.caller)
                await anyio.wait_all_tasks_blocked()
                for _ in range(3):
                    await tasks.start(crowd.caller)
                await anyio.wait_all_tasks_blocked()
                first.cancel()
        await anyio.lowlevel.checkpoint()
        await anyio.wait_all_tasks_blocked()
        crowd.work.go.set()
    assert crowd.got == [2] * 3
    assert crowd.work.begun == 2


async def test_who_waits_may_go_away_without_harm() -> None:
    crowd = Crowd(Work())
    async with anyio.create_task_group() as tasks:
        await tasks.start(crowd.caller)
        await anyio.wait_all_tasks_blocked()
        with anyio.move_on_after(0):
            await crowd.flights.outcome("key", crowd.work)
        await anyio.lowlevel.checkpoint()
        crowd.work.go.set()
    assert crowd.got == [1]


async def test_an_error_is_for_whom_did_the_work_and_the_next_tries_again() -> None:
    crowd = Crowd(Work())
    crowd.work.error = ValueError()
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            await tasks.start(crowd.caller)
        await anyio.wait_all_tasks_blocked()
        crowd.work.go.set()
    assert crowd.got == [crowd.work.error] * 3
    assert crowd.work.begun == 3
