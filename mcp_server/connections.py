"""HTTP connections to one API: each is used by one request at a time, the one that was used last first.

A pool of httpx looks at all of its connections for every request, and gives one of them to several requests that begin
together: with 64 requests at a time that costs more than all else. So each client here has one connection.
"""

from __future__ import annotations

import ssl
import time
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import urlsplit

import httpx

from mcp_server.setting_rules import LOOPBACK_HOSTS

IDLE_SECONDS = 4.0
"""Less than the 5 s of common servers: a request that meets the server's closing may have been done, or not."""

_CONNECT_SECONDS = 10.0


class _Kept(httpx.AsyncBaseTransport):
    """Somebody's transport, which the clients that use it do not close."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._transport.handle_async_request(request)


async def _without_location(response: httpx.Response) -> None:
    """A redirect is not followed, so that it does not matter whether its target can be read."""
    response.headers.pop("Location", None)


class Connections:
    """Clients with one connection each; there are as many as there were requests at a time in the last seconds."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float,
        verify: ssl.SSLContext | bool,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        # A proxy of the environment is for other hosts: it must not get what is for this machine.
        self._trust_env = urlsplit(base_url).hostname not in LOOPBACK_HOSTS
        self._verify = verify if transport else httpx.create_ssl_context(verify, trust_env=self._trust_env)
        self._timeout = httpx.Timeout(None, connect=min(timeout / 2, _CONNECT_SECONDS))
        self._transport = transport
        self._all: set[httpx.AsyncClient] = set()
        self._idle: deque[tuple[float, httpx.AsyncClient]] = deque()
        self._closed = False

    @asynccontextmanager
    async def one(self) -> AsyncGenerator[httpx.AsyncClient]:
        """A client that nobody else uses meanwhile. It bounds no time but that of connecting."""
        await self._close_forgotten()
        client = self._idle.pop()[1] if self._idle else self._open()
        try:
            yield client
        finally:
            self._idle.append((time.monotonic(), client))

    def _open(self) -> httpx.AsyncClient:
        if self._closed:
            raise RuntimeError("The client is closed.")
        client = httpx.AsyncClient(
            verify=self._verify,
            trust_env=self._trust_env,
            transport=self._transport and _Kept(self._transport),
            timeout=self._timeout,
            limits=httpx.Limits(keepalive_expiry=IDLE_SECONDS),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            event_hooks={"response": [_without_location]},
        )
        self._all.add(client)
        return client

    async def _close_forgotten(self) -> None:
        """Close those that were idle for long; the server will have closed their connections, or will soon."""
        while self._idle and self._idle[0][0] < time.monotonic() - IDLE_SECONDS:
            _, client = self._idle.popleft()
            self._all.discard(client)
            await client.aclose()

    async def aclose(self) -> None:
        """Close all connections, also those in use."""
        self._closed = True
        self._idle.clear()
        for client in [*self._all]:
            await client.aclose()
        if self._transport is not None:
            await self._transport.aclose()
