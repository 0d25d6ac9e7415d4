"""A tool in process: described from its row, called with anything, and nothing secret or hidden in what it returns."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any, cast

import anyio
import jsonschema
import pytest
from mcp_types import CallToolResult, TextContent
from pydantic import BaseModel

from mcp_server import wire
from mcp_server.errors import (
    ApiMisbehaved,
    ApiRefused,
    ApiUnreachable,
    ConfigurationError,
    ConnectorError,
    InvalidArguments,
    Violation,
)
from mcp_server.operation import AnswerT, Operation, RequestT
from mcp_server.operations import LIST_CONNECTORS, OPERATIONS
from mcp_server.redaction import MARKER, scrub_active
from mcp_server.tools import TOOL_BY_NAME, TOOLS, ConnectorTool
from tests.materials import (
    ANSWERS,
    API_KEY,
    AWS_SECRET,
    CLOUD_FILE,
    CONNECTOR,
    NAMES,
    Json,
    arguments,
    made,
    pem,
    service_account,
)

pytestmark = pytest.mark.anyio

FULL_CONNECTOR: Json = {
    **CONNECTOR,
    "scopes": ["import", "export"],
    "import_mode": "new_only",
    "export_base_path": "exports/review",
    "bucket": "media-archive",
    "region": "us-east-1",
    "storage_account": "mediaarchive",
    "container": "incoming",
    "gcp_project_id": "media-project",
    "created_at": "2026-04-01T09:00:00Z",
    "updated_at": "2026-04-01T09:00:01Z",
    "last_tested_at": "2026-04-01T09:00:02Z",
    "last_test_result": "failure",
    "last_test_error": "No such bucket",
}
FULL: dict[str, Any] = {
    **{name: FULL_CONNECTOR for name in NAMES if ANSWERS[name] == CONNECTOR},
    "list_connectors": [FULL_CONNECTOR, {**CONNECTOR, "provider": "gcs"}, {**CONNECTOR, "provider": "azure"}],
    "test_connector": {"success": False, "error_message": "No such bucket", "checked": ["import: list"]},
    "browse_connector_files": [{**CLOUD_FILE, "content_type": "video/mp4"}, {**CLOUD_FILE, "size_bytes": 0}],
    "delete_connector": {"message": "Connector deleted"},
}
EMPTY: dict[str, Any] = {**ANSWERS, "list_connectors": [], "browse_connector_files": []}


class Api:
    """Answers every operation with one JSON value, or raises."""

    def __init__(self, answer: Any = None, error: BaseException | None = None) -> None:
        self._answer = answer
        self._error = error
        self.requests: list[Any] = []

    async def ask(self, operation: Operation[RequestT, AnswerT], request: RequestT) -> AnswerT:
        self.requests.append(request)
        if self._error is not None:
            raise self._error
        return wire.decode_answer(operation, 200, json.dumps(self._answer).encode())


async def _call(name: str, api: Api, own: tuple[str, ...] = (), /, **changes: Any) -> CallToolResult:
    return await TOOL_BY_NAME[name].call(api.ask, arguments(name, **changes), own)


def _text(result: CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


def _data(result: CallToolResult) -> Json:
    assert not result.is_error
    assert result.structured_content is not None
    return cast("Json", result.structured_content)


def _whole(result: CallToolResult) -> str:
    """All that goes to the client."""
    return json.dumps(result.model_dump(mode="json", by_alias=True), ensure_ascii=False)


def _error(result: CallToolResult) -> str:
    assert result.is_error is True
    assert result.structured_content is None
    return _text(result)


# ---- the list ----------------------------------------------------------------------------------------------------


def test_there_is_one_tool_an_operation_in_the_same_order() -> None:
    assert [tool.operation for tool in TOOLS] == list(OPERATIONS)
    assert list(TOOL_BY_NAME) == [row.name for row in OPERATIONS]


@pytest.mark.parametrize("name", NAMES)
def test_a_tool_says_of_itself_what_its_row_says(name: str) -> None:
    tool = TOOL_BY_NAME[name]
    row, entry = tool.operation, tool.describe()
    assert (entry.name, entry.title, entry.description) == (row.name, row.title, row.description)
    assert entry.annotations is not None
    hints = entry.annotations.model_dump(by_alias=True)
    assert hints == {
        "title": row.title,
        "readOnlyHint": row.effect.read_only,
        "destructiveHint": row.effect.destructive,
        "idempotentHint": row.effect.idempotent,
        "openWorldHint": row.effect.open_world,
    }


HINTS = {
    "create_gcs_connector": (False, False, False, False),
    "create_s3_connector": (False, False, False, False),
    "create_azure_connector": (False, False, False, False),
    "list_connectors": (True, False, True, False),
    "get_connector": (True, False, True, False),
    "update_connector": (False, True, True, False),
    "test_connector": (False, False, True, True),
    "browse_connector_files": (True, False, True, True),
    "delete_connector": (False, True, True, False),
}


@pytest.mark.parametrize("name", NAMES)
def test_the_hints_tell_reading_from_writing_and_destroying(name: str) -> None:
    effect = TOOL_BY_NAME[name].operation.effect
    assert (effect.read_only, effect.destructive, effect.idempotent, effect.open_world) == HINTS[name]


# ---- answers -----------------------------------------------------------------------------------------------------


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        for inner in cast("dict[str, object]", value).values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in cast("list[object]", value):
            yield from _leaves(inner)
    else:
        yield value


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("answers", [ANSWERS, FULL, EMPTY], ids=["small", "full", "empty"])
async def test_text_and_structure_carry_the_same_and_fit_the_schema(name: str, answers: dict[str, Any]) -> None:
    result = await _call(name, Api(answers[name]))
    data, text = _data(result), _text(result)
    jsonschema.validate(data, TOOL_BY_NAME[name].describe().output_schema or {})
    assert all(field in text for field in data)
    for leaf in _leaves(data):
        assert (str(leaf).lower() if isinstance(leaf, bool) else str(leaf)) in text
    assert None not in list(_leaves(data))


@pytest.mark.parametrize("name", NAMES)
async def test_fields_that_we_do_not_know_are_dropped(name: str) -> None:
    canary = made("unknown field")
    extra = {"aws_secret_access_key": canary, "note": {"deep": [canary]}, "client_secret": canary}
    many = name in ("list_connectors", "browse_connector_files")
    entries: list[Json] = ANSWERS[name] if many else [ANSWERS[name]]
    answer = [{**entry, **extra} for entry in entries]
    result = await _call(name, Api(answer if many else answer[0]))
    assert not result.is_error
    assert canary not in _whole(result)
    assert "aws_secret_access_key" not in _whole(result)


@pytest.mark.parametrize("name", ["create_s3_connector", "test_connector"])
async def test_the_key_that_was_sent_is_told(name: str) -> None:
    api = Api(ANSWERS[name])
    data = _data(await _call(name, api))
    assert data["idempotency_key"] == api.requests[0].idempotency_key
    assert data["idempotency_key"].startswith("connector-")
    assert _data(await _call(name, api, idempotency_key="mine"))["idempotency_key"] == "mine"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "hidden", ["\u202e", "\u200b", "\x1b", "\n", "\t", "\u2066", "\ufeff", "\U000e0041", "\x00", "\x9b"]
)
async def test_hidden_characters_of_an_answer_are_visible_in_text_and_structure(name: str, hidden: str) -> None:
    def poison(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: poison(inner) for key, inner in cast("Json", value).items()}
        if isinstance(value, list):
            return [poison(inner) for inner in cast("list[object]", value)]
        return f"a{hidden}b" if isinstance(value, str) else value

    result = await _call(name, Api(poison(FULL[name])))
    written = hidden.encode("unicode_escape").decode()
    assert all(hidden not in leaf for leaf in _leaves(_data(result)) if isinstance(leaf, str))
    assert f"a{written}b" in list(_leaves(_data(result)))
    assert f"a{written}b" in _text(result)
    assert hidden in "\n\t" or hidden not in _text(result)


# ---- errors ------------------------------------------------------------------------------------------------------

ERRORS: list[ConnectorError] = [
    ApiRefused(404, "connector_not_found", "No such connector.", hint="List them.", request_id="req_1"),
    ApiRefused(429, "rate_limited", "Too many."),
    ApiUnreachable("No answer.", hint="Call again.", code="timeout", retryable=True),
    ApiMisbehaved("Odd answer.", code="unexpected_answer"),
    ConfigurationError("The key is lost."),
    InvalidArguments((Violation("bucket", "must be lower case"),)),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("error", ERRORS, ids=[type(error).__name__ for error in ERRORS])
async def test_an_error_is_text_only(name: str, error: ConnectorError) -> None:
    text = _error(await _call(name, Api(error=error)))
    assert text.startswith(error.message)
    assert error.hint in text
    assert error.code in text
    assert error.request_id in text
    assert f"retry: {'yes' if error.retryable else 'no'}" in text


@pytest.mark.parametrize("name", NAMES)
async def test_wrong_arguments_are_told_before_anything_is_asked(name: str) -> None:
    api = Api(ANSWERS[name])
    value = made("wrong")
    text = _error(await _call(name, api, unknown=value, connector_id=f"../{value}"))
    assert api.requests == []
    assert "unknown: is not an argument" in text
    assert value not in text


@pytest.mark.parametrize("odd", [None, [], "text", 7, [{"connector_id": "conn_123"}]])
async def test_arguments_that_are_no_object_are_told(odd: object) -> None:
    assert "must be a JSON object" in _error(await TOOL_BY_NAME["get_connector"].call(Api().ask, odd, ()))


def _nested_scopes() -> str:
    return "[" * 100_000


HOSTILE: dict[str, tuple[str, Callable[[], Json]]] = {
    "a list nested without end": ("create_s3_connector", lambda: {"scopes": _nested_scopes()}),
    "a key with half a character": (
        "create_gcs_connector",
        lambda: {"credentials_json": service_account(private_key=pem(last=f"{made('half')}\ud800"))},
    ),
    "the same as text": (
        "create_gcs_connector",
        lambda: {"credentials_json": json.dumps(service_account(private_key=pem(last=f"{made('half')}\ud800")))},
    ),
    "a number of five thousand digits": ("update_connector", lambda: {"clear_export_base_path": 10**5_000}),
    "half a character as a secret": ("create_s3_connector", lambda: {"aws_secret_access_key": "\ud800" * 20}),
    "half a character as a name": ("create_s3_connector", lambda: {"\ud800": "\ud800", "name": "\ud800"}),
    "half a character as a prefix": ("browse_connector_files", lambda: {"prefix": f"{made('half')}\ud800"}),
}


@pytest.mark.parametrize("case", HOSTILE)
async def test_hostile_arguments_are_an_error_of_the_call_and_not_of_the_server(case: str) -> None:
    name, changes = HOSTILE[case]
    result = await _call(name, Api(ANSWERS[name]), **changes())
    assert made("half") not in _whole(result)
    assert result.is_error


async def test_wrong_arguments_do_not_make_an_endless_answer() -> None:
    result = await _call("create_s3_connector", Api(), **{f"unknown_{number}": 1 for number in range(2_000)})
    assert len(_error(result)) < 40_000


UNFORESEEN: list[Exception] = [ValueError(f"bad {API_KEY}"), KeyError("no such thing"), OSError(5, "disk")]


@pytest.mark.parametrize("error", UNFORESEEN, ids=[type(error).__name__ for error in UNFORESEEN])
async def test_an_unforeseen_error_is_told_without_its_details(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="mcp_server"):
        text = _error(await _call("list_connectors", Api(error=error)))
    assert text.endswith("code: internal_error, retry: no")
    assert type(error).__name__ not in text
    assert str(error) not in text
    assert [record.exc_info is not None for record in caplog.records] == [True]


class _Broken(BaseModel):
    """A view that nothing makes."""


def _no_view(request: BaseModel, answer: Any) -> _Broken:
    raise ValueError(f"cannot show {AWS_SECRET}")


async def test_an_answer_that_cannot_be_shown_is_an_unforeseen_error_too(caplog: pytest.LogCaptureFixture) -> None:
    tool = ConnectorTool(LIST_CONNECTORS, _Broken, _no_view)
    text = _error(await tool.call(Api([]).ask, {}, ()))
    assert "internal_error" in text
    assert AWS_SECRET[:12] not in text


async def test_files_of_impossible_size_are_an_error_of_the_call() -> None:
    huge = {**CLOUD_FILE, "size_bytes": int("9" * 4_300)}
    result = await _call("browse_connector_files", Api([huge, huge]))
    assert len(_whole(result)) < 40_000


async def test_a_cancelled_call_stays_cancelled() -> None:
    asked = anyio.Event()

    async def never(operation: Operation[RequestT, AnswerT], request: RequestT) -> AnswerT:
        asked.set()
        await anyio.sleep_forever()
        raise AssertionError

    results: list[CallToolResult] = []

    async def call() -> None:
        results.append(await TOOL_BY_NAME["list_connectors"].call(never, {}, ()))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        await asked.wait()
        tasks.cancel_scope.cancel()
    assert results == []


# ---- secrets -----------------------------------------------------------------------------------------------------

SECRETS: dict[str, tuple[str, Json, str]] = {
    "the API key": ("get_connector", {}, API_KEY),
    "an S3 secret": ("create_s3_connector", {}, AWS_SECRET),
    "a line of a PEM block": ("create_gcs_connector", {}, pem().split("\n")[2]),
    "a secret with a hidden character": (
        "create_s3_connector",
        {"aws_secret_access_key": f"{made('hidden')}\u200b{made('more')}"},
        f"{made('hidden')}\u200b{made('more')}",
    ),
    "a secret with a blank of another width": (
        "create_s3_connector",
        {"aws_secret_access_key": f"{made('hidden')}\u00a0{made('more')}"},
        f"{made('hidden')}\u00a0{made('more')}",
    ),
    "a secret with a line end": (
        "create_s3_connector",
        {"aws_secret_access_key": f"{made('hidden')}\r\n{made('more')}"},
        f"{made('hidden')}\r\n{made('more')}",
    ),
}


@pytest.mark.parametrize("case", SECRETS)
async def test_a_secret_that_comes_back_in_an_answer_is_scrubbed(case: str) -> None:
    name, changes, secret = SECRETS[case]
    answer = {**CONNECTOR, "name": f"is {secret}!", "last_test_error": f"denied for {secret}", "status": secret}
    result = await _call(name, Api(answer), (API_KEY,), **changes)
    assert MARKER in _whole(result)
    assert not [part for part in _marks(secret) if part in _whole(result)]


@pytest.mark.parametrize("case", SECRETS)
async def test_a_secret_that_comes_back_in_an_error_is_scrubbed(case: str) -> None:
    name, changes, secret = SECRETS[case]
    error = ApiRefused(400, f"c {secret}", f"m {secret}", hint=f"h {secret}", request_id=f"r {secret}")
    result = await _call(name, Api(error=error), (API_KEY,), **changes)
    assert MARKER in _error(result)
    assert not [part for part in _marks(secret) if part in _whole(result)]


def _marks(secret: str) -> tuple[str, str]:
    return secret[:12], secret[-12:]


async def test_a_secret_given_as_an_argument_of_another_name_is_not_repeated() -> None:
    secret = made("misplaced", 40)
    for name in (secret, f"a{secret[1:]}"):
        result = await _call("create_s3_connector", Api(), **{name: "x", "bucket": secret, "region": secret})
        assert secret[1:] not in _error(result)


async def test_no_secret_is_guarded_after_its_call() -> None:
    await _call("create_s3_connector", Api(CONNECTOR), (API_KEY,))
    await _call("create_s3_connector", Api(error=KeyError("x")), (API_KEY,))
    assert scrub_active(f"{AWS_SECRET} {API_KEY}") == f"{AWS_SECRET} {API_KEY}"


async def test_the_log_of_an_unforeseen_error_can_be_scrubbed_while_it_is_written() -> None:
    lines: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(scrub_active(logging.Formatter().format(record)))

    keeper = Keeper()
    logging.getLogger("mcp_server.tools").addHandler(keeper)
    try:
        await _call("create_s3_connector", Api(error=ValueError(f"{AWS_SECRET} {API_KEY}")), (API_KEY,))
    finally:
        logging.getLogger("mcp_server.tools").removeHandler(keeper)
    assert "ValueError" in lines[0]
    assert AWS_SECRET[:12] not in lines[0]
    assert API_KEY not in lines[0]


# ---- what to repeat a call with ----------------------------------------------------------------------------------

REFUSALS: list[Exception] = [
    ApiRefused(503, "http_503", "It is down."),
    ApiMisbehaved("Its answer has an unknown shape."),
    LookupError(),
]


@pytest.mark.parametrize("error", REFUSALS, ids=[type(error).__name__ for error in REFUSALS])
@pytest.mark.parametrize("name", ["create_s3_connector", "test_connector"])
async def test_an_error_tells_the_idempotency_key_that_was_made(name: str, error: Exception) -> None:
    api = Api(error=error)
    text = _error(await _call(name, api, idempotency_key=None))
    assert f"idempotency_key: {api.requests[0].idempotency_key}" in text


async def test_an_error_of_an_operation_without_a_key_tells_none() -> None:
    assert "idempotency_key" not in _error(await _call("get_connector", Api(error=REFUSALS[0])))


async def test_what_cannot_be_changed_is_said_so_and_nothing_else() -> None:
    result = await TOOL_BY_NAME["update_connector"].call(Api().ask, {"connector_id": "conn_1", "bucket": "other"}, ())
    assert "bucket: cannot be changed: create a new connector for another" in _error(result)
    assert "at least one field" not in _error(result)
