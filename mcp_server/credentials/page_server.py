"""uvicorn as a guest in a process: it leaves the signals alone, and ends when it is told. It knows no page."""

from __future__ import annotations

import asyncio
import socket
from asyncio.base_events import Server
from collections.abc import Generator
from contextlib import contextmanager

import anyio
import uvicorn


class PageServer(uvicorn.Server):
    """Serves until `over` is set; then it takes no more requests and sends the answers that it owes."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.over = anyio.Event()
        self.servers: list[Server] = []

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """However it ends, the sockets are closed."""
        try:
            await super().serve(sockets)
        finally:
            for each in (*self.servers, *(sockets or ())):
                each.close()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Signals are the process's own."""
        yield

    async def main_loop(self) -> None:
        """In place of a look at the clock ten times a second."""
        await self.on_tick(0)
        await self.over.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """What takes too long is cancelled, and is over too when this returns."""
        await super().shutdown(sockets)
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks)
