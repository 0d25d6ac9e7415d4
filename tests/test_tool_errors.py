"""What a tool says when a call fails: what went wrong, what to do next, and nothing else."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from mcp_types import CallToolResult
from pydantic import BaseModel

from mcp_server.errands import Site
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
from mcp_server.operations import LIST_CONNECTORS
from mcp_server.tools import TOOL_BY_NAME, Backing, presented
from tests.materials import (
    ANSWERS,
    API_KEY,
    AWS_SECRET,
    CLOUD_FILE,
    NAMES,
    Json,
    made,
    pem,
    service_account,
)
from tests.tool_calls import Api, backed, called, error_of, finished, whole_of

pytestmark = pytest.mark.anyio


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
    text = error_of(await called(name, Api(error=error)))
    assert text.startswith(error.message)
    assert error.hint in text
    assert error.code in text
    assert error.request_id in text
    assert f"retry: {'yes' if error.retryable else 'no'}" in text


@pytest.mark.parametrize("name", NAMES)
async def test_wrong_arguments_are_told_before_anything_is_asked(name: str) -> None:
    api = Api(ANSWERS[name])
    value = made("wrong")
    text = error_of(await called(name, api, unknown=value, connector_id=f"../{value}"))
    assert api.requests == []
    assert "unknown: is not an argument" in text
    assert value not in text


@pytest.mark.parametrize("odd", [None, [], "text", 7, [{"connector_id": "conn_123"}]])
async def test_arguments_that_are_no_object_are_told(odd: object) -> None:
    assert "must be a JSON object" in error_of(finished(await TOOL_BY_NAME["get_connector"].call(backed(Api()), odd)))


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
    result = await called(name, Api(ANSWERS[name]), **changes())
    assert made("half") not in whole_of(result)
    assert result.is_error


async def test_wrong_arguments_do_not_make_an_endless_answer() -> None:
    result = await called("create_s3_connector", Api(), **{f"unknown_{number}": 1 for number in range(2_000)})
    assert len(error_of(result)) < 40_000


UNFORESEEN: list[Exception] = [ValueError(f"bad {API_KEY}"), KeyError("no such thing"), OSError(5, "disk")]


@pytest.mark.parametrize("error", UNFORESEEN, ids=[type(error).__name__ for error in UNFORESEEN])
async def test_an_unforeseen_error_is_told_without_its_details(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="mcp_server"):
        text = error_of(await called("list_connectors", Api(error=error)))
    assert text.endswith("code: internal_error, retry: no")
    assert type(error).__name__ not in text
    assert str(error) not in text
    assert [record.exc_info is not None for record in caplog.records] == [True]


class _Broken(BaseModel):
    """A view that nothing makes."""


def _no_view(request: BaseModel, answer: Any) -> _Broken:
    raise ValueError(f"cannot show {AWS_SECRET}")


async def test_an_answer_that_cannot_be_shown_is_an_unforeseen_error_too(caplog: pytest.LogCaptureFixture) -> None:
    tool = presented(LIST_CONNECTORS, _Broken, _no_view)
    text = error_of(finished(await tool.call(backed(Api([])), {})))
    assert "internal_error" in text
    assert AWS_SECRET[:12] not in text


async def test_files_of_impossible_size_are_an_error_of_the_call() -> None:
    huge = {**CLOUD_FILE, "size_bytes": int("9" * 4_300)}
    result = await called("browse_connector_files", Api([huge, huge]))
    assert len(whole_of(result)) < 40_000


async def test_a_cancelled_call_stays_cancelled() -> None:
    asked = anyio.Event()

    async def never(operation: Operation[RequestT, AnswerT], request: RequestT) -> AnswerT:
        asked.set()
        await anyio.sleep_forever()
        raise AssertionError

    results: list[CallToolResult] = []

    async def call() -> None:
        results.append(finished(await TOOL_BY_NAME["list_connectors"].call(Backing(Site(never, {}, "")), {})))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        await asked.wait()
        tasks.cancel_scope.cancel()
    assert results == []


REFUSALS: list[Exception] = [
    ApiRefused(503, "http_503", "It is down."),
    ApiMisbehaved("Its answer has an unknown shape."),
    LookupError(),
]


@pytest.mark.parametrize("error", REFUSALS, ids=[type(error).__name__ for error in REFUSALS])
@pytest.mark.parametrize("name", ["create_s3_connector", "test_connector"])
async def test_an_error_tells_the_idempotency_key_that_was_made(name: str, error: Exception) -> None:
    api = Api(error=error)
    text = error_of(await called(name, api, idempotency_key=None))
    assert f"idempotency_key: {api.requests[0].idempotency_key}" in text


async def test_an_error_of_an_operation_without_a_key_tells_none() -> None:
    assert "idempotency_key" not in error_of(await called("get_connector", Api(error=REFUSALS[0])))


async def test_what_cannot_be_changed_is_said_so_and_nothing_else() -> None:
    api = backed(Api())
    result = finished(await TOOL_BY_NAME["update_connector"].call(api, {"connector_id": "conn_1", "bucket": "other"}))
    assert "bucket: cannot be changed: create a new connector for another" in error_of(result)
    assert "at least one field" not in error_of(result)


async def test_a_refused_call_tells_too_that_its_secret_is_in_the_transcript() -> None:
    refused = ApiRefused(403, "forbidden", "No.")
    for result in (
        await called("create_s3_connector", Api(error=refused)),
        await called("create_s3_connector", Api(), bucket="Not_A_Bucket"),
        await called("create_s3_connector", Api(error=KeyError("x"))),
    ):
        assert "transcript" in error_of(result).splitlines()[-1]
    assert "transcript" not in error_of(await called("list_connectors", Api(error=refused)))
