"""Names and messages from outside are data: whatever they say, a result has the same lines, cells and fields."""

from __future__ import annotations

import json
import re
from typing import Any, cast

import pytest
from mcp_types import CallToolResult

from mcp_server import file_views, wire
from mcp_server.errors import ApiRefused, ConnectorError
from mcp_server.operations import GET_CONNECTOR
from mcp_server.presentation import compact, error_text, quoted, visible, visible_name
from mcp_server.tools import TOOL_BY_NAME
from tests.answering import Answering
from tests.consents import LIVE, YES, Counter
from tests.file_rows import paths_of
from tests.injections import INJECTED
from tests.materials import CLOUD_FILE, CONNECTOR, Json
from tests.sessions import ERAS
from tests.tool_calls import FULL_CONNECTOR, Api, backed, called, data_of, error_of, finished, text_of

pytestmark = pytest.mark.anyio
injected = pytest.mark.parametrize("name", INJECTED.values(), ids=INJECTED)
PLAIN = "plain.mp4"


def test_there_are_thirty_names_and_all_of_them_differ() -> None:
    assert len(set(INJECTED.values())) == len(INJECTED) == 30


def _shape(value: Any) -> Any:
    """The fields of a JSON value, and the types of what is in them."""
    if isinstance(value, dict):
        return {name: _shape(item) for name, item in cast("Json", value).items()}
    if isinstance(value, list):
        return [_shape(item) for item in cast("list[object]", value)]
    return type(value).__name__


def _layout(text: str) -> list[tuple[str, int]]:
    """What each line begins with, as far as it is a field, and how many cells it has."""
    assert text.splitlines() == text.split("\n")
    assert text.replace("\n", "").replace("\t", "").isprintable()
    return [(field[0] if (field := re.match(r"\w+:", line)) else "", line.count("\t")) for line in text.split("\n")]


def _alike(hostile: CallToolResult, plain: CallToolResult) -> Json:
    """The data of the first, which has the fields, the lines and the cells of the second."""
    assert _shape(data_of(hostile)) == _shape(data_of(plain))
    assert _layout(text_of(hostile)) == _layout(text_of(plain))
    return data_of(hostile)


# ---- names of files ----------------------------------------------------------------------------------------------


async def _browsed(path: str, *, details: bool) -> CallToolResult:
    """A listing with a file of this name between two others, each of a type that is no usual one."""
    files = [{**CLOUD_FILE, "path": each, "content_type": "video"} for each in ("a.mp4", path, "z.mp4")]
    return await called("browse_connector_files", Api(files), details=details)


@injected
@pytest.mark.parametrize("details", [False, True])
async def test_a_files_name_stays_in_the_one_cell_of_its_row(name: str, *, details: bool) -> None:
    hostile, plain = await _browsed(name, details=details), await _browsed(PLAIN, details=details)
    data, shown = _alike(hostile, plain), visible_name(name)
    assert paths_of(data) == ["a.mp4", shown, "z.mp4"]
    rows = [line.split("\t")[0] for line in text_of(hostile).split("\n")[-3:]]
    head = "7 20260401000000 " if details else ""
    assert rows[::2] == [f"{head}a.mp4", f"{head}z.mp4"]
    assert rows[1] in (head + shown, f'"{shown}"')


# ---- names of connectors -----------------------------------------------------------------------------------------

CONNECTOR_FIELDS = ("name", "last_test_error", "export_base_path", "bucket", "status")


def _named(name: str, template: Json) -> Json:
    return {**template, **dict.fromkeys(CONNECTOR_FIELDS, name)}


@injected
async def test_a_connectors_name_stays_in_the_one_cell_of_its_row(name: str) -> None:
    hostile = await called("list_connectors", Api([CONNECTOR, _named(name, FULL_CONNECTOR), CONNECTOR]))
    plain = await called("list_connectors", Api([CONNECTOR, _named(PLAIN, FULL_CONNECTOR), CONNECTOR]))
    data = _alike(hostile, plain)
    row = text_of(hostile).split("\n")[-2].split("\t")
    assert data["connectors"][1]["name"] == visible_name(name)
    assert row[1] == visible_name(name)
    assert row.count(visible_name(name)) >= 3


@injected
@pytest.mark.parametrize("tool", ["create_s3_connector", "get_connector"])
async def test_a_connectors_name_stays_on_the_line_of_its_field(tool: str, name: str) -> None:
    given: Json = {"idempotency_key": "mine"} if tool == "create_s3_connector" else {}
    hostile = await called(tool, Api(_named(name, FULL_CONNECTOR)), **given)
    data = _alike(hostile, await called(tool, Api(_named(PLAIN, FULL_CONNECTOR)), **given))
    assert text_of(hostile).split("\n").count(f"name: {visible_name(name)}") == 1
    assert text_of(hostile).split("\n").count(f"last_test_error: {visible(name)}") == 1
    assert data["last_test_error"] == visible(name)


async def _renamed(name: str) -> CallToolResult:
    before = {**LIVE, "name": name, "export_base_path": name}
    after = {**LIVE, "name": "New", "export_base_path": "exports"}
    api = Answering(get_connector=before, update_connector=after)
    given = {"connector_id": "conn_123", "name": "New", "export_base_path": "exports"}
    return finished(await TOOL_BY_NAME["update_connector"].call(backed(api), given))


@injected
async def test_what_a_name_was_before_stays_in_its_cell(name: str) -> None:
    hostile = await _renamed(name)
    data = _alike(hostile, await _renamed(PLAIN))
    shown = visible_name(name)
    assert data["changes"][0] == {"field": "name", "before": shown, "after": "New"}
    assert f"name\t{shown}\tNew" in text_of(hostile).split("\n")


@injected
async def test_what_is_asked_before_a_deletion_has_the_same_lines(name: str) -> None:
    live = {**LIVE, "name": name, "bucket": name, "export_base_path": name}
    counter = Counter(Answering(get_connector=live, delete_connector={"message": name}))
    result = await counter.asked(ERAS[1], YES)
    lines = counter.shown[0].message.splitlines()
    assert [line.split(": ")[0] for line in lines[:4]] == [
        "Delete this connector for good?",
        "Name",
        "Id",
        "Storage",
    ]
    assert lines[1] == f"Name: {quoted(visible_name(name))}"
    assert len(lines) == 5
    assert text_of(result).split("\n") == ["connector_id: conn_123", "deleted: true", f"message: {visible(name)}"]
    assert len(error_of(await counter.unasked(ERAS[1])).splitlines()) == 3


# ---- messages ----------------------------------------------------------------------------------------------------

MARK = r'("(?:[^"\\]|\\.)*"|[^\s,"]+)'


@injected
async def test_the_message_of_a_failed_test_stays_on_its_line(name: str) -> None:
    def failed(message: str) -> Api:
        return Api({"success": False, "error_message": message})

    hostile = await called("test_connector", failed(name), idempotency_key="mine")
    data = _alike(hostile, await called("test_connector", failed(PLAIN), idempotency_key="mine"))
    assert data["error_message"] == visible(name)


@injected
async def test_an_error_of_the_api_has_three_lines_and_its_own_marks(name: str) -> None:
    details = {"hint": name, "retryable": False}
    error = {"code": name, "message": name, "details": details, "request_id": name}
    body = json.dumps({"error": error}).encode()
    with pytest.raises(ApiRefused) as refused:
        wire.decode_answer(GET_CONNECTOR, 400, body)
    for text in (error_text(refused.value), error_of(await called("get_connector", Api(error=refused.value)))):
        message, hint, marks = text.split("\n")
        assert text.splitlines() == text.split("\n")
        assert text.replace("\n", "").isprintable()
        assert (message, hint) == (visible(name), visible(name))
        assert re.fullmatch(rf"code: {MARK}, request_id: {MARK}, retry: no", marks)


@injected
def test_a_rule_that_the_api_says_is_broken_adds_no_line(name: str) -> None:
    fields = [{"field": name, "rule": name}]
    body = json.dumps({"error": {"code": "validation_error", "details": {"fields": fields}}}).encode()
    with pytest.raises(ApiRefused) as refused:
        wire.decode_answer(GET_CONNECTOR, 422, body)
    assert len(error_text(refused.value).splitlines()) == 3


# ---- marks and long names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["busy", "a.b-c_d", "http_503", "req:1/2"])
def test_a_mark_of_one_word_is_told_as_it_is(code: str) -> None:
    assert error_text(ConnectorError("No.", code=code)).endswith(f"code: {code}, retry: no")


def test_an_extension_that_looks_like_several_is_in_quotes() -> None:
    data = {"truncated": False, "extensions": [{"extension": ".mov 9, .mp4", "files": 1}]}
    assert file_views.text(data).split("\n") == ["truncated: false", 'extensions: ".mov 9, .mp4" 1']


def test_a_mark_that_looks_like_several_is_in_quotes() -> None:
    text = error_text(ConnectorError("No.", code='a", retry: yes'))
    assert text.endswith(r'code: "a\", retry: yes", retry: no')


@pytest.mark.parametrize("length", [1, 200])
def test_a_name_of_up_to_two_hundred_characters_is_shown_whole(length: int) -> None:
    assert visible_name("n" * length) == "n" * length


@pytest.mark.parametrize("length", [201, 1_024, 1_000_000])
def test_a_longer_name_is_cut_in_the_middle_and_says_how_much_is_missing(length: int) -> None:
    name = f"incoming/{'x' * (length - 21)}/keynote.mp4"
    shown = visible_name(name)
    assert len(shown) < 250
    assert shown.startswith("incoming/xxx")
    assert shown.endswith("xxx/keynote.mp4")
    missing = re.search(r"\(\.\.\. (\d+) characters left out \.\.\.\)", shown)
    assert missing
    assert len(shown) - len(missing[0]) + int(missing[1]) == length


async def test_what_is_an_argument_of_the_next_call_is_never_cut() -> None:
    long = "k" * 255
    result = await called("create_s3_connector", Api({**CONNECTOR, "connector_id": long}), idempotency_key=long)
    assert (data_of(result)["connector_id"], data_of(result)["idempotency_key"]) == (long, long)
    assert compact(data_of(result)).count(long) == 2
