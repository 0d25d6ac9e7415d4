"""Operations to HTTP messages and back, held to samples that were written from the API's documentation."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from mcp_server import wire
from mcp_server.error_envelope import decode_error
from mcp_server.errors import ApiMisbehaved, ApiRefused, InvalidArguments, Violation
from mcp_server.operations import LIST_CONNECTORS, TEST_CONNECTOR, UPDATE_CONNECTOR
from mcp_server.redaction import reveal
from tests.materials import ANSWERS, NAMES, ROWS, SERVICE_ACCOUNT, Json, arguments, made

SAMPLES = Path(__file__).parent / "samples"


def _sample(name: str) -> Json:
    text = (SAMPLES / f"{name}.json").read_text(encoding="utf-8")
    sample: Json = json.loads(text, object_hook=_with_key)
    return sample


def _with_key(entries: Json) -> Json:
    return {name: SERVICE_ACCOUNT if value == "{service_account_key}" else value for name, value in entries.items()}


ERRORS = _sample("errors")


def _plain(answer: Any) -> Any:
    return TypeAdapter(Any).dump_python(answer, exclude_none=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_request_is_encoded_as_the_documentation_writes_it(name: str) -> None:
    sample = _sample(name)
    message = wire.encode_request(ROWS[name], wire.parse(ROWS[name], sample["arguments"]))
    expected = sample["request"]
    assert (message.method, message.path) == (expected["method"], expected["path"])
    assert dict(message.query) == expected.get("query", {})
    assert dict(message.headers) == expected["headers"]
    assert message.json == expected.get("json")
    assert message.form == expected.get("form")


def test_a_gcs_key_travels_as_a_file_and_nowhere_else() -> None:
    sample = _sample("create_gcs_connector")
    message = wire.encode_request(
        ROWS["create_gcs_connector"], wire.parse(ROWS["create_gcs_connector"], sample["arguments"])
    )
    assert message.files is not None
    assert set(message.files) == {"credentials_file"}
    filename, content, media_type = message.files["credentials_file"]
    assert filename.endswith(".json")
    assert (content.decode(), media_type) == (SERVICE_ACCOUNT, "application/json")
    assert SERVICE_ACCOUNT not in str(message.form)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "create_gcs_connector"])
def test_no_other_request_has_a_file(name: str) -> None:
    message = wire.encode_request(ROWS[name], wire.parse(ROWS[name], arguments(name)))
    assert message.files is None
    assert message.form is None


@pytest.mark.parametrize("name", NAMES)
def test_a_documented_request_is_understood_by_the_server(name: str) -> None:
    sample = _sample(name)
    row, sent = ROWS[name], sample["request"]
    path = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", row.path), sent["path"])
    assert path is not None
    body: Json = {**sent.get("json", {}), **sent.get("form", {}), **sent.get("files", {})}
    key = sent["headers"].get("Idempotency-Key")
    request = wire.decode_request(row, path.groupdict(), body, key, sent.get("query", {}))
    expected = {name: value for name, value in sample["arguments"].items() if name not in row.unsent}
    assert request == wire.parse(row, expected)
    assert reveal(request) == reveal(wire.parse(row, expected))


@pytest.mark.parametrize("name", NAMES)
def test_a_documented_answer_is_decoded_without_what_it_adds(name: str) -> None:
    sample = _sample(name)
    answer = wire.decode_answer(ROWS[name], sample["answer"]["status"], json.dumps(sample["answer"]["body"]).encode())
    assert _plain(answer) == sample["decoded"]


@pytest.mark.parametrize("name", NAMES)
def test_the_server_encodes_an_answer_that_its_client_decodes_to_the_same(name: str) -> None:
    answer = wire.decode_answer(ROWS[name], 200, json.dumps(ANSWERS[name]).encode())
    body, headers = wire.encode_answer(ROWS[name], answer)
    assert wire.decode_answer(ROWS[name], 200, body, headers) == answer
    assert isinstance(json.loads(body), list) == (name in ("list_connectors", "browse_connector_files"))


@pytest.mark.parametrize("case", ERRORS)
def test_a_documented_error_is_decoded(case: str) -> None:
    sample = ERRORS[case]
    error = decode_error(sample["status"], json.dumps(sample["body"]).encode(), "from-header")
    expected = sample["refused"]
    assert {name: getattr(error, name) for name in expected} == expected
    assert error.status == sample["status"]
    assert "what was sent" not in f"{error} {error!r} {error.__dict__}"


@pytest.mark.parametrize("case", ERRORS)
def test_an_error_status_is_raised_from_any_operation(case: str) -> None:
    sample = ERRORS[case]
    with pytest.raises(ApiRefused) as caught:
        wire.decode_answer(LIST_CONNECTORS, sample["status"], json.dumps(sample["body"]).encode())
    assert caught.value.status == sample["status"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 500, 503])
def test_an_error_says_what_to_do_next(status: int) -> None:
    assert decode_error(status, b"").hint


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("7", "Wait 7 s, then call again."),
        ("0", "Wait 0 s, then call again."),
        *((odd, "Wait, then call again.") for odd in ("", "soon", "-1", "1.5", "1" * 9, "\u0667")),
    ],
)
def test_a_wait_in_seconds_is_told(given: str, hint: str) -> None:
    with pytest.raises(ApiRefused) as caught:
        wire.decode_answer(LIST_CONNECTORS, 429, b"", {"Retry-After": given})
    assert caught.value.hint == hint


@pytest.mark.parametrize("name", ROWS)
def test_only_a_call_that_changes_something_may_have_taken_effect(name: str) -> None:
    with pytest.raises(ApiMisbehaved) as caught:
        wire.decode_answer(ROWS[name], 200, b'{"items": 7}')
    may_change = name not in ("list_connectors", "get_connector", "browse_connector_files")
    assert ("may have taken effect" in caught.value.hint) is may_change


@pytest.mark.parametrize("odd", [None, [], "{}", 7, True])
def test_arguments_that_are_no_object_are_refused(odd: object) -> None:
    with pytest.raises(InvalidArguments, match="must be a JSON object"):
        wire.parse(LIST_CONNECTORS, odd)


def test_a_message_shows_nothing_of_its_content_when_printed() -> None:
    row = ROWS["create_s3_connector"]
    message = wire.encode_request(row, wire.parse(row, arguments(row.name)))
    assert "media-archive" not in repr(message)
    assert "aws_secret" not in repr(message)


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("create_gcs_connector", "connector-create-gcs:"),
        ("create_s3_connector", "connector-create-s3:"),
        ("create_azure_connector", "connector-create-azure:"),
        ("test_connector", "connector-test:"),
    ],
)
def test_creations_and_tests_get_a_key_of_their_own(name: str, prefix: str) -> None:
    request = wire.parse(ROWS[name], arguments(name))
    keys = [wire.keyed(ROWS[name], request).idempotency_key for _ in range(2)]
    assert all(re.fullmatch(re.escape(prefix) + "[0-9a-f]{32}", key) for key in keys)
    assert keys[0] != keys[1]


def test_the_callers_key_is_kept() -> None:
    request = wire.parse(TEST_CONNECTOR, arguments("test_connector", idempotency_key="mine"))
    assert wire.keyed(TEST_CONNECTOR, request) is request
    assert wire.encode_request(TEST_CONNECTOR, request).headers == {"Idempotency-Key": "mine"}


@pytest.mark.parametrize("name", ["list_connectors", "get_connector", "update_connector", "delete_connector"])
def test_what_takes_no_key_gets_none(name: str) -> None:
    request = wire.parse(ROWS[name], arguments(name))
    assert wire.keyed(ROWS[name], request) is request
    assert wire.encode_request(ROWS[name], request).headers == {}


def test_equal_requests_are_equal_whatever_their_key() -> None:
    one, two = (wire.parse(TEST_CONNECTOR, arguments("test_connector", idempotency_key=key)) for key in "ab")
    assert wire.as_request(one) == wire.as_request(two) == {"connector_id": "conn_123"}


def _patch(**changes: Any) -> Any:
    arguments_: Json = {"connector_id": "conn_123", **changes}
    return wire.encode_request(UPDATE_CONNECTOR, wire.parse(UPDATE_CONNECTOR, arguments_)).json


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({"name": "New"}, {"name": "New"}),
        ({"scopes": ["export"]}, {"scopes": ["export"]}),
        ({"import_mode": "new_only"}, {"import_mode": "new_only"}),
        ({"export_base_path": "a/b"}, {"export_base_path": "a/b"}),
        ({"clear_export_base_path": True}, {"export_base_path": None}),
        ({"clear_export_base_path": False, "name": "New"}, {"name": "New"}),
    ],
)
def test_an_update_sends_only_what_changes(changes: Json, body: Json) -> None:
    assert _patch(**changes) == body


def test_null_in_a_patch_clears_and_an_absent_field_stays() -> None:
    cleared = wire.decode_request(UPDATE_CONNECTOR, {"connector_id": "c"}, {"export_base_path": None})
    assert cleared.clear_export_base_path
    kept = wire.decode_request(UPDATE_CONNECTOR, {"connector_id": "c"}, {"name": "New"})
    assert not kept.clear_export_base_path


@pytest.mark.parametrize("field", ["connector_id", "clear_export_base_path", "idempotency_key"])
def test_what_travels_elsewhere_is_refused_in_a_body(field: str) -> None:
    with pytest.raises(InvalidArguments) as caught:
        wire.decode_request(UPDATE_CONNECTOR, {"connector_id": "conn_123"}, {"name": "n", field: made("elsewhere")})
    assert caught.value.violations == (Violation(field, "does not belong into the body"),)


def test_a_body_cannot_name_another_connector_than_its_path() -> None:
    with pytest.raises(InvalidArguments):
        wire.decode_request(TEST_CONNECTOR, {"connector_id": "conn_mine"}, {"connector_id": "conn_other"})


def test_an_idempotency_key_of_an_operation_that_takes_none_is_ignored() -> None:
    request = wire.decode_request(UPDATE_CONNECTOR, {"connector_id": "c"}, {"name": "n"}, "some-key")
    assert wire.encode_request(UPDATE_CONNECTOR, request).headers == {}


@pytest.mark.parametrize("body", [{"bucket": "another-bucket"}, {"region": "eu-west-1"}, {"provider": "gcs"}])
def test_a_patch_of_what_is_fixed_is_refused(body: Json) -> None:
    with pytest.raises(InvalidArguments) as caught:
        wire.decode_request(UPDATE_CONNECTOR, {"connector_id": "c"}, body)
    assert [str(violation) for violation in caught.value.violations] == [
        f"{next(iter(body))}: cannot be changed: create a new connector for another"
    ]


def test_a_form_without_its_file_is_refused_by_the_name_of_its_part() -> None:
    row = ROWS["create_gcs_connector"]
    with pytest.raises(InvalidArguments, match="credentials_file: is required"):
        wire.decode_request(row, {}, arguments(row.name, credentials_json=...))


def test_a_form_with_one_scope_is_understood() -> None:
    row = ROWS["create_gcs_connector"]
    body = arguments(row.name, credentials_json=..., credentials_file=SERVICE_ACCOUNT, scopes="export")
    assert wire.decode_request(row, {}, body).scopes == ["export"]


@pytest.mark.parametrize(
    ("name", "changes", "rule"),
    [
        ("create_s3_connector", {"region": " us-east-1"}, "region: must be an AWS region"),
        ("create_s3_connector", {"aws_secret_access_key": f"{made('secret')}\n"}, "without blanks at its ends"),
        ("create_s3_connector", {"scopes": "import"}, "scopes: must be a list"),
        ("create_s3_connector", {"scopes": ["import"] * 9}, "scopes: must have at most 8 entries"),
        ("create_s3_connector", {"import_mode": ""}, "import_mode: must be 'all' or 'new_only'"),
        ("create_s3_connector", {"name": ""}, "name: must not be empty"),
        ("browse_connector_files", {"recursive": "true"}, "recursive: must be true or false"),
        ("browse_connector_files", {"recursive": 1}, "recursive: must be true or false"),
    ],
)
def test_a_body_is_read_as_it_is_written(name: str, changes: Json, rule: str) -> None:
    body = arguments(name, connector_id=..., **changes)
    path = {"connector_id": "conn_123"} if ROWS[name].path_fields else {}
    with pytest.raises(InvalidArguments, match=rule):
        wire.decode_request(ROWS[name], path, body)


def test_a_field_has_one_name_in_a_form() -> None:
    with pytest.raises(InvalidArguments) as caught:
        wire.decode_request(ROWS["create_gcs_connector"], {}, arguments("create_gcs_connector"))
    assert caught.value.violations == (Violation("credentials_json", "does not belong into the body"),)


def test_null_in_a_new_connector_counts_as_unset() -> None:
    body = arguments("create_s3_connector", scopes=None, export_base_path=None)
    assert wire.decode_request(ROWS["create_s3_connector"], {}, body).scopes == ["import"]


@pytest.mark.parametrize("field", ["name", "scopes", "client_secret", "credentials_json"])
def test_null_in_a_patch_clears_nothing_but_the_folder(field: str) -> None:
    with pytest.raises(InvalidArguments) as caught:
        wire.decode_request(UPDATE_CONNECTOR, {"connector_id": "c"}, {"import_mode": "all", field: None})
    assert caught.value.violations == (Violation(field, "cannot be cleared"),)
