"""Connectors as resources, and what is completed of them: over stdio, in both eras, on the embedded API."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    CompleteRequestParams,
    Completion,
    PromptReference,
    ResourceTemplateReference,
)
from mcp_types import TextResourceContents as Contents

from mcp_server import completion, connector_resources, prompts, resource_schemes
from mcp_server.changes import LIST_URI, ONE_URI
from mcp_server.connector_resources import PAGE
from mcp_server.errors import ApiUnreachable
from mcp_server.prompts import DIAGNOSE
from mcp_server.tools import Backing
from tests.listening import created
from tests.materials import API_KEY, CONNECTOR
from tests.sessions import DATA_DIR, ERAS, Json, Session, connected
from tests.tool_calls import Api, backed

pytestmark = pytest.mark.anyio
TEMPLATE = ResourceTemplateReference(type="ref/resource", uri=ONE_URI)
DIAGNOSIS = PromptReference(type="ref/prompt", name=DIAGNOSE)


@pytest.fixture(params=ERAS)
async def session(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Session]:
    async with connected(request.param, {DATA_DIR: str(tmp_path / "data")}) as session:
        yield session


async def read(session: Session, uri: str) -> Any:
    (contents,) = (await session.client.read_resource(uri)).contents
    assert isinstance(contents, Contents)
    assert (contents.uri, contents.mime_type) == (uri, "application/json")
    return json.loads(contents.text)


async def completed(session: Session, ref: Any, argument: str, typed: str) -> Completion:
    answer = await session.client.complete(ref, {"name": argument, "value": typed})
    return answer.completion


async def test_resources_say_what_the_tools_say(session: Session) -> None:
    one = await created(session, "Archive")
    listed = (await session.client.list_resources()).resources
    (template,) = (await session.client.list_resource_templates()).resource_templates
    uri = ONE_URI.format(connector_id=one)
    assert [(each.uri, each.name, each.mime_type) for each in listed] == [
        (LIST_URI, "connectors", "application/json"),
        (uri, "Archive", "application/json"),
    ]
    assert template.uri_template == ONE_URI
    assert await read(session, LIST_URI) == await session.call("list_connectors")
    assert await read(session, uri) == await session.call("get_connector", connector_id=one)


NO_RESOURCES = {
    "connectors://": "Those of connectors are connectors://list",
    "connectors://conn_1/files": "Those of connectors",
    "file:///etc/passwd": "The URIs of resources begin with connectors://",
    "connectors": "There is no such resource",
    "connectors://conn_00000000000000000000dead": "code: connector_not_found",
}


async def test_what_is_no_resource_is_refused_and_not_quoted(session: Session) -> None:
    for uri, why in NO_RESOURCES.items():
        with pytest.raises(MCPError, match=re.escape(why)) as refused:
            await session.client.read_resource(uri)
        assert refused.value.error.code == INVALID_PARAMS
        assert "passwd" not in refused.value.error.message


async def test_what_may_be_kept_is_kept_for_seconds_and_for_one_caller(tmp_path: Path) -> None:
    async with connected("auto", {DATA_DIR: str(tmp_path / "data")}) as session:
        client = session.client
        of_lists = (await client.list_resource_templates(), await client.list_prompts())
        assert {(each.ttl_ms, each.cache_scope) for each in of_lists} == {(60_000, "private")}
        assert await kept_for(session) == [0, 0]


WANTED: list[tuple[Json, list[int]]] = [
    ({"resources_list_changed": True, "resource_subscriptions": [LIST_URI]}, [5_000, 5_000]),
    ({"resources_list_changed": True}, [5_000, 0]),
    ({"resource_subscriptions": [LIST_URI]}, [0, 5_000]),
    ({"resource_subscriptions": ["connectors://conn_other"]}, [0, 0]),
]


async def kept_for(session: Session) -> list[int]:
    """How many milliseconds the list of resources may be kept, and the resource that is the list of connectors."""
    answers = (
        await session.client.list_resources(cache_mode="bypass"),
        await session.client.read_resource(LIST_URI, cache_mode="bypass"),
    )
    assert {each.cache_scope for each in answers} == {"private"}
    return [each.ttl_ms for each in answers]


async def test_connectors_may_be_kept_by_who_hears_of_their_changes(tmp_path: Path) -> None:
    async with connected("auto", {DATA_DIR: str(tmp_path / "data")}) as session:
        for wanted, kept in WANTED:
            async with session.client.listen(**wanted):
                assert await kept_for(session) == kept
            with anyio.fail_after(30):
                while any(await kept_for(session)):
                    pass  # the stream ends in its own time


async def test_what_was_read_before_is_not_shown_after_ones_own_change(tmp_path: Path) -> None:
    async with connected("auto", {DATA_DIR: str(tmp_path / "data")}) as session:
        one = await created(session, "Archive")
        uri = ONE_URI.format(connector_id=one)
        assert (await read(session, uri))["name"] == "Archive"
        await session.call("update_connector", connector_id=one, name="Renamed")
        assert (await read(session, uri))["name"] == "Renamed"
        async with session.client.listen(resource_subscriptions=[uri]) as heard:
            assert (await read(session, uri))["name"] == "Renamed"
            await session.call("update_connector", connector_id=one, name="Again")
            await anext(heard)
            assert (await read(session, uri))["name"] == "Again"


async def test_ids_are_completed_by_their_beginning_and_by_names(session: Session) -> None:
    archive, review = await created(session, "Archive"), await created(session, "Review (archive)")
    fitting = {"arch": {archive, review}, "review": {review}, "": {archive, review}, "nothing": set[str]()}
    for typed, ids in fitting.items():
        answer = await completed(session, TEMPLATE, "connector_id", typed)
        assert (set(answer.values), answer.total, answer.has_more) == (ids, len(ids), False)
    assert (await completed(session, TEMPLATE, "connector_id", archive[:-1])).values == [archive]
    assert (await completed(session, DIAGNOSIS, "connector_id", "revi")).values == ["Review (archive)"]
    assert (await completed(session, DIAGNOSIS, "connector_id", review)).values == [review]


async def test_of_what_is_not_known_nothing_is_completed(session: Session) -> None:
    unknown = PromptReference(type="ref/prompt", name="unknown")
    for ref, argument in ((unknown, "connector_id"), (DIAGNOSIS, "other"), (TEMPLATE, "name")):
        answer = await completed(session, ref, argument, "")
        assert (answer.values, answer.total, answer.has_more) == ([], 0, False)


@pytest.mark.parametrize("era", ERAS)
async def test_what_the_operator_switched_off_is_neither_listed_nor_read_nor_completed(
    era: str, tmp_path: Path
) -> None:
    settings = {DATA_DIR: str(tmp_path), "VIDEOVECTOR_EXCLUDE_TOOLS": "list_connectors"}
    async with connected(era, settings) as session:
        one = await created(session, "Archive")
        assert (await session.client.list_resources()).resources == []
        assert (await completed(session, TEMPLATE, "connector_id", "")).values == []
        assert (await read(session, ONE_URI.format(connector_id=one)))["name"] == "Archive"
        with pytest.raises(MCPError, match="list_connectors is not allowed here") as refused:
            await session.client.read_resource(LIST_URI)
        assert refused.value.error.code == INVALID_REQUEST
    async with connected(era, {**settings, "VIDEOVECTOR_EXCLUDE_TOOLS": "get_connector"}) as session:
        assert (await session.client.list_resource_templates()).resource_templates == []
        assert [each.uri for each in (await session.client.list_resources()).resources] == [LIST_URI]
        with pytest.raises(MCPError, match="get_connector is not allowed here"):
            await session.client.read_resource(ONE_URI.format(connector_id=one))


# ---- in process, of an API that answers what a test wants ---------------------------------------------------------


def many(count: int, **changes: str) -> Backing:
    rows = [{**CONNECTOR, "connector_id": f"conn_{number}", "name": f"n{number}", **changes} for number in range(count)]
    return backed(Api(rows))


async def test_a_long_list_comes_in_pages() -> None:
    backing = many(2 * PAGE + 1)
    uris: list[str] = []
    cursor = None
    while cursor or not uris:
        page = await connector_resources.listed(backing, cursor)
        uris += [each.uri for each in page.resources]
        cursor = page.next_cursor
    assert uris == [LIST_URI, *(ONE_URI.format(connector_id=f"conn_{number}") for number in range(2 * PAGE + 1))]
    for wrong in ("x", "-1", "0", "1" * 10, "\u0661"):
        with pytest.raises(MCPError, match="The cursor is none") as refused:
            await connector_resources.listed(backing, wrong)
        assert refused.value.error.code == INVALID_PARAMS


async def test_no_more_is_completed_than_may_be_and_all_is_counted() -> None:
    typed = completion_params("n")
    answer = await completion.completion_of(many(100), typed)
    assert (len(answer.values), answer.total, answer.has_more) == (100, 100, False)
    answer = await completion.completion_of(many(5_000), typed)
    assert (len(answer.values), answer.total, answer.has_more) == (100, 5_000, True)


def completion_params(typed: str) -> Any:
    return CompleteRequestParams.model_validate(
        {"ref": TEMPLATE.model_dump(by_alias=True), "argument": {"name": "connector_id", "value": typed}}
    )


async def test_secrets_are_scrubbed_and_what_is_invisible_is_shown_in_every_list() -> None:
    backing = many(1, name=f"a\u202eb {API_KEY}")
    listed = await connector_resources.listed(backing, None)
    assert listed.resources[1].name == "a\\u202eb [redacted api_key]"
    diagnosis = {"ref": DIAGNOSIS.model_dump(by_alias=True), "argument": {"name": "connector_id", "value": ""}}
    names = await completion.completion_of(backing, CompleteRequestParams.model_validate(diagnosis))
    assert names.values == ["a\\u202eb [redacted api_key]"]
    contents = (await resource_schemes.read(many(1, name=f"x {API_KEY}"), LIST_URI)).contents
    assert API_KEY not in str(contents)


async def test_what_is_completed_is_what_its_prompt_takes() -> None:
    backing = many(1, name="\U000e0041" * 40)
    diagnosis = {"ref": DIAGNOSIS.model_dump(by_alias=True), "argument": {"name": "connector_id", "value": ""}}
    (value,) = (await completion.completion_of(backing, CompleteRequestParams.model_validate(diagnosis))).values
    assert value == "conn_0"
    assert prompts.said(backing, prompts.DIAGNOSE, {"connector_id": value}).messages


async def test_an_api_that_fails_is_an_error_without_its_secrets() -> None:
    backing = backed(Api(error=ApiUnreachable(f"No answer to {API_KEY}.")))
    for work in (resource_schemes.read(backing, LIST_URI), connector_resources.listed(backing, None)):
        with pytest.raises(MCPError, match=r"No answer to \[redacted api_key\]") as failed:
            await work
        assert failed.value.error.code == INTERNAL_ERROR
    assert (await completion.completion_of(backing, completion_params(""))).values == []
