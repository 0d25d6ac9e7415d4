"""The error answers of the document: which statuses an operation may have, and what an error looks like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mcp_server.operation import AnyOperation, Body
from mcp_server.wire import REQUEST_ID_HEADER

Json = dict[str, Any]

ERROR_SCHEMA: Json = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "details", "request_id"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "request_id": {"type": "string"},
                "details": {
                    "type": "object",
                    "required": ["retryable"],
                    "properties": {
                        "hint": {"type": "string", "description": "What to do next"},
                        "retryable": {"type": "boolean", "description": "Whether the same call may succeed later"},
                        "fields": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "required": ["field", "rule"],
                                "properties": {"field": {"type": "string"}, "rule": {"type": "string"}},
                            },
                        },
                    },
                },
            },
        }
    },
}
_REASONS: Mapping[int, str] = {
    400: "The body is malformed, or its end did not come",
    401: "The API key is missing, unknown or revoked",
    403: "The API key lacks the scope, or a page of another site asks",
    404: "There is no such connector",
    409: "The stored credentials cannot be opened",
    413: "The body is larger than 1 MiB, or a part of a form than 64 KiB",
    415: "The body is of another media type",
    421: "The host is not one of this API",
    422: "A value breaks its rule, or the idempotency key was another request's",
    500: "The API failed",
    502: "The storage refused, or is not there; the code begins with storage_",
    503: "The database or the storage is busy",
    504: "The storage took too long",
}
_EVERYWHERE = (401, 403, 413, 421, 500, 503)
_HEADERS: Mapping[int, Json] = {
    401: {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}},
}
REQUEST_ID: Json = {"required": True, "schema": {"type": "string", "pattern": "^req_[0-9a-f]{24}$"}}


def _refusal(status: int) -> Json:
    return {
        "description": _REASONS[status],
        "headers": {REQUEST_ID_HEADER: REQUEST_ID, **_HEADERS.get(status, {})},
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }


def _name(status: int) -> str:
    return f"Error{status}"


REFUSALS: Mapping[str, Json] = {_name(status): _refusal(status) for status in _REASONS}
"""The components that `refusals` refers to."""


def refusals(operation: AnyOperation | None = None) -> Json:
    """The error answers of an operation, or those that all have."""
    statuses = {*_EVERYWHERE, *(_own(operation) if operation else ())}
    return {str(status): {"$ref": f"#/components/responses/{_name(status)}"} for status in sorted(statuses)}


def _own(operation: AnyOperation) -> Iterator[int]:
    if operation.body is not Body.NONE:
        yield from (400, 415)
    if operation.body is not Body.NONE or operation.path_fields or operation.keyed:
        yield 422
    if operation.path_fields:
        yield 404
    if operation.effect.open_world:
        yield 409
    if operation.effect.open_world and operation.effect.read_only:
        yield from (502, 504)
