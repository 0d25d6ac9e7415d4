"""The HTTP connections to one API. No client of httpx is around them: redirects, cookies and .netrc are not wanted."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from mcp_server.errors import ConfigurationError
from mcp_server.setting_rules import LOOPBACK_HOSTS
from mcp_server.transport_pool import ONE_CONNECTION, TransportPool

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
    """Those that a client needs for its requests, or the one transport that it was given."""

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
        self._pool = TransportPool(self._open, keeps_all=transport is not None)
        self._closed = False

    @asynccontextmanager
    async def response(self, request: httpx.Request) -> AsyncGenerator[httpx.Response]:
        """The response to the request, its body not read, from a connection that nobody else uses meanwhile.

        It bounds no time but that of connecting.
        """
        if self._closed:
            raise RuntimeError("The client is closed.")
        request.extensions = {"timeout": self._timeout}
        async with self._pool.response("", request) as response:
            yield response

    def _open(self, _: str) -> httpx.AsyncBaseTransport:
        own = self._transport
        return own or httpx.AsyncHTTPTransport(verify=self._verify, limits=ONE_CONNECTION, proxy=self._proxy)

    async def aclose(self) -> None:
        """Close all connections, also those in use, and the transport that was given."""
        self._closed = True
        await (self._transport or self._pool).aclose()
