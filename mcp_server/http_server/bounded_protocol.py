"""A request within bounds of size and time, which uvicorn's httptools protocol does not give it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal, cast

import anyio
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from mcp_server.http_server.drain import WORK
from mcp_server.http_server.listening import HEAD_BYTES, MAX_CONNECTIONS

HEAD_SECONDS = 10.0
PIPELINED = 16
"""Requests that may wait on a connection while an earlier one is answered."""

REQUEST_BYTES = 8 * 1024 * 1024
"""More than a body that is read takes in the smallest of chunks, six octets for one."""

_END = b"\r\n\r\n"


def _abandon(cycle: RequestResponseCycle) -> None:
    """Its client is gone."""
    cycle.disconnected = True
    cycle.message_event.set()
    work = cast("anyio.CancelScope | None", cycle.scope.get(WORK))
    if work is not None:
        work.cancel()


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose request line and headers are over 32 KiB (431) or not whole after 10 seconds (408).

    So it does when a request goes on for 10 seconds after its answer, or is over 8 MiB in all, and with more than
    1,024 connections (503).
    """

    _seconds = HEAD_SECONDS
    _part: Literal["none", "head", "rest"] = "none"
    _received = 0
    _last = b""
    _refused = False
    _timer: asyncio.TimerHandle | None = None
    _served: RequestResponseCycle | None = None
    """The request that is being answered, while others of the connection may wait."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", transport))
        self._await_head()
        self.limit_concurrency = None  # at that limit everybody would be refused, and idle connections stay
        if len(self.connections) > MAX_CONNECTIONS:
            self._refuse(b"503 Service Unavailable")

    def connection_lost(self, exc: Exception | None) -> None:
        self._now("none")
        super().connection_lost(exc)
        self.pipeline.clear()
        if self._served and not self._served.response_complete:
            _abandon(self._served)

    def data_received(self, data: bytes) -> None:
        if self._part == "none":
            self._await_head()
        if self._part == "head" and self._is_too_large(data):
            self._refuse(b"431 Request Header Fields Too Large")
        elif self._part == "rest" and self._is_too_long(data):
            self.transport.close()
        elif not (self._refused or self.transport.is_closing()):
            self._last = data[-3:]
            super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._part == "none":
            self._await_head()

    def on_headers_complete(self) -> None:
        self._now("rest")
        if len(self.pipeline) < PIPELINED:
            super().on_headers_complete()
            self.flow.resume_reading()  # paused, which uvicorn does for requests that wait, it would not see the end
        else:
            self.transport.abort()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._served = cycle
        super()._start_asgi_task(cycle, app)

    def on_message_complete(self) -> None:
        self._now("none")
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self._part == "rest" and not self.pipeline:
            self._after_seconds(self.transport.close)
        super().on_response_complete()

    def _unsupported_upgrade_warning(self) -> None:
        """Clients offer HTTP/2 with every first request, and are answered all the same."""

    def _await_head(self) -> None:
        self._now("head")
        self._received = 0
        self._after_seconds(lambda: self._refuse(b"408 Request Timeout"))

    def _now(self, part: Literal["none", "head", "rest"]) -> None:
        """What comes now, in its own time."""
        self._part = part
        if self._timer is not None:
            self._timer.cancel()

    def _after_seconds(self, act: Callable[[], object]) -> None:
        self._timer = self.loop.call_later(self._seconds, act)

    def _is_too_large(self, data: bytes) -> bool:
        """Counts what comes of a head; where it ends in these octets, the rest is none of it."""
        end = (self._last + data).find(_END)
        self._received += len(data) if end < 0 else end
        return self._received > HEAD_BYTES

    def _is_too_long(self, data: bytes) -> bool:
        self._received += len(data)
        return self._received > REQUEST_BYTES

    def _refuse(self, status: bytes) -> None:
        """Answer so, and nothing more; where the answer to an earlier request is owed, that one is the last."""
        self._now("none")
        self._refused = True
        if self.cycle and not self.cycle.response_complete:
            self.cycle.keep_alive = False
        else:
            self.transport.write(b"HTTP/1.1 " + status + b"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            self.transport.close()
