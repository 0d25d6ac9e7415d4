"""Tools called without a transport, by an API that answers what a test wants. No test is here."""

from __future__ import annotations

import json
from typing import Any, Protocol, cast

from mcp_types import CallToolResult, TextContent

from mcp_server import wire
from mcp_server.errands import Site
from mcp_server.operation import AnswerT, Ask, Operation, RequestT
from mcp_server.operations import GET_CONNECTOR
from mcp_server.tools import TOOL_BY_NAME, Backing, Result
from tests.materials import (
    ANSWERS,
    CLOUD_FILE,
    CONNECTOR,
    NAMES,
    Json,
    arguments,
)

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
CONFIRMED: dict[str, Json] = {"delete_connector": {"confirm_name": CONNECTOR["name"]}}
EMPTY: dict[str, Any] = {**ANSWERS, "list_connectors": [], "browse_connector_files": []}


class Api:
    """Answers every operation with one JSON value, or raises; a connector is found before it is deleted."""

    def __init__(self, answer: Any = None, error: BaseException | None = None) -> None:
        self._answer = answer
        self._error = error
        self.requests: list[Any] = []

    async def ask(self, operation: Operation[RequestT, AnswerT], request: RequestT) -> AnswerT:
        self.requests.append(request)
        if self._error is not None:
            raise self._error
        looks_first = operation is GET_CONNECTOR and "connector_id" not in (self._answer or {})
        answer = CONNECTOR if looks_first else self._answer
        return wire.decode_answer(operation, 200, json.dumps(answer).encode())


class Asked(Protocol):
    """Whoever answers operations."""

    @property
    def ask(self) -> Ask: ...


def backed(api: Asked, *own: str, **rest: Any) -> Backing:
    """What a tool stands on: this API, own secrets of the server's, and whatever else is given."""
    return Backing(Site(api.ask, dict.fromkeys(own, "api_key"), "https://api.example"), **rest)


async def called(name: str, api: Api, own: tuple[str, ...] = (), /, **changes: Any) -> CallToolResult:
    given = {**CONFIRMED.get(name, {}), **changes}
    return finished(await TOOL_BY_NAME[name].call(backed(api, *own), arguments(name, **given)))


def finished(result: Result) -> CallToolResult:
    assert isinstance(result, CallToolResult)
    return result


def text_of(result: CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


def data_of(result: CallToolResult) -> Json:
    assert not result.is_error
    assert result.structured_content is not None
    return cast("Json", result.structured_content)


def whole_of(result: CallToolResult) -> str:
    """All that goes to the client."""
    return json.dumps(result.model_dump(mode="json", by_alias=True), ensure_ascii=False)


def error_of(result: CallToolResult) -> str:
    assert result.is_error is True
    assert result.structured_content is None
    return text_of(result)
