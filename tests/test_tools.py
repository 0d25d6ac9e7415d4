"""A tool in process: described from its row, called with anything, and nothing secret or hidden in what it returns."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any, cast

import jsonschema
import pytest

from mcp_server.errors import (
    ApiRefused,
)
from mcp_server.operations import OPERATIONS
from mcp_server.redaction import scrub_active
from mcp_server.tools import TOOL_BY_NAME, TOOLS
from tests.materials import (
    ANSWERS,
    API_KEY,
    AWS_SECRET,
    CONNECTOR,
    NAMES,
    Json,
    made,
    pem,
)
from tests.tool_calls import EMPTY, FULL, Api, called, data_of, error_of, text_of, whole_of

pytestmark = pytest.mark.anyio
REDACTED = "[redacted "


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
    result = await called(name, Api(answers[name]))
    data, text = data_of(result), text_of(result)
    jsonschema.validate(data, TOOL_BY_NAME[name].describe().output_schema or {})
    assert all(field in text for field in data if field != "folder")
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
    result = await called(name, Api(answer if many else answer[0]))
    assert not result.is_error
    assert canary not in whole_of(result)
    assert "aws_secret_access_key" not in whole_of(result)


@pytest.mark.parametrize("name", ["create_s3_connector", "test_connector"])
async def test_the_key_that_was_sent_is_told(name: str) -> None:
    api = Api(ANSWERS[name])
    data = data_of(await called(name, api))
    assert data["idempotency_key"] == api.requests[0].idempotency_key
    assert data["idempotency_key"].startswith("connector-")
    assert data_of(await called(name, api, idempotency_key="mine"))["idempotency_key"] == "mine"


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

    result = await called(name, Api(poison(FULL[name])))
    leaves = [leaf for leaf in _leaves(data_of(result)) if isinstance(leaf, str)]
    assert not any(hidden in leaf for leaf in leaves)
    of_a_text = hidden.encode("unicode_escape").decode()
    of_a_name = f"\\x{ord(hidden):02x}" if hidden in "\n\t" else of_a_text
    shown = {f"a{of_a_text}b", f"a{of_a_name}b"}.intersection(leaves)
    assert shown
    assert all(each in text_of(result) for each in shown)
    assert hidden in "\n\t" or hidden not in text_of(result)


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
    result = await called(name, Api(answer), (API_KEY,), **changes)
    assert REDACTED in whole_of(result)
    assert not [part for part in _marks(secret) if part in whole_of(result)]


@pytest.mark.parametrize("case", SECRETS)
async def test_a_secret_that_comes_back_in_an_error_is_scrubbed(case: str) -> None:
    name, changes, secret = SECRETS[case]
    error = ApiRefused(400, f"c {secret}", f"m {secret}", hint=f"h {secret}", request_id=f"r {secret}")
    result = await called(name, Api(error=error), (API_KEY,), **changes)
    assert REDACTED in error_of(result)
    assert not [part for part in _marks(secret) if part in whole_of(result)]


def _marks(secret: str) -> tuple[str, str]:
    return secret[:12], secret[-12:]


async def test_a_secret_given_as_an_argument_of_another_name_is_not_repeated() -> None:
    secret = made("misplaced", 40)
    for name in (secret, f"a{secret[1:]}"):
        result = await called("create_s3_connector", Api(), **{name: "x", "bucket": secret, "region": secret})
        assert secret[1:] not in error_of(result)


async def test_no_secret_is_guarded_after_its_call() -> None:
    own = made("of no known shape")
    await called("create_s3_connector", Api(CONNECTOR), (own,))
    await called("create_s3_connector", Api(error=KeyError("x")), (own,))
    assert scrub_active(f"{AWS_SECRET} {own}") == f"{AWS_SECRET} {own}"


async def test_the_log_of_an_unforeseen_error_can_be_scrubbed_while_it_is_written() -> None:
    lines: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(scrub_active(logging.Formatter().format(record)))

    keeper = Keeper()
    logging.getLogger("mcp_server.tools").addHandler(keeper)
    try:
        await called("create_s3_connector", Api(error=ValueError(f"{AWS_SECRET} {API_KEY}")), (API_KEY,))
    finally:
        logging.getLogger("mcp_server.tools").removeHandler(keeper)
    assert "ValueError" in lines[0]
    assert AWS_SECRET[:12] not in lines[0]
    assert API_KEY not in lines[0]
