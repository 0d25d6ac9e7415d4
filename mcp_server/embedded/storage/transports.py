"""HTTP connections to storages: each is used by one request at a time, the one that was used last first.

A pool of httpx looks at all of its connections for every request, which costs more than all else when many are used
at once. So each transport here has one connection, to one origin. What goes over it is another room's.
"""

from __future__ import annotations

import ssl
import time
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import cached_property

import anyio
import httpx

IDLE_SECONDS = 4.0
"""Less than the 5 s of common servers."""

MOST_AT_ONCE = 256
"""Requests of a process to all storages together: each listing may have 32."""

# Loading authorities takes 20 ms, and who needs none shall trust none.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

_Idle = deque[tuple[float, httpx.AsyncHTTPTransport]]


class Transports:
    """As many connections to an origin as there were requests at a time in the last seconds."""

    def __init__(self, tls: Callable[[], ssl.SSLContext]) -> None:
        self._make_tls = tls
        self._idle: defaultdict[str, _Idle] = defaultdict(deque)
        self._all: set[httpx.AsyncHTTPTransport] = set()
        self._turns = anyio.CapacityLimiter(MOST_AT_ONCE)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._make_tls()

    @asynccontextmanager
    async def response(self, origin: str, request: httpx.Request) -> AsyncGenerator[httpx.Response]:
        """The response to the request, its body not read, from a connection that nobody else uses meanwhile.

        One of so many at most, whoever asks: others wait.
        """
        async with self._turns:
            await self._close_forgotten()
            idle = self._idle[origin]
            transport = idle.pop()[1] if idle else self._opened(origin)
            try:
                response = await transport.handle_async_request(request)
                try:
                    yield response
                finally:
                    await response.aclose()
            finally:
                self._idle[origin].append((time.monotonic(), transport))

    def _opened(self, origin: str) -> httpx.AsyncHTTPTransport:
        transport = httpx.AsyncHTTPTransport(
            verify=self._tls if origin.startswith("https:") else _NO_TLS,
            trust_env=False,
            limits=httpx.Limits(keepalive_expiry=IDLE_SECONDS),
        )
        self._all.add(transport)
        return transport

    async def _close_forgotten(self) -> None:
        """Close those that were idle for long; the server will have closed their connections, or will soon."""
        oldest = time.monotonic() - IDLE_SECONDS
        for origin, idle in [*self._idle.items()]:
            while idle and idle[0][0] < oldest:
                await self._close(idle.popleft()[1])
            if not idle:
                self._idle.pop(origin, None)

    async def _close(self, transport: httpx.AsyncHTTPTransport) -> None:
        self._all.discard(transport)
        await transport.aclose()

    async def aclose(self) -> None:
        """Close all connections, also those in use."""
        self._idle.clear()
        for transport in [*self._all]:
            await self._close(transport)
