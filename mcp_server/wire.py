"""Operations to HTTP messages and back, for both ends: pure functions from rows and models to plain values.

No I/O library is imported here; the client and the embedded API each bring their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Annotated, Any, cast, get_origin

from pydantic import BaseModel, FailFast, TypeAdapter, ValidationError

from mcp_server.error_envelope import as_it_is, decode_error
from mcp_server.errors import ApiMisbehaved, InvalidArguments, Violation
from mcp_server.operation import AnswerT, AnyOperation, Body, Operation, Request, RequestT
from mcp_server.page_headers import FILES, page_headers, page_of
from mcp_server.redaction import reveal
from mcp_server.resources import FilePage
from mcp_server.spelling import AS_WRITTEN
from mcp_server.violations import unknown, violation

IDEMPOTENCY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
RETRY_HEADER = "Retry-After"
REQUEST_ID_HEADER = "X-Request-ID"
CLEARED = "clear_export_base_path"
NO_FIELDS: Mapping[str, str] = MappingProxyType({})
_FLAGS: Mapping[str, object] = {"true": True, "false": False}


@dataclass(frozen=True)
class Message:
    """A request without its host: what a client sends and a server receives."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    query: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
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
    values = {name: value for name, value in reveal(request).items() if name not in operation.unsent}
    path = operation.path.format(**{name: values.pop(name) for name in operation.path_fields})
    key = values.pop("idempotency_key", None)
    headers = {IDEMPOTENCY_HEADER: key} if key else {}
    query = _query({name: values.pop(name, None) for name in operation.query})
    if operation.body is Body.NONE:
        return Message(operation.method, path, headers, query)
    if operation.body is Body.FORM:
        files = {part: _file_part(values.pop(name)) for name, part in operation.wire_names.items()}
        return Message(operation.method, path, headers, query, form=values, files=files)
    if operation.body is Body.MERGE_PATCH and values.pop(CLEARED):
        values["export_base_path"] = None
    return Message(operation.method, path, headers, query, json=values)


def _query(values: Mapping[str, object]) -> dict[str, str]:
    """What is set, as text; what is not wanted is left out."""
    set_ones = {name: value for name, value in values.items() if value is not None and value is not False}
    return {name: "true" if value is True else str(value) for name, value in set_ones.items()}


def _file_part(content: str) -> tuple[str, bytes, str]:
    return ("credentials.json", content.encode(), "application/json")


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
    headers: Mapping[str, str] = NO_FIELDS,
    scrub: Callable[[object], object] = as_it_is,
) -> AnswerT:
    """The answer in an HTTP response; `scrub` sees what an error is made of, and nothing of an answer.

    Raises ApiRefused for an error status, ApiMisbehaved for anything that is not the documented shape.
    """
    request_id = headers.get(REQUEST_ID_HEADER, "")
    if status >= 400:
        raise decode_error(status, body, request_id, scrub, headers.get(RETRY_HEADER, ""))
    if not 200 <= status < 300:
        raise _misbehaved(operation, f"It answered {operation.name} with HTTP status {status}.", scrub(request_id))
    try:
        answer = page_of(body, headers) if operation.is_paged else _adapter(operation).validate_json(body)
        return cast("AnswerT", answer)
    except ValidationError:
        what = f"Its answer to {operation.name} has an unknown shape."
        raise _misbehaved(operation, what, scrub(request_id)) from None


def _misbehaved(operation: AnyOperation, what: str, request_id: object) -> ApiMisbehaved:
    effect = (
        "" if operation.effect.read_only else "; the call may have taken effect, so look with list_connectors first"
    )
    return ApiMisbehaved(
        f"The Connectors API misbehaved. {what}",
        hint=f"Check VIDEOVECTOR_BASE_URL{effect}.",
        code="unexpected_answer",
        request_id=str(request_id or "")[:1000],
    )


def decode_request(
    operation: Operation[RequestT, AnswerT],
    path: Mapping[str, str],
    body: Mapping[str, Any],
    idempotency_key: str | None = None,
    query: Mapping[str, str] = NO_FIELDS,
) -> RequestT:
    """The request in an HTTP message whose path, query and body (JSON or form) were taken apart.

    Nothing is corrected; in a query, what is not known is passed over. Raises InvalidArguments, also for a body field
    that belongs into the path, the query or a header.
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
    asked = {name: _FLAGS.get(query[name], query[name]) for name in operation.query if name in query}
    return parse(operation, {**arguments, **asked, **path}, operation.wire_names, context=AS_WRITTEN)


def _misplaced(operation: AnyOperation, body: Mapping[str, object]) -> Iterator[Violation]:
    """What the body may not have, at least not under this name, or not without a value."""
    elsewhere = (*operation.path_fields, *operation.query, *operation.unsent, "idempotency_key", CLEARED)
    for name in (*elsewhere, *operation.wire_names):
        if name in body:
            yield Violation(name, "does not belong into the body")
    if operation.body is Body.MERGE_PATCH:
        nulls = [name for name, value in body.items() if value is None and name in operation.request.model_fields]
        yield from (Violation(name, "cannot be cleared") for name in nulls if name != "export_base_path")


def _lists_of_one(request: type[Request], form: Mapping[str, object]) -> list[str]:
    """The fields that a form may repeat and has once."""
    several = [name for name, field in request.model_fields.items() if get_origin(field.annotation) is list]
    return [name for name in several if isinstance(form.get(name), str)]


def encode_answer(operation: Operation[RequestT, AnswerT], answer: AnswerT) -> tuple[bytes, dict[str, str]]:
    """The JSON body of an answer, and the headers that say the rest of it."""
    if operation.is_paged:
        page = cast("FilePage", answer)
        return FILES.dump_json(page.files), page_headers(page)
    return _adapter(operation).dump_json(answer), {}


def as_request(request: Request) -> dict[str, Any]:
    """What a request says, secrets in clear, without its idempotency key: equal requests give equal values."""
    return {name: value for name, value in reveal(request).items() if name != "idempotency_key"}
