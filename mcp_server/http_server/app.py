"""The HTTP application around an MCP server: its endpoints behind admission, and what is open to everybody.

What the tools do and who serves the connections is known elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from mcp_server.http_server.border import OriginGuard, not_served
from mcp_server.http_server.endpoints import MESSAGES_PATH, HttpWithSse, StreamableHttp
from mcp_server.http_server.modes import SSE_PATH
from mcp_server.origins import Origins

Wrap = Callable[[ASGIApp], ASGIApp]
_SENT = (
    *("Authorization", "X-API-Key", "Content-Type", "Last-Event-ID", "Mcp-Session-Id"),
    *("Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name"),
)
_READ = ("Mcp-Session-Id", "Mcp-Protocol-Version", "WWW-Authenticate", "Retry-After")


def streamable_routes(endpoint: StreamableHttp, path: str, wrap: Wrap) -> list[BaseRoute]:
    """Streamable HTTP at one path."""
    return [Route(path, wrap(endpoint))]


def sse_routes(endpoint: HttpWithSse, wrap: Wrap) -> list[BaseRoute]:
    """The stream and the path of the messages."""
    return [Route(SSE_PATH, wrap(endpoint.stream)), Mount(MESSAGES_PATH, wrap(endpoint.message))]


def create_app(routes: Sequence[BaseRoute], origins: Origins) -> ASGIApp:
    """The application; a page of another site may call only when its origin is named, and then CORS says so."""
    guards = [Middleware(OriginGuard, origins=origins)]
    if origins.sites:
        guards.append(
            Middleware(
                CORSMiddleware,
                allow_origins=sorted(origins.sites),
                allow_methods=["GET", "POST", "DELETE"],
                allow_headers=_SENT,
                expose_headers=_READ,
            )
        )
    app = Starlette(
        routes=routes, middleware=guards, exception_handlers={HTTPException: not_served, Exception: not_served}
    )
    app.router.redirect_slashes = False
    return app
