"""The HTTP connections to storages. What goes over them is another room's."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import cached_property

import anyio
import httpx

from mcp_server.transport_pool import ONE_CONNECTION, TransportPool

MOST_AT_ONCE = 256
"""Requests of a process to all storages together: each listing may have 32."""

# Loading authorities takes 20 ms, and who needs none shall trust none.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Transports:
    """Those of all listings and checks; `tls` is made when it is first needed."""

    def __init__(self, tls: Callable[[], ssl.SSLContext]) -> None:
        self._make_tls = tls
        self._pool = TransportPool(self._opened)
        self._turns = anyio.CapacityLimiter(MOST_AT_ONCE)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._make_tls()

    @asynccontextmanager
    async def response(self, origin: str, request: httpx.Request) -> AsyncGenerator[httpx.Response]:
        """The response to the request, its body not read; one of so many at most, whoever asks: others wait."""
        async with self._turns, self._pool.response(origin, request) as response:
            yield response

    def _opened(self, origin: str) -> httpx.AsyncHTTPTransport:
        tls = self._tls if origin.startswith("https:") else _NO_TLS
        return httpx.AsyncHTTPTransport(verify=tls, trust_env=False, limits=ONE_CONNECTION)

    async def aclose(self) -> None:
        """Close all connections, also those in use."""
        await self._pool.aclose()
