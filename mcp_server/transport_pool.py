"""HTTP connections: each is used by one request at a time, the one that was used last first.

A pool of httpx looks at all of its connections for every request, and gives one of them to several requests that begin
together: with 64 requests at a time that costs more than all else. So each transport here has one connection.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import httpx

IDLE_SECONDS = 4.0
"""Less than the 5 s of common servers: a request that meets the server's closing may have been done, or not."""

ONE_CONNECTION = httpx.Limits(keepalive_expiry=IDLE_SECONDS)


class TransportPool:
    """As many transports to an origin as there were requests at a time in the last seconds; `open_to` makes one.

    One that was idle for longer than those is closed, unless the pool `keeps_all`.
    """

    def __init__(self, open_to: Callable[[str], httpx.AsyncBaseTransport], *, keeps_all: bool = False) -> None:
        self._open_to = open_to
        self._keeps_all = keeps_all
        self._idle: defaultdict[str, deque[tuple[float, httpx.AsyncBaseTransport]]] = defaultdict(deque)
        self._all: set[httpx.AsyncBaseTransport] = set()

    @asynccontextmanager
    async def response(self, origin: str, request: httpx.Request) -> AsyncGenerator[httpx.Response]:
        """The response to the request, its body not read, from a connection that nobody else uses meanwhile."""
        while forgotten := self._forgotten():
            await forgotten.aclose()
        transport = self._taken(origin)
        try:
            response = await transport.handle_async_request(request)
            try:
                yield response
            finally:
                await response.aclose()
        finally:
            self._idle[origin].append((time.monotonic(), transport))

    def _taken(self, origin: str) -> httpx.AsyncBaseTransport:
        idle = self._idle.get(origin)
        if idle:
            return idle.pop()[1]
        transport = self._open_to(origin)
        self._all.add(transport)
        return transport

    def _forgotten(self) -> httpx.AsyncBaseTransport | None:
        """One that was idle for long, no longer kept: the server will have closed its connection, or will soon."""
        oldest = -math.inf if self._keeps_all else time.monotonic() - IDLE_SECONDS
        for origin, idle in self._idle.items():
            if idle and idle[0][0] < oldest:
                transport = idle.popleft()[1]
                self._all.discard(transport)
                if not idle:
                    del self._idle[origin]
                return transport
        return None

    async def aclose(self) -> None:
        """Close all connections, also those in use."""
        self._idle.clear()
        for transport in [*self._all]:
            await transport.aclose()
