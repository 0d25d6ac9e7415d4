"""So many requests at a time and no more, what happens to the others, and what is counted."""

from __future__ import annotations

import anyio
import pytest

from mcp_server.client import VideoVector
from mcp_server.errors import ApiMisbehaved, ApiUnreachable
from mcp_server.redaction import Secret
from tests.client.calling import LocalApi, Scripted, asked, client_of
from tests.client.raw_api import Peer, http, listening
from tests.materials import made

pytestmark = pytest.mark.anyio

SHORT_SECONDS = 0.6
WAITING_SECONDS = 2.0


class Gate:
    """Holds every request until it is opened, and knows how many of those with the mark there were at a time."""

    def __init__(self) -> None:
        self._mark = b""
        self._opened = anyio.Event()
        self._came = anyio.Condition()
        self.held = 0
        self.most = 0

    async def hold(self, peer: Peer) -> None:
        while True:
            is_meant = self._mark in await peer.request()
            async with self._came:
                self.held += is_meant
                self.most = max(self.most, self.held)
                self._came.notify_all()
            try:
                await self._opened.wait()
            finally:
                self.held -= is_meant
            await peer.send(http())

    async def holds(self, number: int) -> None:
        """Wait until so many were held at a time."""
        async with self._came:
            while self.most < number:
                await self._came.wait()

    def open(self) -> None:
        self._opened.set()

    def shut(self, mark: str) -> None:
        """Begin anew, for those that hold the mark: what was given up before may still be on its way."""
        self._opened = anyio.Event()
        self._mark = mark.encode()
        self.held = self.most = 0


async def _list(client: VideoVector, done: list[int]) -> None:
    done.append(len(await client.connectors.list()))


async def test_no_more_requests_are_under_way_than_allowed() -> None:
    done: list[int] = []
    gate = Gate()
    async with listening() as api, client_of(api, max_concurrent=8) as client, anyio.create_task_group() as calls:
        api.act = gate.hold
        for number in range(100):
            view = client if number % 2 else client.acting_for(Secret(made("other key")))
            calls.start_soon(_list, view, done)
        await gate.holds(8)
        await anyio.wait_all_tasks_blocked()
        gate.open()
    assert (len(done), gate.most, api.connections) == (100, 8, 8)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("list_connectors", "Call again in a few seconds."),
        ("delete_connector", "Call again in a few seconds."),
        ("create_s3_connector", "with idempotency_key connector-create-s3:"),
    ],
)
async def test_a_call_that_finds_no_turn_says_that_it_is_busy(name: str, hint: str) -> None:
    seen: list[int] = []
    options = {"timeout": WAITING_SECONDS, "max_concurrent": 1, "seen": seen.append}
    gate = Gate()
    async with listening() as api, client_of(api, **options) as client, anyio.create_task_group() as calls:
        api.act = gate.hold
        calls.start_soon(client.connectors.list)
        await gate.holds(1)
        with pytest.raises(ApiUnreachable, match="Too many calls") as caught:
            await asked(client, name)
        assert (caught.value.code, caught.value.retryable) == ("busy", True)
        assert hint in caught.value.hint
        assert seen == []
        gate.open()
    assert gate.most == 1
    assert seen == [200]


async def test_waiting_for_a_turn_counts_as_time_of_the_call() -> None:
    gate, seconds = Gate(), 2 * WAITING_SECONDS
    async with listening() as api, client_of(api, timeout=seconds, max_concurrent=1) as client:
        api.act = gate.hold
        began = anyio.current_time()
        async with anyio.create_task_group() as calls:
            calls.start_soon(_given_up_after, seconds * 0.3, client)
            await gate.holds(1)
            with pytest.raises(ApiUnreachable, match="did not answer in time"):
                await client.connectors.list()
        assert anyio.current_time() - began < seconds * 1.25


async def _given_up_after(seconds: float, client: VideoVector) -> None:
    with anyio.move_on_after(seconds):
        await client.connectors.list()


async def test_a_call_that_is_cancelled_while_it_waits_leaves_no_turn_taken() -> None:
    done: list[int] = []
    gate = Gate()
    async with listening() as api, client_of(api, max_concurrent=1) as client, anyio.create_task_group() as calls:
        api.act = gate.hold
        calls.start_soon(_list, client, done)
        await gate.holds(1)
        async with anyio.create_task_group() as waiting:
            for _ in range(10):
                waiting.start_soon(_list, client, done)
            await anyio.wait_all_tasks_blocked()
            waiting.cancel_scope.cancel()
        gate.open()
        await _list(client, done)
    assert (len(done), gate.most) == (2, 1)


async def test_calls_cancelled_at_any_moment_leave_all_turns_and_connections_usable() -> None:
    gate = Gate()
    async with listening() as api, client_of(api, max_concurrent=4) as client:
        api.act = gate.hold
        gate.open()
        async with anyio.create_task_group() as calls:
            for number in range(300):
                calls.start_soon(_given_up_after, number * 7919 % 300 / 1200, client)
        key = made("another key")
        gate.shut(key)
        async with anyio.create_task_group() as calls:
            for _ in range(4):
                calls.start_soon(_fresh, client.acting_for(Secret(key)), gate)
    assert gate.most == 4


async def _fresh(client: VideoVector, gate: Gate) -> None:
    async with anyio.create_task_group() as both:
        both.start_soon(client.connectors.list)
        await gate.holds(4)
        gate.open()


# ---- what is counted ---------------------------------------------------------------------------------------------


async def test_every_attempt_is_told_with_its_status(api: LocalApi, pauses: list[float]) -> None:
    seen: list[int] = []
    api.answers_for("get_connector", Scripted(503), Scripted(hang_up=True), Scripted(429))
    async with client_of(api, seen=seen.append) as client:
        await asked(client.acting_for(Secret(made("other key"))), "get_connector")
    assert seen == [503, 0, 429, 200]


async def test_an_answer_that_is_too_late_or_too_large_is_told_as_none(api: LocalApi) -> None:
    seen: list[int] = []
    api.script = [Scripted(headers={"Content-Encoding": "br"}), Scripted(hold=True)]
    async with client_of(api, seen=seen.append, timeout=SHORT_SECONDS) as client:
        for kind in (ApiMisbehaved, ApiUnreachable):
            with pytest.raises(kind):
                await asked(client, "list_connectors")
    assert seen == [0, 0]


async def test_a_cancelled_call_is_told_as_nothing() -> None:
    seen: list[int] = []
    gate = Gate()
    async with listening() as api, client_of(api, seen=seen.append) as client:
        api.act = gate.hold
        async with anyio.create_task_group() as calls:
            calls.start_soon(client.connectors.list)
            await gate.holds(1)
            calls.cancel_scope.cancel()
    assert seen == []
