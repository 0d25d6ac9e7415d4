"""Refuses what is no message of MCP before the SDK does, which would quote it: to the sender, and to the log."""

from __future__ import annotations

import re

from mcp_types import INVALID_REQUEST, PARSE_ERROR, jsonrpc_message_adapter
from pydantic import ValidationError
from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class _Malformed(Exception):
    """A body that is no message; `code` is JSON-RPC's."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class WellFormed:
    """Lets through bodies that are one JSON-RPC message, for a session that can be one if any is named."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            _check_session(scope)
            await self._app(scope, _checked(receive) if scope["method"] == "POST" else receive, send)
        except _Malformed as malformed:
            error = {"code": malformed.code, "message": malformed.text}
            await JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, 400)(scope, receive, send)


def _check_session(scope: Scope) -> None:
    named = QueryParams(scope["query_string"]).get("session_id") if scope["query_string"] else None
    if named is not None and not re.fullmatch("[0-9a-f]{32}", named):
        raise _Malformed(INVALID_REQUEST, "session_id is none that this server gave out.")


def _checked(receive: Receive) -> Receive:
    """Receives as `receive` does; with the last part of a body that is no message, it raises."""
    body = bytearray()

    async def receive_checked() -> Message:
        message = await receive()
        body.extend(message.get("body", b""))
        if message["type"] == "http.request" and not message.get("more_body", False):
            _check(bytes(body))
        return message

    return receive_checked


def _check(body: bytes) -> None:
    try:
        jsonrpc_message_adapter.validate_json(body, by_name=False)
    except ValidationError as error:
        if error.errors(include_input=False)[0]["type"] == "json_invalid":
            raise _Malformed(PARSE_ERROR, "The body is no JSON.") from None
        raise _Malformed(INVALID_REQUEST, "The body is no JSON-RPC message.") from None
