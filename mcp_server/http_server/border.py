"""What holds for every request over HTTP: the host that it is for, the page that it is from, and who sent it.

What is refused is answered with JSON: `error`, a word of the field, and `error_description`, a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from mcp_server.authority import has_scope
from mcp_server.body_bounds import announced, bounded, within
from mcp_server.http_server.callers import served_for
from mcp_server.http_server.identity import Authenticate, Identity, Turned
from mcp_server.http_server.protected_resource import ProtectedResource
from mcp_server.http_server.rate_limits import RateLimits
from mcp_server.operations import OPERATION_BY_NAME
from mcp_server.origins import Origins

BODY_BYTES = 1024 * 1024
BODY_SECONDS = 30.0
REALM = 'Bearer realm="videovector"'


def refusal(turned: Turned, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to a request that is not let in."""
    wait = {"Retry-After": str(turned.retry_after)} if turned.retry_after is not None else {}
    return JSONResponse(
        {"error": turned.error, "error_description": turned.message}, turned.status, {**wait, **(headers or {})}
    )


async def not_served(_: Request, error: Exception) -> Response:
    """The answer to what no route is for."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    allowed = error.headers if isinstance(error, HTTPException) else None
    word, sentence = _UNSERVED.get(status, ("server_error", "The server failed."))
    return refusal(Turned(status, word, sentence), allowed)


_UNSERVED = {
    404: ("not_found", "There is nothing at this path."),
    405: ("method_not_allowed", "This path takes other methods."),
}


class BoundedBodies:
    """Refuses a body that is larger than 1 MiB, or that is not whole after 30 seconds."""

    def __init__(self, app: ASGIApp, seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if announced(Headers(scope=scope)) > BODY_BYTES:
                raise _too_large()
            await self._app(scope, within(bounded(receive, BODY_BYTES, _too_large), self._seconds, _too_slow), send)
        except Turned as turned:
            await refusal(turned, {"Connection": "close"})(scope, receive, send)


def _too_large() -> Turned:
    return Turned(413, "body_too_large", f"The body is larger than {BODY_BYTES // 1024} KiB.")


def _too_slow() -> Turned:
    return Turned(408, "body_incomplete", "The body did not come in time.")


class OriginGuard:
    """Refuses what a web page of elsewhere may send here through a person's browser, DNS rebinding included."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._refused(scope) or self._app)(scope, receive, send)

    def _refused(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._origins.has_host(host):
            return refusal(Turned(421, "misdirected_request", "This server has another name: set --public-url."))
        if not self._origins.admits(headers.get("origin"), host):
            return refusal(Turned(403, "origin_refused", "Pages of this site may not call: set --allowed-origins."))
        return None


@dataclass(frozen=True)
class Door:
    """How callers are let in: who says who they are, how often they may call, and what OAuth clients are told."""

    authenticate: Authenticate
    rates: RateLimits
    resource: ProtectedResource | None = None

    async def admitted(self, scope: Scope) -> Identity:
        """Raises Turned."""
        address, _ = scope.get("client") or ("unknown", 0)
        return await self.rates.admitted(address, self.authenticate, Headers(scope=scope))

    def turned_away(self, turned: Turned) -> Response:
        """The answer to who was not admitted."""
        if turned.status != 401:
            return refusal(turned)
        return refusal(turned, {"WWW-Authenticate": self.resource.unauthorized(turned) if self.resource else REALM})

    def short_of_scope(self, identity: Identity, headers: Headers) -> Response | None:
        """The answer to a call that needs another scope, for clients of OAuth, which may get a token that has it.

        Of such calls are known here those whose headers name the tool, as clients of 2026-07-28 do.
        """
        row = OPERATION_BY_NAME.get(headers.get("mcp-name", "")) if headers.get("mcp-method") == "tools/call" else None
        if self.resource is None or row is None or has_scope(identity.scopes, row):
            return None
        turned = Turned(403, "insufficient_scope", f"{row.name} needs the scope {row.scope}.")
        return refusal(turned, {"WWW-Authenticate": self.resource.insufficient_scope(row.scope)})


class Admission:
    """Lets through who was admitted, and serves the request for that caller."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            identity = await self._door.admitted(scope)
        except Turned as turned:
            await self._door.turned_away(turned)(scope, receive, send)
            return
        refused = self._door.short_of_scope(identity, Headers(scope=scope))
        await served_for(identity, refused or self._app, scope, receive, send)
