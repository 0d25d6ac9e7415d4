"""The form in each client there is: the rounds of 2026-07-28, and what a real process makes of a declaration."""

from __future__ import annotations

from typing import Any

import pytest
from mcp import Client, MCPError
from mcp_types import CallToolResult, ElicitRequestFormParams, ElicitResult, InputRequiredResult

from tests.answering import Answering, Turns
from tests.consents import LIVE, ONE, TOOL, YES, Counter
from tests.materials import Json, arguments
from tests.sessions import ERAS, Lines, modern
from tests.tool_calls import data_of, error_of

# ---- the rounds of 2026-07-28 ------------------------------------------------------------------------------------


async def _unused() -> ElicitResult:
    raise AssertionError


async def _round(client: Client, state: str | None, answer: Any = None, /, **changes: Any) -> Any:
    return await client.session.call_tool(
        TOOL,
        {**ONE, **changes},
        request_state=state,
        input_responses={"confirmation": answer} if answer else None,
        allow_input_required=True,
    )


async def _state(client: Client, **changes: Any) -> str:
    """The sealed state of a first round."""
    first = await _round(client, None, **changes)
    assert isinstance(first, InputRequiredResult)
    ((name, request),) = (first.input_requests or {}).items()
    assert name == "confirmation"
    assert isinstance(request.params, ElicitRequestFormParams)
    assert first.request_state
    return first.request_state


@pytest.mark.anyio
async def test_the_first_round_asks_and_the_second_deletes() -> None:
    counter = Counter()
    async with counter.client(ERAS[1], _unused) as client:
        state = await _state(client)
        assert "Archive" not in state
        assert counter.api.order == ["get_connector"]
        result = await _round(client, state, YES)
    assert isinstance(result, CallToolResult)
    assert data_of(result)["deleted"]


@pytest.mark.anyio
async def test_an_answer_counts_for_the_connector_and_the_name_that_were_asked_about() -> None:
    counter = Counter(Answering(get_connector=Turns(LIVE, {**LIVE, "name": "Other"})))
    async with counter.client(ERAS[1], _unused) as client:
        old = await _state(client)
        assert "code: connector_changed" in error_of(await _round(client, old, YES))
        new = await _state(client)
        with pytest.raises(MCPError, match="Invalid or expired requestState"):
            await _round(client, new, YES, connector_id="conn_9")
        for wrong in ("", "{}", new[:-4], f"{new}AAAA"):
            with pytest.raises(MCPError, match="Invalid or expired requestState"):
                await _round(client, wrong, YES)
        assert counter.deletions == 0
        assert data_of(await _round(client, new, YES))["deleted"]


@pytest.mark.anyio
async def test_an_answer_without_a_question_is_not_heard() -> None:
    counter = Counter()
    async with counter.client(ERAS[1], _unused) as client:
        assert isinstance(await _round(client, None, YES), InputRequiredResult)
        for named in ({}, {"confirm_name": "Archive"}):
            assert "confirmation_unanswered" in error_of(await _round(client, await _state(client, **named), **named))
    assert counter.deletions == 0


# ---- what a client declares, to a real process -------------------------------------------------------------------

NONE: Json = {}
URL_ONLY: Json = {"elicitation": {"url": {}}}
FORMS: tuple[Json, ...] = (
    {"elicitation": {}},
    {"elicitation": {"form": {}}},
    {"elicitation": {"form": {}, "url": {}}},
)
VERSIONS = ("2025-06-18", "2025-11-25")


def _declaring(capabilities: Json, params: Json) -> Json:
    """The params of a request of 2026-07-28 whose client can do this."""
    given = modern(params)
    given["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities
    return given


def _made(lines: Lines, era: str, capabilities: Json) -> Json:
    """The arguments that name a new connector."""
    params: Json = {"name": "create_s3_connector", "arguments": arguments("create_s3_connector")}
    answer = lines.ask("tools/call", _declaring(capabilities, params) if era == ERAS[1] else params)
    return {"connector_id": answer["result"]["structuredContent"]["connector_id"]}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("declared", FORMS)
def test_a_session_that_declares_forms_is_asked_over_it(version: str, declared: Json, lines: Lines) -> None:
    lines.initialize(version, **declared)
    one = _made(lines, ERAS[0], declared)
    wanted = lines.request("tools/call", {"name": TOOL, "arguments": one})
    asked = lines.receive()
    assert asked["method"] == "elicitation/create"
    assert asked["params"].get("mode", "form") == "form"
    assert 'Name: "Archive"' in asked["params"]["message"]
    answer = {"action": "accept", "content": {"confirm": True}}
    lines.send({"jsonrpc": "2.0", "id": asked["id"], "result": answer})
    result = lines.receive()
    assert (result["id"], result["result"]["structuredContent"]["deleted"]) == (wanted, True)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"error": {"code": -32000, "message": "There is no screen."}}, "code: confirmation_unanswered"),
        ({"error": {"code": -32601, "message": "Method not found"}}, "code: confirmation_needed"),
        ({"result": {"action": "maybe"}}, "code: confirmation_unanswered"),
        ({"result": {}}, "code: confirmation_unanswered"),
        ({"result": {"action": "accept", "content": {"confirm": {"deep": True}}}}, "code: confirmation_unanswered"),
        ({"result": {"action": "accept"}}, "deleted: false"),
    ],
)
def test_an_answer_of_a_session_that_is_none_deletes_nothing(
    version: str, answer: Json, said: str, lines: Lines
) -> None:
    lines.initialize(version, **FORMS[0])
    one = _made(lines, ERAS[0], FORMS[0])
    wanted = lines.request("tools/call", {"name": TOOL, "arguments": one})
    lines.send({"jsonrpc": "2.0", "id": lines.receive()["id"], **answer})
    result = lines.receive()
    assert result["id"] == wanted
    assert said in result["result"]["content"][0]["text"]
    assert not lines.call("get_connector", **one)["isError"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("declared", [NONE, URL_ONLY])
def test_a_session_without_forms_needs_the_name(version: str, declared: Json, lines: Lines) -> None:
    lines.initialize(version, **declared)
    one = _made(lines, ERAS[0], declared)
    assert "confirmation_needed" in lines.call(TOOL, **one)["content"][0]["text"]
    assert lines.call(TOOL, **one, confirm_name="Archive")["structuredContent"]["deleted"]
    lines.end()
    assert b"elicitation/create" not in lines.heard


@pytest.mark.parametrize("declared", FORMS)
def test_a_client_of_2026_07_28_that_declares_forms_is_told_to_ask(declared: Json, lines: Lines) -> None:
    call: Json = {"name": TOOL, "arguments": _made(lines, ERAS[1], declared)}
    first = lines.ask("tools/call", _declaring(declared, call))["result"]
    form = first["inputRequests"]["confirmation"]
    assert (form["method"], form["params"]["mode"]) == ("elicitation/create", "form")
    assert 'Name: "Archive"' in form["params"]["message"]
    answer = {"confirmation": {"action": "accept", "content": {"confirm": True}}}
    second = {**call, "requestState": first["requestState"], "inputResponses": answer}
    assert lines.ask("tools/call", _declaring(declared, second))["result"]["structuredContent"]["deleted"]


@pytest.mark.parametrize("declared", [NONE, URL_ONLY])
def test_a_client_of_2026_07_28_without_forms_needs_the_name(declared: Json, lines: Lines) -> None:
    one = _made(lines, ERAS[1], declared)
    refused = lines.ask("tools/call", _declaring(declared, {"name": TOOL, "arguments": one}))["result"]
    assert "confirmation_needed" in refused["content"][0]["text"]
    named: Json = {"name": TOOL, "arguments": {**one, "confirm_name": "Archive"}}
    assert lines.ask("tools/call", _declaring(declared, named))["result"]["structuredContent"]["deleted"]


def test_the_tool_is_listed_whatever_a_client_declares(lines: Lines) -> None:
    for declared in (NONE, URL_ONLY, *FORMS):
        tools = lines.ask("tools/list", _declaring(declared, {}))["result"]["tools"]
        (entry,) = (tool for tool in tools if tool["name"] == TOOL)
        assert entry["inputSchema"]["required"] == ["connector_id"]
