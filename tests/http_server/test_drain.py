"""What a process still has to finish, counted."""

from __future__ import annotations

import anyio
import pytest
from anyio.lowlevel import checkpoint

from mcp_server.http_server.drain import Drain

pytestmark = pytest.mark.anyio


async def test_whoever_waits_goes_on_with_the_end_of_the_last_call() -> None:
    drain, went_on = Drain(), anyio.Event()

    async def wait() -> None:
        await drain.idle()
        went_on.set()

    async with anyio.create_task_group() as tasks:
        with drain.working():
            tasks.start_soon(wait)
            with drain.working():
                await anyio.wait_all_tasks_blocked()
                assert drain.in_flight == 2
            await anyio.wait_all_tasks_blocked()
            assert not went_on.is_set()
        await went_on.wait()
    await checkpoint()
    assert drain.in_flight == 0


async def test_a_call_that_comes_before_the_one_who_waits_goes_on_is_waited_for_too() -> None:
    drain, went_on = Drain(), anyio.Event()

    async def wait() -> None:
        await drain.idle()
        went_on.set()

    async with anyio.create_task_group() as tasks:
        with drain.working():
            tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
        with drain.working():
            await anyio.wait_all_tasks_blocked()
            assert not went_on.is_set()
        await went_on.wait()
    await checkpoint()


async def test_a_call_that_fails_is_finished_too() -> None:
    drain = Drain()
    with pytest.raises(ValueError, match="failed"), drain.working():
        raise ValueError("failed")
    await drain.idle()
    assert not drain.draining


def test_what_comes_after_the_beginning_is_counted() -> None:
    drain = Drain()
    drain.begin()
    with drain.working():
        assert (drain.draining, drain.in_flight) == (True, 1)
