"""What one end of the wire sends, the other end receives; and what it makes of answers that are none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server import wire
from mcp_server.error_envelope import decode_error, encode_error
from mcp_server.errors import ApiMisbehaved, ApiRefused, ConfigurationError, ConnectorError, InvalidArguments, Violation
from mcp_server.operations import CREATE_S3_CONNECTOR, LIST_CONNECTORS
from mcp_server.redaction import reveal
from tests.materials import NAMES, ROWS, Json, arguments, made


def _round_trip(name: str, given_: Json) -> tuple[Any, Any]:
    row = ROWS[name]
    request = wire.parse(row, given_)
    message = wire.encode_request(row, request)
    path = {field: getattr(request, field) for field in row.path_fields}
    files = {part: content.decode() for part, (_, content, _) in (message.files or {}).items()}
    body: Json = {**json.loads(json.dumps(message.json or {})), **(message.form or {}), **files}
    return request, wire.decode_request(row, path, body, message.headers.get(wire.IDEMPOTENCY_HEADER))


_TEXT = st.text(max_size=30)
_OPTIONAL: dict[str, st.SearchStrategy[Any]] = {
    "name": _TEXT,
    "scopes": st.lists(st.sampled_from(["import", "export"]), min_size=1, max_size=4),
    "export_base_path": st.text(alphabet="ab /é.", max_size=12),
    "import_mode": st.sampled_from(["all", "new_only"]),
    "clear_export_base_path": st.booleans(),
    "aws_secret_access_key": _TEXT,
    "client_secret": _TEXT,
    "idempotency_key": _TEXT,
    "prefix": _TEXT,
    "pattern": _TEXT,
    "recursive": st.booleans(),
}


@st.composite
def _requests(draw: st.DrawFn) -> tuple[str, Json]:
    name = draw(st.sampled_from(NAMES))
    taken = {key: strategy for key, strategy in _OPTIONAL.items() if key in ROWS[name].request.model_fields}
    return name, {**arguments(name), **draw(st.fixed_dictionaries({}, optional=taken))}


@settings(derandomize=True, database=None, max_examples=300)
@given(_requests())
def test_what_a_client_encodes_a_server_decodes_to_the_same_request(case: tuple[str, Json]) -> None:
    name, given_ = case
    try:
        sent, received = _round_trip(name, given_)
    except InvalidArguments:
        _refused_before_it_is_sent(name, given_)
        return
    assert received == sent
    assert reveal(received) == reveal(sent)


def _refused_before_it_is_sent(name: str, given_: Json) -> None:
    """What cannot go round must have been refused before it was sent."""
    with pytest.raises(InvalidArguments):
        wire.parse(ROWS[name], given_)


@pytest.mark.parametrize("path", ["/ a /", "/ a", "a /", "/ /"])
def test_a_folder_with_blanks_at_its_ends_means_the_same_at_both_ends(path: str) -> None:
    given_ = arguments("create_s3_connector", export_base_path=path)
    try:
        wire.parse(CREATE_S3_CONNECTOR, given_)
    except InvalidArguments:
        return
    sent, received = _round_trip("create_s3_connector", given_)
    assert received.export_base_path == sent.export_base_path


CANARY = made("odd answer")
ODD_BODIES: list[bytes] = [
    b"",
    b"null",
    b"{}",
    b"\xff\xfe",
    b"[" * 100_000,
    f"<html>{CANARY}</html>".encode(),
    json.dumps(CANARY).encode(),
    json.dumps({"data": [CANARY]}).encode(),
    json.dumps([{"connector_id": [CANARY]}]).encode(),
    json.dumps([{"connector_id": CANARY, "name": "n", "provider": "s3", "status": None}]).encode(),
    b'[{"connector_id": "\\ud800", "name": "n", "provider": "s3", "status": "active"}]',
]


@pytest.mark.parametrize("body", ODD_BODIES, ids=range(len(ODD_BODIES)))
def test_an_answer_of_unknown_shape_shows_nothing_of_itself(body: bytes) -> None:
    with pytest.raises(ApiMisbehaved) as caught:
        wire.decode_answer(LIST_CONNECTORS, 200, body, {wire.REQUEST_ID_HEADER: "req_9"})
    error = caught.value
    assert CANARY not in f"{error} {error!r} {error.__cause__!r} {error.__dict__}"
    assert error.__suppress_context__
    assert (error.code, error.request_id, error.retryable) == ("unexpected_answer", "req_9", False)


@pytest.mark.parametrize("status", [100, 199, 300, 301, 302, 304, 307, 308, 399])
def test_a_status_that_is_neither_success_nor_error_is_misbehaviour(status: int) -> None:
    with pytest.raises(ApiMisbehaved, match=str(status)):
        wire.decode_answer(LIST_CONNECTORS, status, b"[]")


ODD_ERRORS: list[bytes] = [
    *ODD_BODIES,
    json.dumps({"error": CANARY}).encode(),
    json.dumps({"error": [CANARY]}).encode(),
    json.dumps({"error": {"message": [CANARY], "code": {"a": CANARY}, "details": CANARY}}).encode(),
    json.dumps({"detail": {"input": CANARY}}).encode(),
    json.dumps({"detail": [CANARY, [CANARY], None, 7]}).encode(),
    json.dumps({"error": {"details": {"fields": [CANARY, {"field": CANARY}, {"rule": 7}]}}}).encode(),
]


@pytest.mark.parametrize("body", ODD_ERRORS, ids=range(len(ODD_ERRORS)))
def test_an_error_of_unknown_shape_is_an_error_with_its_status_only(body: bytes) -> None:
    error = decode_error(418, body)
    assert CANARY not in f"{error} {error!r} {error.__dict__}"
    assert (error.status, error.code) == (418, "http_418")


def test_the_input_that_fastapi_repeats_is_not_shown() -> None:
    fault: Json = {"loc": ["body", "client_secret"], "msg": "too short", "input": CANARY, "ctx": {"given": CANARY}}
    error = decode_error(422, json.dumps({"detail": [fault]}).encode())
    assert error.violations == (Violation("client_secret", "too short"),)
    assert CANARY not in f"{error} {error!r} {error.__dict__}"


@pytest.mark.parametrize("status", [500, 503, 599])
def test_an_error_of_the_server_says_that_it_may_pass(status: int) -> None:
    error = decode_error(status, b"")
    assert error.retryable
    assert "later" in error.hint


def test_a_long_message_from_outside_is_cut() -> None:
    error = decode_error(400, json.dumps({"error": {"message": "m" * 100_000, "code": "c" * 100_000}}).encode())
    assert len(f"{error}{error.code}") < 4_000


def test_many_faults_from_outside_are_cut() -> None:
    faults = [{"loc": ["body", "name"], "msg": "m" * 900}] * 1_000
    error = decode_error(422, json.dumps({"detail": faults}).encode())
    assert len(str(error)) < 40_000


def test_a_violation_survives_the_way_to_the_client() -> None:
    sent = InvalidArguments((Violation("bucket", "must be lower case"), Violation("", "name one field")))
    status, envelope = encode_error(sent, "req_7")
    received = decode_error(status, json.dumps(envelope).encode())
    assert status == 422
    assert received.violations == sent.violations
    assert (received.code, received.request_id, received.hint) == ("validation_error", "req_7", sent.hint)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ApiRefused(404, "connector_not_found", "Gone."), 404),
        (ApiRefused(429, "rate_limited", "Slow down.", hint="Wait."), 429),
        (ConfigurationError("The key is lost.", code="key_lost"), 500),
    ],
)
def test_an_error_survives_the_way_to_the_client(error: ConnectorError, status: int) -> None:
    sent_status, envelope = encode_error(error, "req_8")
    received = decode_error(sent_status, json.dumps(envelope).encode())
    assert received.status == status
    assert (received.code, received.message) == (error.code, error.message)
    assert (received.retryable, received.request_id) == (error.retryable, "req_8")
    assert not error.hint or received.hint == error.hint
    assert "fields" not in envelope["error"]["details"]
