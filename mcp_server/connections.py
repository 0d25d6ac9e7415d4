"""HTTP connections to one API: each is used by one request at a time, the one that was used last first.

A pool of httpx looks at all of its connections for every request, and gives one of them to several requests that begin
together: with 64 requests at a time that costs more than all else. So each transport here has one connection. There is
no client of httpx around them: redirects, cookies and the credentials of a .netrc are not wanted.
"""

from __future__ import annotations

import ssl
import time
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from mcp_server.errors import ConfigurationError
from mcp_server.setting_rules import LOOPBACK_HOSTS

IDLE_SECONDS = 4.0
"""Less than the 5 s of common servers: a request that meets the server's closing may have been done, or not."""

_CONNECT_SECONDS = 10.0


_MAX_PORT = 65_535


def _proxy_to(url: str) -> httpx.Proxy | None:
    """The proxy that the environment names for it: none for this machine, which a proxy would not reach.

    Raises ConfigurationError for one that cannot be used.
    """
    named = _named_proxy(url)
    if not named:
        return None
    try:
        proxy = httpx.Proxy(named if "://" in named else f"http://{named}")
    except (ValueError, httpx.InvalidURL):
        raise _unusable_proxy() from None
    if proxy.url.scheme not in ("http", "https") or (proxy.url.port or 0) > _MAX_PORT:
        raise _unusable_proxy()
    return proxy


def _named_proxy(url: str) -> str | None:
    parts = urlsplit(url)
    if parts.hostname in LOOPBACK_HOSTS or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    named = getproxies()
    return named.get(parts.scheme) or named.get("all")


def _unusable_proxy() -> ConfigurationError:
    return ConfigurationError(
        "The proxy that the environment names for the API (HTTPS_PROXY, HTTP_PROXY or ALL_PROXY) cannot be used.",
        hint="Name one by a URL that begins with http:// or https://, or the API's host in NO_PROXY.",
    )


class Connections:
    """Transports with one connection each; there are as many as there were requests at a time in the last seconds."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float,
        verify: ssl.SSLContext | bool,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        is_elsewhere = urlsplit(base_url).hostname not in LOOPBACK_HOSTS
        self._verify = verify if transport else httpx.create_ssl_context(verify, trust_env=is_elsewhere)
        self._timeout = httpx.Timeout(None, connect=min(timeout / 2, _CONNECT_SECONDS)).as_dict()
        self._proxy = None if transport else _proxy_to(base_url)
        self._transport = transport
        self._all: set[httpx.AsyncBaseTransport] = set()
        self._idle: deque[tuple[float, httpx.AsyncBaseTransport]] = deque()
        self._closed = False

    @asynccontextmanager
    async def response(self, request: httpx.Request) -> AsyncGenerator[httpx.Response]:
        """The response to the request, its body not read, from a connection that nobody else uses meanwhile.

        It bounds no time but that of connecting.
        """
        await self._close_forgotten()
        transport = self._idle.pop()[1] if self._idle else self._open()
        request.extensions = {"timeout": self._timeout}
        try:
            response = await transport.handle_async_request(request)
            try:
                yield response
            finally:
                await response.aclose()
        finally:
            self._idle.append((time.monotonic(), transport))

    def _open(self) -> httpx.AsyncBaseTransport:
        if self._closed:
            raise RuntimeError("The client is closed.")
        transport = self._transport or httpx.AsyncHTTPTransport(
            verify=self._verify, limits=httpx.Limits(keepalive_expiry=IDLE_SECONDS), proxy=self._proxy
        )
        self._all.add(transport)
        return transport

    async def _close_forgotten(self) -> None:
        """Close those that were idle for long; the server will have closed their connections, or will soon."""
        while self._idle and self._idle[0][0] < time.monotonic() - IDLE_SECONDS:
            _, transport = self._idle.popleft()
            if transport is not self._transport:
                self._all.discard(transport)
                await transport.aclose()

    async def aclose(self) -> None:
        """Close all connections, also those in use."""
        self._closed = True
        self._idle.clear()
        if self._transport is not None:
            self._all.add(self._transport)
        for transport in [*self._all]:
            await transport.aclose()
