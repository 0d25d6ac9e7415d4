"""Operations to HTTP messages and back, for both ends: pure functions from rows and models to plain values.

No I/O library is imported here; the client and the embedded API each bring their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, cast, get_origin

from pydantic import BaseModel, FailFast, TypeAdapter, ValidationError

from mcp_server.errors import ApiMisbehaved, ApiRefused, ConnectorError, InvalidArguments, Violation, listed
from mcp_server.operation import AnswerT, AnyOperation, Body, Operation, Request, RequestT
from mcp_server.redaction import reveal
from mcp_server.spelling import AS_WRITTEN
from mcp_server.violations import unknown, violation

IDEMPOTENCY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
REQUEST_ID_HEADER = "X-Request-ID"
CLEARED = "clear_export_base_path"


@dataclass(frozen=True)
class Message:
    """A request without its host: what a client sends and a server receives."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    json: Mapping[str, Any] | None = field(default=None, repr=False)
    form: Mapping[str, Any] | None = field(default=None, repr=False)
    files: Mapping[str, tuple[str, bytes, str]] | None = field(default=None, repr=False)


def parse(
    operation: Operation[RequestT, AnswerT],
    arguments: object,
    called: Mapping[str, str] | None = None,
    known: Sequence[str] | None = None,
    context: Mapping[str, bool] | None = None,
) -> RequestT:
    """The request that these arguments make.

    `null` counts as unset and, without the context AS_WRITTEN, `""` too. `called` says which arguments the caller knows
    by another name, `known` which to tell a caller of who names one that is none (by default, the request's).
    Raises InvalidArguments with every broken rule, and never a value.
    """
    if not isinstance(arguments, dict):
        raise InvalidArguments((Violation("", "the arguments must be a JSON object"),))
    given = cast("dict[str, object]", arguments)
    fields = operation.request.model_fields
    nothing = unset if context is None else _is_null
    set_ones = {name: value for name, value in given.items() if not nothing(value)}
    cleaned = {name: value for name, value in set_ones.items() if name in fields}
    violations = [unknown(name, operation.request, known or list(fields)) for name in given if name not in fields]
    violations += operation.request.broken_combinations(set_ones)
    try:
        request = operation.request.model_validate(cleaned, context=context)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        raise InvalidArguments((*violations, *(violation(fault, called or {}) for fault in faults))) from None
    if violations:
        raise InvalidArguments(tuple(violations))
    return request


def unset(value: object) -> bool:
    """Whether a client that sends this value means that it sends none."""
    return value is None or value == ""


def _is_null(value: object) -> bool:
    return value is None


def keyed(operation: Operation[RequestT, AnswerT], request: RequestT) -> RequestT:
    """The request with an idempotency key, where its operation takes one: the caller's, or one made here."""
    if not operation.keyed or idempotency_key(request):
        return request
    return request.model_copy(update={"idempotency_key": operation.new_idempotency_key()})


def idempotency_key(request: BaseModel) -> str:
    """The request's key, empty where it has none."""
    return getattr(request, "idempotency_key", None) or ""


def encode_request(operation: Operation[RequestT, AnswerT], request: RequestT) -> Message:
    """The HTTP message of a request, secrets in clear."""
    values = reveal(request)
    path = operation.path.format(**{name: values.pop(name) for name in operation.path_fields})
    key = values.pop("idempotency_key", None)
    headers = {IDEMPOTENCY_HEADER: key} if key else {}
    if operation.body is Body.NONE:
        return Message(operation.method, path, headers)
    if operation.body is Body.FORM:
        files = {part: _file_part(values.pop(name)) for name, part in operation.wire_names.items()}
        return Message(operation.method, path, headers, form=values, files=files)
    if operation.body is Body.MERGE_PATCH and values.pop(CLEARED):
        values["export_base_path"] = None
    return Message(operation.method, path, headers, json=values)


def _file_part(content: str) -> tuple[str, bytes, str]:
    return ("credentials.json", content.encode(), "application/json")


def _as_it_is(value: object) -> object:
    return value


@lru_cache(maxsize=32)
def _adapter(operation: Operation[Any, Any]) -> TypeAdapter[Any]:
    """Of a list, the first wrong entry is enough: the errors of a million take gigabytes."""
    if get_origin(operation.answer) is not list:
        return TypeAdapter(operation.answer)
    return TypeAdapter(cast("Any", Annotated)[operation.answer, FailFast()])


def decode_answer(
    operation: Operation[RequestT, AnswerT],
    status: int,
    body: bytes,
    request_id: str = "",
    scrub: Callable[[object], object] = _as_it_is,
) -> AnswerT:
    """The answer in an HTTP response; `scrub` sees what an error is made of, and nothing of an answer.

    Raises ApiRefused for an error status, ApiMisbehaved for anything that is not the documented shape.
    """
    if status >= 400:
        raise decode_error(status, body, request_id, scrub)
    if not 200 <= status < 300:
        raise _misbehaved(f"It answered {operation.name} with HTTP status {status}.", _text(scrub(request_id)))
    try:
        return cast("AnswerT", _adapter(operation).validate_json(body))
    except ValidationError:
        what = f"Its answer to {operation.name} has an unknown shape."
        raise _misbehaved(what, _text(scrub(request_id))) from None


def _misbehaved(what: str, request_id: str) -> ApiMisbehaved:
    return ApiMisbehaved(
        f"The Connectors API misbehaved. {what}",
        hint="Check VIDEOVECTOR_BASE_URL; the call may have taken effect, so look with list_connectors first.",
        code="unexpected_answer",
        request_id=request_id,
    )


HINTS: Mapping[int, str] = {
    401: "Check the API key: the one in VIDEOVECTOR_API_KEY, or the one that your client sends.",
    403: "The API key lacks the scope for this operation: use a key with it.",
    404: "List the connectors for the ids that exist.",
    413: "Send less.",
    422: "Correct the arguments and call again.",
    429: "Wait, then call again.",
}
_SERVER_HINT = "Call again later."
_CLIENT_HINT = "Correct the call; list_connectors tells what exists."


def decode_error(
    status: int, body: bytes, request_id: str = "", scrub: Callable[[object], object] = _as_it_is
) -> ApiRefused:
    """The error in an HTTP response: the API's envelope, FastAPI's `detail`, or none of them."""
    envelope = _mapping(scrub(_loaded(body)))
    error, detail = _mapping(envelope.get("error")), envelope.get("detail")
    details = _mapping(error.get("details"))
    violations = (*_named_rules(details.get("fields")), *_fastapi_rules(detail))
    refused = ApiRefused(
        status,
        _text(error.get("code")) or _text(error.get("error_code")) or f"http_{status}",
        _refusal(status, _text(error.get("message")) or _text(detail), violations),
        hint=_text(details.get("hint")) or HINTS.get(status, _SERVER_HINT if status >= 500 else _CLIENT_HINT),
        request_id=_text(error.get("request_id")) or _text(scrub(request_id)),
        violations=violations,
    )
    refused.retryable = details["retryable"] is True if "retryable" in details else refused.retryable
    return refused


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


def decode_request(
    operation: Operation[RequestT, AnswerT],
    path: Mapping[str, str],
    body: Mapping[str, Any],
    idempotency_key: str | None = None,
) -> RequestT:
    """The request in an HTTP message whose path and body (JSON or form) were taken apart.

    Nothing is corrected. Raises InvalidArguments, also for a body field that belongs into the path or a header.
    """
    arguments = dict(body)
    for name, part in operation.wire_names.items():
        if part in arguments:
            arguments[name] = arguments.pop(part)
    faults = tuple(_misplaced(operation, body))
    if faults:
        raise InvalidArguments(faults)
    if operation.body is Body.MERGE_PATCH and "export_base_path" in body and body["export_base_path"] is None:
        arguments[CLEARED] = True
    if operation.body is Body.FORM:
        arguments |= {name: [arguments[name]] for name in _lists_of_one(operation.request, arguments)}
    if operation.keyed and idempotency_key is not None:
        arguments["idempotency_key"] = idempotency_key
    return parse(operation, {**arguments, **path}, operation.wire_names, context=AS_WRITTEN)


def _misplaced(operation: AnyOperation, body: Mapping[str, object]) -> Iterator[Violation]:
    """What the body may not have, at least not under this name, or not without a value."""
    for name in (*operation.path_fields, *operation.wire_names, "idempotency_key", CLEARED):
        if name in body:
            yield Violation(name, "does not belong into the body")
    if operation.body is Body.MERGE_PATCH:
        nulls = [name for name, value in body.items() if value is None and name in operation.request.model_fields]
        yield from (Violation(name, "cannot be cleared") for name in nulls if name != "export_base_path")


def _lists_of_one(request: type[Request], form: Mapping[str, object]) -> list[str]:
    """The fields that a form may repeat and has once."""
    several = [name for name, field in request.model_fields.items() if get_origin(field.annotation) is list]
    return [name for name in several if isinstance(form.get(name), str)]


def encode_answer(operation: Operation[RequestT, AnswerT], answer: AnswerT) -> bytes:
    """The JSON body of an answer."""
    return _adapter(operation).dump_json(answer)


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


def as_request(request: Request) -> dict[str, Any]:
    """What a request says, secrets in clear, without its idempotency key: equal requests give equal values."""
    return {name: value for name, value in reveal(request).items() if name != "idempotency_key"}
