"""Calls that wait for the person: one page for one call, found again when it is repeated, by nobody else."""

from __future__ import annotations

import re
from dataclasses import replace

import anyio
import pytest
from mcp_types import InputRequiredResult

from mcp_server.comparison import UpdatedConnector
from mcp_server.credentials.tickets import KEPT_SECONDS_DELIVERED, MAX_OPEN, OPEN_SECONDS, TooManyOpen
from mcp_server.elicitation import Invitation, Visit
from mcp_server.errands import ConnectorErrand
from mcp_server.errors import ConnectorError
from mcp_server.operation import AnswerT, Operation, RequestT
from mcp_server.presentation import CreatedConnector
from tests.answering import Turns, existing, outage, rotating
from tests.materials import CONNECTOR
from tests.receptions import Scene, Scripted
from tests.visiting import link_in

pytestmark = pytest.mark.anyio
FAILED = {"success": False, "error_message": "AWS refused the signature."}


@pytest.fixture
def scene() -> Scene:
    return Scene()


# ---- one page for one call ---------------------------------------------------------------------------------------


async def test_the_error_says_what_to_pass_on_and_to_repeat_the_call(scene: Scene) -> None:
    error = await scene.refused()
    assert re.search(
        r"Ask the person to open this link on this computer: http://127\.0\.0\.1:9/c/[\w-]{43}$", error.message
    )
    assert "within 10 min" in error.hint
    assert "sending the page does what you asked for" in error.hint
    assert "repeat this same call" in error.hint
    assert (error.code, error.retryable) == ("credentials_needed", True)
    scene.clock.passes(OPEN_SECONDS - 20)
    assert "within 1 min" in (await scene.refused()).hint


async def test_the_same_call_is_the_same_page_in_whatever_order_its_arguments_come(scene: Scene) -> None:
    first = await scene.link(scopes=["import", "export"], import_mode="all")
    caller = Scripted()
    assert await scene.link(caller, import_mode="all", scopes=["import", "export"]) == first
    (invitation,) = caller.invitations
    assert invitation.repeated
    assert "http" not in invitation.message
    assert len(scene.api.asked) == 0


async def test_other_arguments_are_another_page(scene: Scene) -> None:
    links = {await scene.link(), await scene.link(name="Other"), await scene.link(aws_access_key_id="key-id")}
    assert len(links) == 3


async def test_other_operations_are_another_page(scene: Scene) -> None:
    with pytest.raises(ConnectorError) as refused:
        await scene.reception.settled(rotating(scene.api), Scripted())
    assert link_in(str(refused.value)) != await scene.link()


async def test_one_page_more_than_may_wait_is_refused_until_one_is_over(scene: Scene) -> None:
    links = [await scene.visited_link(name=f"Number {number}") for number in range(MAX_OPEN)]
    refused = await scene.refused(name="One more")
    assert isinstance(refused, TooManyOpen)
    assert await scene.link(name="Number 1") == links[1]
    await scene.send(links[0])
    assert await scene.link(name="One more") not in links


# ---- what came of it ---------------------------------------------------------------------------------------------


async def test_the_repeated_call_finds_what_the_person_sent_for_a_while(scene: Scene) -> None:
    link = await scene.link()
    await scene.send(link)
    caller = Scripted()
    found = await scene.result(caller)
    assert isinstance(found, CreatedConnector)
    assert found.connector_id == CONNECTOR["connector_id"]
    assert caller.invitations == []
    scene.clock.passes(KEPT_SECONDS_DELIVERED - 1)
    assert await scene.result() == found
    assert scene.api.order.count("create_s3_connector") == 1
    scene.clock.passes(KEPT_SECONDS_DELIVERED)
    assert await scene.link() != link


async def test_an_outcome_that_nobody_has_asked_for_waits_longer(scene: Scene) -> None:
    await scene.send(await scene.link())
    scene.clock.passes(OPEN_SECONDS - 1)
    assert isinstance(await scene.result(), CreatedConnector)


async def test_who_declines_ends_the_page_and_a_new_call_has_a_new_one(scene: Scene) -> None:
    link = await scene.link()
    error = await scene.refused(Scripted(visit=Visit.DECLINED))
    assert (error.code, error.retryable) == ("declined", False)
    assert scene.ticket(link).state == "withdrawn"
    assert await scene.link() != link


async def test_who_declines_after_the_connector_was_made_has_it_all_the_same(scene: Scene) -> None:
    scene.api.answers["test_connector"] = FAILED
    await scene.send(await scene.link())
    found = await scene.result(Scripted(visit=Visit.DECLINED))
    assert isinstance(found, CreatedConnector)
    assert "Its access test failed" in found.next_step


async def test_who_declines_while_the_page_is_being_sent_is_not_told_that_nothing_changes(scene: Scene) -> None:
    link = await scene.link()
    started, released = anyio.Event(), anyio.Event()
    answered = scene.api.ask

    async def slow(operation: Operation[RequestT, AnswerT], request: RequestT) -> AnswerT:
        started.set()
        await released.wait()
        return await answered(operation, request)

    ticket = scene.ticket(link)
    assert isinstance(ticket.errand, ConnectorErrand)
    ticket.errand.site = replace(ticket.errand.site, ask=slow)
    results: list[object] = []

    async def decline() -> None:
        try:
            results.append(await scene.result(Scripted(visit=Visit.DECLINED)))
        except ConnectorError as error:
            results.append(error.message)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(scene.send, link)
        await started.wait()
        tasks.start_soon(decline)
        await anyio.wait_all_tasks_blocked()
        released.set()
    assert scene.api.order.count("create_s3_connector") == 1
    assert "Nothing was changed" not in str(results[0])


@pytest.mark.parametrize("over", ["expired", "spent"])
async def test_a_page_that_is_over_is_told_to_who_waited_and_a_new_call_has_a_new_one(scene: Scene, over: str) -> None:
    link = await scene.link()
    ticket = scene.ticket(link)
    if over == "expired":
        scene.clock.passes(OPEN_SECONDS)
    else:
        scene.api.answers["create_s3_connector"] = ConnectorError("No.")
        for _ in range(5):
            await scene.send(link)
    assert ticket.state == over
    error = await scene.refused(Scripted(number=ticket.number))
    assert (error.code, error.retryable) == ("page_expired", True)
    assert "Nothing was changed" in error.message
    assert await scene.link() != link


@pytest.mark.parametrize("over", ["expired", "withdrawn"])
async def test_what_the_api_did_not_confirm_is_told_and_sent_under_the_same_key_again(scene: Scene, over: str) -> None:
    scene.api.answers["create_s3_connector"] = Turns(outage(), CONNECTOR)
    link = await scene.link()
    await scene.send(link)
    if over == "expired":
        scene.clock.passes(OPEN_SECONDS)
    else:
        scene.ticket(link).withdraw()
    error = await scene.refused(Scripted(number=scene.ticket(link).number))
    assert (error.code, error.retryable) == ("outcome_unknown", False)
    assert "list_connectors" in error.hint
    assert "Nothing was changed" not in error.message
    await scene.send(await scene.link())
    first, second = (each.idempotency_key for each in scene.api.requests("create_s3_connector"))
    assert first == second
    assert isinstance(await scene.result(), CreatedConnector)


async def test_a_page_that_another_browser_came_to_first_is_replaced(scene: Scene) -> None:
    ticket = scene.ticket(await scene.link())
    ticket.contest()
    assert link_in(str(await scene.refused(Scripted(number=ticket.number)))) == ticket.url
    assert await scene.link() != ticket.url
    assert ticket.state == "withdrawn"


async def test_a_rotation_that_was_told_can_be_wanted_again(scene: Scene) -> None:
    errands = [rotating(scene.api, existing()) for _ in range(3)]
    with pytest.raises(ConnectorError) as refused:
        await scene.reception.settled(errands[0], Scripted())
    await scene.send(link_in(str(refused.value)))
    assert isinstance(await scene.reception.settled(errands[1], Scripted()), UpdatedConnector)
    with pytest.raises(ConnectorError):
        await scene.reception.settled(errands[2], Scripted())


async def test_a_page_that_expires_while_a_call_waits_is_told_as_that(scene: Scene) -> None:
    class Waiting(Scripted):
        async def invite(self, invitation: Invitation) -> Visit:
            scene.clock.passes(OPEN_SECONDS)
            return Visit.SETTLED

    assert (await scene.refused(Waiting())).code == "page_expired"


async def test_a_page_that_expires_after_a_failed_test_leaves_its_connector_to_be_told(scene: Scene) -> None:
    scene.api.answers["test_connector"] = FAILED
    await scene.send(await scene.link())
    scene.clock.passes(OPEN_SECONDS)
    assert isinstance(await scene.result(), CreatedConnector)


async def test_a_client_that_is_to_ask_again_gets_what_its_room_says(scene: Scene) -> None:
    round_result = InputRequiredResult(request_state="state")
    assert await scene.result(Scripted(visit=round_result)) is round_result


async def test_a_round_of_a_page_that_is_forgotten_or_was_replaced_is_over(scene: Scene) -> None:
    assert (await scene.refused(Scripted(number="unknown"))).code == "page_expired"
    old = scene.ticket(await scene.link())
    old.withdraw()
    link = await scene.link()
    assert (await scene.refused(Scripted(number=old.number))).code == "page_expired"
    assert await scene.link(Scripted(number=scene.ticket(link).number)) == link
