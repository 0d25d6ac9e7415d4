"""The API's errors as HTTP messages, both ways: its envelope, FastAPI's `detail`, or none of them. No I/O here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from mcp_server.errors import ApiRefused, ConnectorError, InvalidArguments, Violation, listed

TOO_MANY = 429
HINTS: Mapping[int, str] = {
    401: "Check the API key: the one in VIDEOVECTOR_API_KEY, or the one that your client sends.",
    403: "The API key lacks the scope for this operation: use a key with it.",
    404: "List the connectors for the ids that exist.",
    413: "Send less.",
    422: "Correct the arguments and call again.",
    TOO_MANY: "Wait, then call again.",
}
_SERVER_HINT = "Call again later."
_CLIENT_HINT = "Correct the call; list_connectors tells what exists."


def as_it_is(value: object) -> object:
    """Scrubs nothing."""
    return value


def decode_error(
    status: int,
    body: bytes,
    request_id: str = "",
    scrub: Callable[[object], object] = as_it_is,
    retry_after: str = "",
) -> ApiRefused:
    """The error in an HTTP response: the API's envelope, FastAPI's `detail`, or none of them.

    Of Retry-After only seconds are told.
    """
    envelope = _mapping(scrub(_loaded(body)))
    error, detail = _mapping(envelope.get("error")), envelope.get("detail")
    details = _mapping(error.get("details"))
    violations = (*_named_rules(details.get("fields")), *_fastapi_rules(detail))
    refused = ApiRefused(
        status,
        _text(error.get("code")) or _text(error.get("error_code")) or f"http_{status}",
        _refusal(status, _text(error.get("message")) or _text(detail), violations),
        hint=_text(details.get("hint")) or _hint(status, retry_after),
        request_id=_text(error.get("request_id")) or _text(scrub(request_id)),
        violations=violations,
    )
    refused.retryable = details["retryable"] is True if "retryable" in details else refused.retryable
    return refused


def _hint(status: int, retry_after: str) -> str:
    if status == TOO_MANY and re.fullmatch("[0-9]{1,5}", retry_after):
        return f"Wait {int(retry_after)} s, then call again."
    return HINTS.get(status, _SERVER_HINT if status >= 500 else _CLIENT_HINT)


def _refusal(status: int, message: str, violations: tuple[Violation, ...]) -> str:
    if violations:
        return f"The Connectors API refused the arguments: {listed(violations)}."
    return message or f"The Connectors API answered with HTTP status {status}."


def _loaded(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}


def _entries(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _text(value: object) -> str:
    return value[:1000] if isinstance(value, str) else ""


def _named_rules(fields: object) -> Iterator[Violation]:
    for entry in map(_mapping, _entries(fields)):
        if rule := _text(entry.get("rule")):
            yield Violation(_text(entry.get("field")), rule)


def _fastapi_rules(detail: object) -> Iterator[Violation]:
    """Field and rule of each fault; `input`, which repeats what was sent, is never read."""
    for entry in map(_mapping, _entries(detail)):
        where = [str(step) for step in _entries(entry.get("loc")) if step not in ("body", "path", "query")]
        yield Violation(".".join(where)[:100], _text(entry.get("msg"))[:200] or "is not valid")


def encode_error(error: ConnectorError, request_id: str) -> tuple[int, dict[str, Any]]:
    """The HTTP status and the envelope of an error."""
    details: dict[str, Any] = {"retryable": error.retryable}
    if error.hint:
        details["hint"] = error.hint
    violations = error.violations if isinstance(error, InvalidArguments | ApiRefused) else ()
    if violations:
        details["fields"] = [{"field": violation.field, "rule": violation.rule} for violation in violations]
    status = 422 if isinstance(error, InvalidArguments) else error.status if isinstance(error, ApiRefused) else 500
    body = {"code": error.code, "message": error.message, "details": details, "request_id": request_id}
    return status, {"error": body}
