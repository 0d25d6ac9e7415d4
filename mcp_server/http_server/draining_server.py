"""uvicorn that ends as a load balancer wants it: no more connections, then the answers that it owes, then the rest."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import threading
from asyncio.base_events import Server
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import cast

import anyio
import uvicorn
from anyio.lowlevel import checkpoint
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mcp_server.http_server.drain import WORK, Drain

DRAIN_SECONDS = 25.0
LINGER_SECONDS = 0.2
"""How long what was accepted may take, and how long an answer may be under way after its call is done."""

HANDSHAKE_SECONDS = 10.0
"""How long TLS may take to begin; uvicorn would leave it the 60 seconds of asyncio."""

_CLOSING_SECONDS = 1.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_log = logging.getLogger(__name__)


class DrainingServer(uvicorn.Server):
    """Serves until SIGTERM, SIGINT or `end`; calls `ready` when it has begun to."""

    def __init__(self, config: uvicorn.Config, drain: Drain, seconds: float, ready: Callable[[], object]) -> None:
        super().__init__(config)
        self.servers: list[Server] = []
        self._drain = drain
        self._seconds = seconds
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """The sockets are there already, so this does not fail."""
        await super().startup([])
        handshake = HANDSHAKE_SECONDS if self.config.is_ssl else None
        for opened in sockets or ():
            self.servers.append(
                await asyncio.get_running_loop().create_server(
                    self._protocol,
                    sock=opened,
                    ssl=self.config.ssl,
                    backlog=self.config.backlog,
                    ssl_handshake_timeout=handshake,
                )
            )
        self._ready()

    def _protocol(self) -> asyncio.Protocol:
        """As uvicorn makes it."""
        make = cast("Callable[..., asyncio.Protocol]", self.config.http_protocol_class)
        return make(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    def end(self, *_: object) -> None:
        """Begin to end; from any thread."""
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """As handlers no bound methods: sse_starlette finds a server by them, and cuts its event streams at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, partial(self.end)) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Event streams that only wait end with the last answer."""
        for each in (*self.servers, *(sockets or ())):
            each.close()
        self._drain.begin()
        with anyio.move_on_after(self._seconds):
            await self._answered()
            self._leave_connections()
            await self._answered()
        await self._cut()

    async def _answered(self) -> None:
        """Nothing is in flight, and what was answered last had time to travel."""
        while True:
            await self._drain.idle()
            await anyio.sleep(LINGER_SECONDS)
            if not self._drain.in_flight and not self._has_unsent():
                return

    def _has_unsent(self) -> bool:
        return any(each.transport.get_write_buffer_size() for each in self.server_state.connections)

    def _leave_connections(self) -> None:
        """Idle ones are closed, the others with their answer."""
        opened = [each for each in self.server_state.connections if not each.transport.is_closing()]
        for connection in opened:
            connection.shutdown()

    async def _cut(self) -> None:
        """Event streams hear that their client is gone; calls that took too long get no answer."""
        if self._drain.in_flight:
            _log.warning("Calls that ran for longer than %g seconds get no answer.", self._seconds)
        for connection in list(self.server_state.connections):
            connection.transport.close()
        await self._closed(LINGER_SECONDS)
        for connection in list(self.server_state.connections):  # with TLS, until the client closes its side too
            connection.transport.abort()
        await self._closed(LINGER_SECONDS)
        for task in self.server_state.tasks:
            task.cancel()
        await self._closed(_CLOSING_SECONDS)

    async def _closed(self, seconds: float) -> None:
        with anyio.move_on_after(seconds):
            await self._wait_tasks_to_complete()
        await checkpoint()


class OwedAnswers:
    """Counts every request as work until its answer is sent, or only waits: as an event stream that GET opened.

    While a process drains, every answer is the last one of its connection, and says so.
    """

    def __init__(self, app: ASGIApp, drain: Drain) -> None:
        self._app = app
        self._drain = drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with anyio.CancelScope() as work, ExitStack() as owed:
            scope[WORK] = work
            owed.enter_context(self._drain.working())

            async def said(message: Message) -> None:
                if message["type"] == "http.response.start":
                    headers = MutableHeaders(scope=message)
                    if self._drain.draining:
                        headers["Connection"] = "close"
                    if headers.get("content-type", "").startswith("text/event-stream"):
                        scope.pop(WORK)  # who sends a stream sees its client go, and puts away what it has open
                        if scope["method"] == "GET":
                            owed.close()
                await send(message)

            await self._served(scope, receive, said)

    async def _served(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            if not self._drain.draining:
                raise
