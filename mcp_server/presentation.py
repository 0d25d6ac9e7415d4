"""What the model sees of an answer: one closed view a tool, and one compact text that carries the same data.

Names from outside are data: what cannot be seen in them is made visible. No MCP types and no I/O here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, TypeVar, cast

from pydantic import BaseModel, Field
from pydantic_core import to_json, to_jsonable_python

from mcp_server.characters import all_seen, with_escapes, written_out
from mcp_server.errors import ConnectorError, InvalidArguments, Violation
from mcp_server.operations import (
    DeleteConnector,
    GetConnector,
    ListConnectors,
    NewConnector,
    TestConnector,
)
from mcp_server.redaction import Scrubber
from mcp_server.resources import Connector, Deletion, Resource, TestResult

MAX_ROWS_LENGTH = 24_000
MAX_TEXT_LENGTH = 4_096
MAX_NAME_LENGTH = 200
_MOST_WRITTEN = 4
"""Characters, at most, that an octet becomes when it is written out."""

_NAME_START, _NAME_END = 120, 60
_NAMES = frozenset(
    {"name", "path", "paths", "export_base_path", "before", "after", "bucket", "container", "extension", "content_type"}
)
"""The fields that hold a name of somebody's: no identifier, key or cursor is among them, which are whole or useless."""
_LIKE_A_FIELD = re.compile(r"[\s\"]|[^:/]*:")
"""Also what begins with a blank or a quote, so that a cell in quotes is always one that was put there."""

NOTHING_SECRET = Scrubber(())
RowT = TypeVar("RowT", bound=BaseModel | str)


class CreatedConnector(Connector):
    """A connector that was just created."""

    idempotency_key: str = Field(description="Repeat the call with it to get this same connector")
    next_step: str
    note: str | None = Field(default=None, description="A warning about this call")


class ProviderCounts(Resource):
    """How many connectors there are of each provider."""

    gcs: int = 0
    s3: int = 0
    azure: int = 0


class ConnectorList(Resource):
    """A page of connectors, and counts of all."""

    total: int
    by_provider: ProviderCounts
    truncated: bool = Field(description="Whether more connectors follow")
    next_cursor: str | None = Field(default=None, description="Pass it as cursor for the next page")
    connectors: list[Connector]


class TestReport(Resource):
    """What a test found, and what to do about it."""

    __test__ = False

    success: bool
    checked: list[str] = Field(description="Steps that passed")
    error_message: str | None = None
    next_step: str
    idempotency_key: str


class DeletedConnector(Resource):
    """What became of a deletion."""

    connector_id: str
    deleted: bool = Field(description="false: the person did not agree")
    message: str


def created(request: NewConnector, connector: Connector) -> CreatedConnector:
    """The new connector, its idempotency key, and the natural next call."""
    return new_connector(connector, request.idempotency_key or "")


def new_connector(connector: Connector, idempotency_key: str, test: TestResult | None = None) -> CreatedConnector:
    """The new connector and what comes next, by what a test of its access has shown already."""
    if test is None:
        next_step = "Call test_connector: access has not been checked yet."
    else:
        next_step = f"Its access test {'passed' if test.success else 'failed'}. {_next_step(test)}"
    return CreatedConnector(**connector.model_dump(), idempotency_key=idempotency_key, next_step=next_step)


def connector_list(request: ListConnectors, connectors: list[Connector]) -> ConnectorList:
    """As many as fit behind the cursor, the id of the last that was shown; raises InvalidArguments for another."""
    providers = [connector.provider for connector in connectors]
    counts = {provider: providers.count(provider) for provider in ProviderCounts.model_fields}
    left = connectors[_begin(request.cursor, connectors) :]
    shown = fitting(left)
    goes_on = len(shown) < len(left)
    return ConnectorList(
        total=len(connectors),
        by_provider=ProviderCounts(**counts),
        truncated=goes_on,
        next_cursor=shown[-1].connector_id if goes_on else None,
        connectors=shown,
    )


def _begin(cursor: str | None, connectors: Sequence[Connector]) -> int:
    if cursor is None:
        return 0
    ids = [connector.connector_id for connector in connectors]
    if cursor not in ids:
        raise InvalidArguments((Violation("cursor", "leads to no connector any more: leave it out to begin anew"),))
    return ids.index(cursor) + 1


def one_connector(_: GetConnector, connector: Connector) -> Connector:
    """The connector as it is."""
    return connector


_BY_API = "access, by the API's own test"
_AFTER_FAILED_TEST = (
    "Do what the error says, then test again. New credentials, scopes or folder: update_connector. "
    "Another bucket, container, account or region: create a new connector, these are fixed."
)


def _next_step(result: TestResult) -> str:
    if not result.success:
        return _AFTER_FAILED_TEST
    only_exports = bool(result.checked) and not any("list" in step for step in result.checked)
    return "Ready for exports." if only_exports else "Call browse_connector_files to see the files."


def test_report(request: TestConnector, result: TestResult) -> TestReport:
    """What was checked, and what to do next."""
    checked = result.checked or ([_BY_API] if result.success else [])
    return TestReport(
        success=result.success,
        checked=checked,
        error_message=result.error_message,
        next_step=_next_step(result),
        idempotency_key=request.idempotency_key or "",
    )


def deleted(request: DeleteConnector, deletion: Deletion) -> DeletedConnector:
    """The API's confirmation with the id."""
    return DeletedConnector(connector_id=request.connector_id, deleted=True, message=deletion.message)


def fitting(rows: Sequence[RowT], longest: int = MAX_ROWS_LENGTH) -> list[RowT]:
    """The first rows that together are at most so many characters long, as they are shown; the first in any case."""
    if _MOST_WRITTEN * len(to_json(rows, exclude_none=True)) <= longest:
        return [*rows]
    return within(rows, longest, _length)


def within(rows: Sequence[RowT], most: int, cost: Callable[[RowT], int]) -> list[RowT]:
    """The first rows that together cost at most so much; the first in any case."""
    fit = sum(total <= most for total in accumulate(map(cost, rows)))
    return [*rows[: max(fit, 1)]]


def _length(row: BaseModel | str) -> int:
    """About how many characters it is shown with; scrubbing, which costs more, is left to what is shown."""
    text = to_json(row, exclude_none=True).decode()
    if len(text) <= MAX_NAME_LENGTH and all_seen(text):
        return len(text)
    return len(str(_made_visible(to_jsonable_python(row, exclude_none=True), "paths")))


def visible(text: str) -> str:
    """The text, at most 4,096 characters of it, with every character that cannot be seen written as its escape.

    What cannot be seen is `characters`' to say.
    """
    if len(text) > MAX_TEXT_LENGTH:
        text = f"{text[:MAX_TEXT_LENGTH]} (and {len(text) - MAX_TEXT_LENGTH} characters more)"
    return text if all_seen(text) else written_out(text, _escape)


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode()


def visible_name(name: str) -> str:
    """The name or path made visible; of one with more than 200 characters, how it begins and ends.

    One that was cut is no prefix any more; of any other, `characters.meant_by` tells the name.
    """
    left_out = len(name) - _NAME_START - _NAME_END
    if len(name) > MAX_NAME_LENGTH:
        name = f"{name[:_NAME_START]}(... {left_out} characters left out ...){name[-_NAME_END:]}"
    return with_escapes(name)


def is_cut(name: str) -> bool:
    """Whether a name is one that was shown without its middle."""
    return bool(re.search(r"\(\.\.\. \d+ characters left out \.\.\.\)", name))


def structured(view: BaseModel, scrubber: Scrubber = NOTHING_SECRET) -> dict[str, Any]:
    """The view as JSON values, scrubbed: what is None is left out, what is invisible is written out, names are cut."""
    shown: dict[str, Any] = _made_visible(scrubber.value(view.model_dump(mode="json", exclude_none=True)))
    return shown


def _made_visible(value: Any, name: str = "") -> Any:
    if isinstance(value, str):
        is_plain = len(value) <= MAX_NAME_LENGTH and value.isascii() and value.isprintable() and "\\" not in value
        return value if is_plain else visible_name(value) if name in _NAMES else visible(value)
    if isinstance(value, dict):
        return {name: _made_visible(item, name) for name, item in cast("dict[str, object]", value).items()}
    return [_made_visible(item, name) for item in cast("list[object]", value)] if isinstance(value, list) else value


def compact(data: Mapping[str, Any]) -> str:
    """The same data as text: a line a field, a table (tab-separated, with a header) for rows."""
    return "\n".join(line for name, value in data.items() for line in _lines(name, value))


def _lines(name: str, value: Any) -> Iterator[str]:
    rows = cast("list[object]", value) if isinstance(value, list) else []
    if rows and isinstance(rows[0], dict):
        yield from _table(name, cast("list[dict[str, Any]]", rows))
    else:
        yield f"{name}: {_cell(value)}"


def _table(name: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    yield f"{name}: {len(rows)} rows"
    yield "\t".join(columns)
    for row in rows:
        yield row_line(_cell(row.get(column, "")) for column in columns)


def row_line(cells: Iterable[str]) -> str:
    """The cells as a line that no field of a result begins like: a first cell that could be taken for one has quotes.

    Those in it stay as they are, for the cell ends where the last one is.
    """
    first, *others = cells
    return "\t".join([f'"{first}"' if _LIKE_A_FIELD.match(first) else first, *others])


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return ", ".join(f"{name} {_cell(item)}" for name, item in cast("dict[str, object]", value).items())
    if isinstance(value, list):
        return ", ".join(map(_cell, cast("list[object]", value))) or "none"
    return str(value)


def error_text(error: ConnectorError, scrubber: Scrubber = NOTHING_SECRET, idempotency_key: str = "") -> str:
    """What went wrong, what to do next, and the marks by which to find or repeat the call; scrubbed."""
    marks = {
        "code": error.code,
        "request_id": error.request_id,
        "retry": "yes" if error.retryable else "no",
        "idempotency_key": idempotency_key,
    }
    last = ", ".join(f"{name}: {word(mark)}" for name, mark in marks.items() if mark)
    return "\n".join(visible(scrubber.text(line)) for line in (error.message, error.hint, last) if line)


def word(text: str) -> str:
    """A text of one word as it is, any other in quotes: among others it cannot be read as several."""
    return text if re.fullmatch(r"[^\s,\"]+", text) else quoted(text)


def quoted(text: str) -> str:
    """A text in quotes, those in it escaped."""
    return json.dumps(text, ensure_ascii=False)
