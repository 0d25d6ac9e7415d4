"""A pool while some of its connections are being closed."""

from __future__ import annotations

import anyio
import httpx
import pytest

from mcp_server import transport_pool
from mcp_server.transport_pool import TransportPool

pytestmark = pytest.mark.anyio
ORIGIN = "http://127.0.0.1"
REQUEST = httpx.Request("GET", ORIGIN)


class Transport(httpx.AsyncBaseTransport):
    """Answers at once; its closing takes as long as the test wants, which a real connection's does not."""

    def __init__(self) -> None:
        self.closing = anyio.Event()
        self.may_close = anyio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200)

    async def aclose(self) -> None:
        self.closing.set()
        await self.may_close.wait()


class Pool:
    """A pool and the transports that it opened."""

    def __init__(self) -> None:
        self.opened: list[Transport] = []
        self.pool = TransportPool(self._open)

    def _open(self, _: str) -> Transport:
        self.opened.append(Transport())
        return self.opened[-1]

    async def ask(self, at_a_time: int = 1) -> None:
        if at_a_time:
            async with self.pool.response(ORIGIN, REQUEST):
                await self.ask(at_a_time - 1)


async def test_one_that_comes_back_while_another_closes_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Pool()
    await held.ask(at_a_time=2)
    later, sooner = held.opened
    monkeypatch.setattr(transport_pool, "IDLE_SECONDS", -1.0)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as requests:
            requests.start_soon(held.ask)
            await sooner.closing.wait()
            requests.start_soon(held.ask)
            await later.closing.wait()
            monkeypatch.setattr(transport_pool, "IDLE_SECONDS", 600.0)
            later.may_close.set()
            await anyio.wait_all_tasks_blocked()
            sooner.may_close.set()
        await held.ask()
    assert len(held.opened) == 3
    held.opened[2].may_close.set()
    await held.pool.aclose()
    assert held.opened[2].closing.is_set()
