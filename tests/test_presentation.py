"""What the model sees: views, their one text, and names from outside in which nothing hides."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server import presentation, wire
from mcp_server.errors import ApiRefused, ConnectorError, InvalidArguments, Violation
from mcp_server.presentation import MAX_ROWS_LENGTH, compact, error_text, fitting, structured, visible, visible_name
from mcp_server.resources import Connector, Deletion, TestResult
from tests.materials import CONNECTOR, ROWS, arguments


def _request(name: str, /, **changes: Any) -> Any:
    return wire.parse(ROWS[name], arguments(name, **changes))


def _connector(**changes: Any) -> Connector:
    return Connector(**{**CONNECTOR, **changes})


# ---- views -------------------------------------------------------------------------------------------------------


def test_a_new_connector_tells_its_key_and_the_next_call() -> None:
    request = _request("create_s3_connector", idempotency_key="mine")
    view = presentation.created(request, _connector(region="us-east-1"))
    assert view.idempotency_key == "mine"
    assert "test_connector" in view.next_step
    assert (view.connector_id, view.region) == ("conn_123", "us-east-1")


def test_a_new_connector_without_a_key_is_shown_all_the_same() -> None:
    assert presentation.created(_request("create_s3_connector"), _connector()).idempotency_key == ""


@pytest.mark.parametrize(
    ("result", "next_step"),
    [
        (None, "access has not been checked yet"),
        (TestResult(success=True, checked=["list objects"]), "Its access test passed. Call browse_connector_files"),
        (TestResult(success=True, checked=["write a probe object"]), "Its access test passed. Ready for exports"),
        (TestResult(success=False, error_message="No bucket"), "Its access test failed. Do what the error says"),
    ],
)
def test_a_new_connector_names_what_comes_next_by_what_its_test_has_shown(
    result: TestResult | None, next_step: str
) -> None:
    view = presentation.new_connector(_connector(), "mine", result)
    assert next_step in view.next_step
    assert (view.idempotency_key, view.note) == ("mine", None)


def test_a_list_counts_connectors_by_provider() -> None:
    connectors = [_connector(provider=provider) for provider in ("s3", "gcs", "s3", "another")]
    view = presentation.connector_list(_request("list_connectors"), connectors)
    assert structured(view)["by_provider"] == {"gcs": 1, "s3": 2, "azure": 0}
    assert view.total == 4
    assert view.connectors == connectors


def test_one_connector_is_shown_as_it_is() -> None:
    connector = _connector()
    assert presentation.one_connector(_request("get_connector"), connector) is connector


def test_a_test_that_passed_says_what_was_checked() -> None:
    request = _request("test_connector", idempotency_key="mine")
    view = presentation.test_report(request, TestResult(success=True, checked=["import: list"]))
    assert (view.checked, view.idempotency_key) == (["import: list"], "mine")
    assert "browse_connector_files" in view.next_step
    assert "error_message" not in structured(view)


def test_a_test_by_an_api_that_lists_no_steps_says_so() -> None:
    view = presentation.test_report(_request("test_connector"), TestResult(success=True))
    assert view.checked == ["access, by the API's own test"]


def test_a_test_that_failed_says_why_and_what_to_do() -> None:
    view = presentation.test_report(_request("test_connector"), TestResult(success=False, error_message="No bucket"))
    assert (view.success, view.error_message, view.checked) == (False, "No bucket", [])
    assert "update_connector" in view.next_step


def test_a_deletion_says_of_what() -> None:
    view = presentation.deleted(_request("delete_connector"), Deletion(message="Gone"))
    assert structured(view) == {"connector_id": "conn_123", "deleted": True, "message": "Gone"}


def test_a_list_of_many_connectors_stays_far_below_ten_thousand_tokens() -> None:
    view = presentation.connector_list(_request("list_connectors"), [_connector(name="n" * 100)] * 1_000)
    assert len(compact(structured(view))) < 40_000


def test_the_pages_of_many_connectors_have_each_once_and_count_all() -> None:
    connectors = [_connector(connector_id=f"conn_{number}", name="n" * 100) for number in range(300)]
    found: list[str] = []
    cursor: str | None = None
    while cursor is not None or not found:
        view = presentation.connector_list(_request("list_connectors", cursor=cursor), connectors)
        assert (view.total, view.truncated) == (300, view.next_cursor is not None)
        found += [each.connector_id for each in view.connectors]
        cursor = view.next_cursor
    assert found == [each.connector_id for each in connectors]


def test_a_cursor_of_a_connector_that_is_gone_is_told() -> None:
    with pytest.raises(InvalidArguments, match="cursor: leads to no connector any more: leave it out"):
        presentation.connector_list(_request("list_connectors", cursor="conn_0"), [_connector()])


def test_an_error_message_of_a_storage_is_cut() -> None:
    long = TestResult(success=False, error_message="e" * 1_000_000)
    assert len(compact(structured(presentation.test_report(_request("test_connector"), long)))) < 40_000


# ---- nothing hides -----------------------------------------------------------------------------------------------

CONTROLS = [chr(code) for code in (*range(0x20), 0x7F, *range(0x80, 0xA0))]
BIDIRECTIONAL = list("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
ZERO_WIDTH = list("\u00ad\u180e\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff\ufff9\ufffa\ufffb")
LINES = list("\u2028\u2029")
BLANKS = list("\u00a0\u1680\u2000\u2003\u200a\u202f\u205f\u3000")
TAGS = ["\U000e0001", "\U000e0041", "\U000e007f"]
UNASSIGNED = ["\u0378", "\U000e0fff", "\uffff", "\U0010ffff", "\ue000", "\U000f0000"]
IGNORABLE = list("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180f\u3164\ufe00\ufe0f\uffa0\U000e0100\U000e01ef")
HIDDEN = [*CONTROLS, *BIDIRECTIONAL, *ZERO_WIDTH, *LINES, *BLANKS, *TAGS, *UNASSIGNED, *IGNORABLE]


@pytest.mark.parametrize("char", HIDDEN, ids=[f"U+{ord(char):04X}" for char in HIDDEN])
def test_what_cannot_be_seen_is_written_out(char: str) -> None:
    shown = visible(f"a{char}b")
    assert char not in shown
    assert shown.startswith("a\\")
    assert shown.endswith("b")
    assert shown.isprintable()


@pytest.mark.parametrize("text", ["", "a b", "Archive, März, 東京 🎬", "e\u0301", "عربى", "a/b/c.mp4", "{}[]\\n"])
def test_what_can_be_seen_stays(text: str) -> None:
    assert visible(text) == text


@settings(derandomize=True, database=None)
@given(st.text())
def test_no_text_keeps_a_control_format_or_unassigned_character(text: str) -> None:
    assert not {unicodedata.category(char) for char in visible(text)} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def test_hidden_characters_are_shown_wherever_a_name_is() -> None:
    view = presentation.connector_list(
        _request("list_connectors"), [_connector(name="a\u202eb", scopes=["import\n"], last_test_error="x\x1b[31m")]
    )
    data = structured(view)
    assert data["connectors"][0]["name"] == "a\\u202eb"
    assert data["connectors"][0]["scopes"] == ["import\\n"]
    assert compact(data).replace("\n", "").replace("\t", "").isprintable()


# ---- the text ----------------------------------------------------------------------------------------------------


def test_a_field_is_a_line_and_rows_are_a_table() -> None:
    view = presentation.connector_list(_request("list_connectors"), [_connector(), _connector(region="us-east-1")])
    assert compact(structured(view)).split("\n") == [
        "total: 2",
        "by_provider: gcs 0, s3 2, azure 0",
        "truncated: false",
        "connectors: 2 rows",
        "connector_id\tname\tprovider\tstatus\tscopes\timport_mode\tregion",
        "conn_123\tArchive\ts3\tactive\timport\tall\t",
        "conn_123\tArchive\ts3\tactive\timport\tall\tus-east-1",
    ]


def test_rows_with_different_fields_share_a_header() -> None:
    text = compact({"rows": [{"a": 1, "b": True}, {"a": 2, "c": ["x", "y"]}]})
    assert text == "rows: 2 rows\na\tb\tc\n1\ttrue\t\n2\t\tx, y"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([], "x: none"),
        (["a", "b"], "x: a, b"),
        ({"s3": 1, "ok": False}, "x: s3 1, ok false"),
        ("", "x: "),
        (0, "x: 0"),
    ],
)
def test_a_value_has_one_form(value: object, text: str) -> None:
    assert compact({"x": value}) == text


@pytest.mark.parametrize("name", ["a\tb", "a\nstatus: active", "a\r\nb", "a\u2028b", "a\x85b", "a\x0bb", "a\x1cb"])
def test_a_name_cannot_add_a_line_or_a_cell(name: str) -> None:
    plain = compact(structured(presentation.connector_list(_request("list_connectors"), [_connector(name="a")])))
    odd = compact(structured(presentation.connector_list(_request("list_connectors"), [_connector(name=name)])))
    assert len(odd.splitlines()) == len(plain.splitlines())
    assert odd.count("\t") == plain.count("\t")


# ---- errors ------------------------------------------------------------------------------------------------------


def test_an_error_says_what_went_wrong_what_to_do_and_how_to_find_it() -> None:
    error = ApiRefused(503, "busy", "The storage is busy.", hint="Call again later.", request_id="req_1")
    assert error_text(error) == "The storage is busy.\nCall again later.\ncode: busy, request_id: req_1, retry: yes"


def test_what_an_error_has_not_is_left_out() -> None:
    assert error_text(ConnectorError("It failed.")) == "It failed.\nretry: no"


def test_an_error_from_outside_cannot_add_a_line() -> None:
    error = ApiRefused(400, "a\nb", "one\ntwo\u202e", hint="three\r\nfour", request_id="five\u2028six")
    assert len(error_text(error).splitlines()) == 3
    assert error_text(error).replace("\n", "").isprintable()


def test_invalid_arguments_are_told_with_their_rules() -> None:
    text = error_text(InvalidArguments((Violation("bucket", "is required"), Violation("name", "must not be empty"))))
    assert "bucket: is required; name: must not be empty" in text
    assert "code: validation_error, retry: no" in text


# ---- next steps --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("checked", "next_step"),
    [
        (["list objects", "read an object"], "browse_connector_files"),
        (["write a probe object", "delete the probe object"], "Ready for exports"),
        ([], "browse_connector_files"),
    ],
)
def test_a_passed_test_names_a_next_call_that_can_work(checked: list[str], next_step: str) -> None:
    report = presentation.test_report(_request("test_connector"), TestResult(success=True, checked=checked))
    assert next_step in report.next_step


def test_a_failed_test_says_what_an_update_can_and_cannot_correct() -> None:
    report = presentation.test_report(_request("test_connector"), TestResult(success=False, error_message="No bucket."))
    assert "update_connector" in report.next_step
    assert "create a new connector" in report.next_step


@pytest.mark.parametrize("char", ["a", "\x7f", "\x00", "\u200b", "\U000e0041"])
def test_rows_fit_as_they_are_shown(char: str) -> None:
    rows = [char * 200] * 39
    kept = fitting(rows)
    assert sum(len(visible_name(row)) for row in kept) <= MAX_ROWS_LENGTH
    assert fitting(rows, 10**6) == rows
