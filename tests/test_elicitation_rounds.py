"""The rounds of a call of 2026-07-28: the first shows the link, the others wait, and their state is ours alone."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace

import anyio
import pytest
from mcp import Client, MCPError
from mcp.client._input_required import DEFAULT_INPUT_REQUIRED_MAX_ROUNDS
from mcp_types import INVALID_PARAMS, CallToolResult, ElicitRequestURLParams, ElicitResult, InputRequiredResult

from mcp_server import elicitation
from mcp_server.credentials.tickets import OPEN_SECONDS
from mcp_server.reception import Reception
from mcp_server.transports import build_server
from tests.materials import CONNECTOR, Json
from tests.offices import ACCEPTED, KNOWN, TOOL, Office, accepting, opened_office, sent
from tests.sessions import ERAS
from tests.tool_calls import backed, data_of, error_of, text_of
from tests.visiting import link_in

pytestmark = pytest.mark.anyio


@pytest.fixture
async def office() -> AsyncGenerator[Office]:
    async with opened_office() as office:
        yield office


@dataclass
class Rounds:
    """The rounds of one call, each made by hand."""

    client: Client
    arguments: Json = field(default_factory=lambda: dict(KNOWN))
    tool: str = TOOL
    state: str | None = None
    answer: ElicitResult | None = None

    async def next(self) -> CallToolResult | InputRequiredResult:
        """One more round; its state is kept for the next."""
        result = await self.client.session.call_tool(
            self.tool,
            self.arguments,
            request_state=self.state,
            input_responses={"credentials_page": self.answer} if self.answer else None,
            allow_input_required=True,
        )
        if isinstance(result, InputRequiredResult):
            self.state = result.request_state
        return result

    async def opened(self) -> str:
        """The link that the first round shows."""
        result = await self.next()
        assert isinstance(result, InputRequiredResult)
        ((name, request),) = (result.input_requests or {}).items()
        link = request.params
        assert isinstance(link, ElicitRequestURLParams)
        assert name == "credentials_page"
        return link.url

    async def refused(self) -> None:
        """The round is refused as a protocol error that says nothing of the reason."""
        with pytest.raises(MCPError) as refused:
            await self.next()
        assert (refused.value.error.code, refused.value.error.message) == (
            INVALID_PARAMS,
            "Invalid or expired requestState",
        )


@pytest.fixture
async def rounds(office: Office, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Rounds]:
    monkeypatch.setattr(elicitation, "ROUND_SECONDS", 0.0)
    async with office.client(ERAS[1], accepting) as client:
        yield Rounds(client)


async def test_the_link_is_shown_in_the_first_round_and_the_others_only_wait(rounds: Rounds) -> None:
    link = await rounds.opened()
    for _ in range(elicitation.MAX_ROUNDS - 1):
        waiting = await rounds.next()
        assert isinstance(waiting, InputRequiredResult)
        assert waiting.input_requests is None
        assert waiting.request_state
    last = await rounds.next()
    assert isinstance(last, CallToolResult)
    assert "code: credentials_needed, retry: yes" in error_of(last)
    assert link_in(text_of(last)) == link


def test_the_rounds_are_fewer_than_the_clients_of_other_sdks_bear() -> None:
    assert elicitation.MAX_ROUNDS < DEFAULT_INPUT_REQUIRED_MAX_ROUNDS
    assert elicitation.ROUND_SECONDS == 20


async def test_a_round_without_an_answer_waits_too_and_finds_what_was_sent(rounds: Rounds) -> None:
    link = await rounds.opened()
    assert isinstance(await rounds.next(), InputRequiredResult)
    rounds.answer = ACCEPTED
    assert isinstance(await rounds.next(), InputRequiredResult)
    await sent(link)
    result = await rounds.next()
    assert isinstance(result, CallToolResult)
    assert data_of(result)["connector_id"] == CONNECTOR["connector_id"]


async def test_a_page_that_is_sent_during_a_round_ends_it(office: Office) -> None:
    results: list[object] = []
    async with office.client(ERAS[1], accepting) as client, anyio.create_task_group() as tasks:
        rounds = Rounds(client)
        link = await rounds.opened()

        async def wait() -> None:
            results.append(await rounds.next())

        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        await sent(link)
    (result,) = results
    assert isinstance(result, CallToolResult)
    assert data_of(result)["connector_id"] == CONNECTOR["connector_id"]


async def test_who_declines_after_the_page_was_sent_has_sent_it(rounds: Rounds) -> None:
    await sent(await rounds.opened())
    rounds.answer = ElicitResult(action="decline")
    result = await rounds.next()
    assert isinstance(result, CallToolResult)
    assert data_of(result)["connector_id"] == CONNECTOR["connector_id"]


async def test_the_state_shows_neither_the_link_nor_the_number_of_the_ticket(rounds: Rounds, office: Office) -> None:
    token = (await rounds.opened()).rpartition("/")[2]
    ticket = office.desk.by_token(token)
    assert ticket is not None
    assert rounds.state is not None
    body = rounds.state.rpartition(".")[2]
    octets = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    for secret in (token, ticket.number, "ticket", KNOWN["name"]):
        assert secret not in rounds.state
        assert secret.encode() not in octets


async def test_a_state_that_was_tampered_with_is_refused(rounds: Rounds) -> None:
    await rounds.opened()
    state = rounds.state
    assert state is not None
    plain = json.dumps({"ticket": "x", "round": 1})
    middle = len(state) // 2
    swapped = state[:middle] + ("A" if state[middle] != "A" else "B") + state[middle + 1 :]
    for wrong in (
        swapped,
        state[:-4],
        state + "AAAA",
        "",
        "v1.",
        plain,
        base64.urlsafe_b64encode(plain.encode()).decode(),
    ):
        await replace(rounds, state=wrong).refused()


async def test_a_state_is_good_for_its_own_call_only(rounds: Rounds) -> None:
    await rounds.opened()
    await replace(rounds, arguments={**KNOWN, "name": "Other"}).refused()
    await replace(rounds, arguments={**KNOWN, "aws_access_key_id": "key-id"}).refused()
    await replace(rounds, tool="create_gcs_connector").refused()
    await replace(rounds, tool="list_connectors", arguments={}).refused()


async def test_a_state_of_another_server_is_refused(rounds: Rounds, office: Office) -> None:
    await rounds.opened()
    backing = backed(office.api, reception=Reception(office.desk))
    async with Client(build_server(lambda: backing), mode=ERAS[1]) as other:
        await replace(rounds, client=other).refused()


async def test_a_state_whose_page_is_forgotten_is_over(rounds: Rounds, office: Office) -> None:
    await rounds.opened()
    office.clock.passes(3 * OPEN_SECONDS)
    result = await rounds.next()
    assert isinstance(result, CallToolResult)
    assert "code: page_expired" in error_of(result)
