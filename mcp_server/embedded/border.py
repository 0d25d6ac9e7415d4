"""Where HTTP ends: request ids, who may speak to us from where, and the one place that turns errors into answers.

No operation is known here.
"""

from __future__ import annotations

import logging
import secrets
import traceback
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mcp_server.embedded.database import DatabaseFault
from mcp_server.embedded.storage import StorageFault
from mcp_server.error_envelope import encode_error
from mcp_server.errors import ApiRefused, ConfigurationError, ConnectorError
from mcp_server.origins import Origins
from mcp_server.redaction import guarding
from mcp_server.wire import REQUEST_ID_HEADER

_log = logging.getLogger(__name__)
_STORAGE_STATUSES: Mapping[str, int] = MappingProxyType(
    {"storage_timeout": 504, "storage_listing_too_long": 504, "storage_throttled": 503}
)


class RequestIds:
    """Gives every request an id of our making, and every answer the header that tells it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = f"req_{secrets.token_hex(12)}"
        scope.setdefault("state", {})["request_id"] = request_id

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
            await send(message)

        await self._app(scope, receive, stamped)


class Guarded:
    """What `guard` was told of a request stays guarded until its answer, which may be an error's, is made and sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with ExitStack() as guards:
            scope["state"]["guards"] = guards
            await self._app(scope, receive, send)


def guard(request: Request, values: Iterable[str]) -> None:
    """From now on until the request is answered, these values are in no log record."""
    guards: ExitStack = request.state.guards
    guards.enter_context(guarding(values))


class KnownOrigins:
    """Refuses what a web page of elsewhere may send here through a person's browser, DNS rebinding included."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises ApiRefused: 421 for a host that is not this server, 403 for another site's page."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            host = headers.get("host", "")
            if not self._origins.has_host(host):
                raise ApiRefused(421, "host_refused", "This API answers under its own names only.")
            if not self._origins.admits(headers.get("origin"), host):
                raise ApiRefused(403, "origin_refused", "Requests from pages of other sites are refused.")
        await self._app(scope, receive, send)


async def answer_error(request: Request, error: Exception) -> Response:
    """The answer that an error makes: the API's envelope, with the request's id."""
    request_id = str(request.state.request_id)
    status, envelope = encode_error(_refusal(error, request_id), request_id)
    return JSONResponse(envelope, status, headers=_headers(error, status))


def _headers(error: Exception, status: int) -> Mapping[str, str]:
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    return {**headers, "WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else headers


def _refusal(error: Exception, request_id: str) -> ConnectorError:
    if isinstance(error, DatabaseFault):
        _log.error("%s: the database failed: %s", request_id, error.cause)
    if isinstance(error, StorageFault | ConfigurationError):
        return _refused(error)
    if isinstance(error, ConnectorError):
        return error
    if isinstance(error, HTTPException):
        return _http_refusal(error)
    if isinstance(error, ClientDisconnect):
        return ApiRefused(400, "request_incomplete", "The connection ended before the request was complete.")
    return _defect(error, request_id)


def _defect(error: Exception, request_id: str) -> ApiRefused:
    """What nobody foresaw: the log tells where, the answer only how to find that in the log."""
    _log.error("%s: %s at %s", request_id, type(error).__name__, _place(error))
    return ApiRefused(
        500, "internal_error", "The connectors API failed.", hint="Its log has more under this request id."
    )


def _refused(error: StorageFault | ConfigurationError) -> ApiRefused:
    """Whether to try again is the error's to say, not the status's."""
    status = 503 if isinstance(error, DatabaseFault) else 500
    if isinstance(error, StorageFault):
        status = _STORAGE_STATUSES.get(error.code, 502)
    refusal = ApiRefused(status, error.code or "configuration_error", error.message, hint=error.hint)
    refusal.retryable = error.retryable
    return refusal


def _http_refusal(error: HTTPException) -> ApiRefused:
    """Starlette's own refusals; its texts may quote the request, ours do not."""
    status = HTTPStatus(error.status_code)
    code = "malformed_body" if status is HTTPStatus.BAD_REQUEST else status.name.lower()
    hint = "GET /openapi.json lists what there is." if status in (404, 405) else ""
    return ApiRefused(status.value, code, f"{status.phrase}.", hint=hint)


def _place(error: Exception) -> str:
    """Files, lines and functions, outermost first. No message and no source line: either may hold a value."""
    frames = traceback.extract_tb(error.__traceback__)
    return " > ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
