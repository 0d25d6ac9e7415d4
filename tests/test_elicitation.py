"""How the person is asked: a link and never a form, one prompt a call; and what a client is told that shows none."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import anyio
import pytest
from mcp import Client
from mcp_types import ElicitResult, ErrorData

from mcp_server import elicitation
from mcp_server.credentials.tickets import OPEN_SECONDS
from tests.answering import TYPED
from tests.credentials.errands import FakeErrand
from tests.materials import CONNECTOR, Json
from tests.offices import ACCEPTED, KNOWN, TOOL, Office, accepting, opened_office, sending, sent
from tests.sessions import ERAS, Lines, modern
from tests.tool_calls import data_of, error_of
from tests.visiting import link_in, visiting

pytestmark = pytest.mark.anyio


@pytest.fixture
async def office() -> AsyncGenerator[Office]:
    async with opened_office() as office:
        yield office


# ---- both eras ---------------------------------------------------------------------------------------------------


async def test_the_person_is_shown_one_link_and_the_model_gets_the_connector(era: str, office: Office) -> None:
    result = await office.result(era, sending)
    assert data_of(result)["connector_id"] == CONNECTOR["connector_id"]
    (link,) = office.shown
    assert link.mode == "url"
    assert "Create S3 connector" in link.message
    assert "http" not in link.message
    assert office.completed == ([link.elicitation_id] if era == ERAS[0] else [])
    assert TYPED["s3"]["aws_secret_access_key"] not in str((result, office.shown))


@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_who_declines_closes_the_page_and_the_model_is_told_to_ask_first(
    era: str, action: str, office: Office
) -> None:
    office.desk.issue(FakeErrand(), key="keeps the pages open")

    async def declining(_: str) -> ElicitResult:
        return ElicitResult.model_validate({"action": action})

    text = error_of(await office.result(era, declining))
    assert "code: declined, retry: no" in text
    (link,) = office.shown
    async with visiting(link.url) as visit:
        assert (visit.status, "withdrawn" in visit.text) == (410, True)
    assert office.api.asked == []


async def test_a_page_that_nobody_sends_in_time_is_told_as_expired(
    era: str, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elicitation, "HEARTBEAT_SECONDS", 0.0)

    async def waiting(_: str) -> ElicitResult:
        office.clock.passes(OPEN_SECONDS)
        return ACCEPTED

    text = error_of(await office.result(era, waiting))
    assert "code: page_expired, retry: yes" in text
    assert "Nothing was changed" in text
    assert len(office.shown) == 1


async def test_a_call_that_is_repeated_finds_what_was_sent_without_asking_again(era: str, office: Office) -> None:
    async with office.client(era, sending) as client:
        first = data_of(await client.call_tool(TOOL, KNOWN))
        assert data_of(await client.call_tool(TOOL, KNOWN)) == first
    assert len(office.shown) == 1
    assert office.api.order.count(TOOL) == 1


async def test_a_client_that_shows_no_links_is_told_the_link(era: str, office: Office) -> None:
    async with Client(office.server, mode=era) as client:
        link = link_in(error_of(await client.call_tool(TOOL, KNOWN)))
        await sent(link)
        assert data_of(await client.call_tool(TOOL, KNOWN))["connector_id"] == CONNECTOR["connector_id"]


async def test_a_repeated_call_of_such_a_client_is_held_for_a_while(
    era: str, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elicitation, "ROUND_SECONDS", 0.0)
    async with Client(office.server, mode=era) as client:
        first = error_of(await client.call_tool(TOOL, KNOWN))
        assert error_of(await client.call_tool(TOOL, KNOWN)) == first


# ---- 2025-11-25 --------------------------------------------------------------------------------------------------


async def test_a_client_that_cannot_show_the_link_after_all_has_it_told(office: Office) -> None:
    async def failing(_: str) -> ErrorData:
        return ErrorData(code=-32000, message="There is no browser.")

    text = error_of(await office.result(ERAS[0], failing))
    assert "code: credentials_needed" in text
    assert link_in(text) == office.shown[0].url
    assert len(office.shown) == 1


async def test_a_page_that_is_sent_before_the_client_answers_ends_the_wait(office: Office) -> None:
    given_up = anyio.Event()

    async def never_answering(url: str) -> ElicitResult:
        await sent(url)
        try:
            await anyio.Event().wait()
        finally:
            given_up.set()
        raise AssertionError

    async with office.client(ERAS[0], never_answering) as client:
        result = await client.call_tool(TOOL, KNOWN)
        assert data_of(result)["connector_id"] == CONNECTOR["connector_id"]
    assert given_up.is_set()
    assert len(office.completed) == 1


async def test_while_the_person_types_the_client_is_kept_waiting_with_progress(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elicitation, "HEARTBEAT_SECONDS", 0.0)
    messages: list[str] = []

    async def heard(progress: float, total: float | None, message: str | None) -> None:
        office.progress.append(progress)
        messages.append(message or "")
        if len(messages) == 3:
            await sent(office.shown[0].url)

    async with office.client(ERAS[0], accepting) as client:
        result = await client.call_tool(TOOL, KNOWN, progress_callback=heard)
    assert data_of(result)["connector_id"] == CONNECTOR["connector_id"]
    assert office.progress == sorted(set(office.progress))
    assert office.progress[:3] == [1, 2, 3]
    assert set(messages) == {"Waiting for the person to send the page."}


# ---- what a client declares, in a real process -------------------------------------------------------------------

URL: Json = {"url": {}}
FORM: tuple[Json, ...] = ({}, {"form": {}})


def told(answer: Json) -> str:
    """The link in a tool's error; nothing else came before it."""
    assert answer["result"]["isError"]
    return link_in(answer["result"]["content"][0]["text"])


@pytest.mark.parametrize(
    ("version", "declared"), [("2025-06-18", URL), ("2025-06-18", {}), *(("2025-11-25", each) for each in FORM)]
)
def test_a_form_is_never_shown_and_an_old_client_has_the_link_told(version: str, declared: Json, lines: Lines) -> None:
    assert lines.initialize(version, elicitation=declared)["protocolVersion"] == version
    assert told(lines.ask("tools/call", {"name": TOOL, "arguments": KNOWN}))
    lines.end()
    assert b"elicitation/create" not in lines.heard


@pytest.mark.parametrize("declared", FORM)
def test_a_client_of_2026_07_28_that_declares_forms_only_has_the_link_told(declared: Json, lines: Lines) -> None:
    params = modern({"name": TOOL, "arguments": KNOWN})
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = {"elicitation": declared}
    assert told(lines.ask("tools/call", params))


@pytest.mark.parametrize(
    "answer",
    [
        {"error": {"code": -32000, "message": "There is no browser."}},
        {"result": {"action": "maybe"}},
        {"result": {}},
    ],
)
def test_an_answer_that_is_none_has_the_link_told(answer: Json, lines: Lines) -> None:
    lines.initialize("2025-11-25", elicitation=URL)
    wanted = lines.request("tools/call", {"name": TOOL, "arguments": KNOWN})
    asked = lines.receive()
    assert (asked["method"], asked["params"]["mode"]) == ("elicitation/create", "url")
    lines.send({"jsonrpc": "2.0", "id": asked["id"], **answer})
    result = lines.receive()
    assert result["id"] == wanted
    assert told(result) == asked["params"]["url"]
