"""What is sent with a ticket: one submission at a time, five tries, and what declining means meanwhile."""

from __future__ import annotations

import logging

import anyio
import pytest

from mcp_server.credentials.errand import Refusal
from mcp_server.credentials.tickets import Desk, Outcome
from tests.credentials.errands import DONE, KEEPABLE, KEPT, REFUSED, SECRET, FakeErrand
from tests.materials import made

pytestmark = pytest.mark.anyio
VALUES = {SECRET.name: made("a secret of a ticket")}


# ---- sending -----------------------------------------------------------------------------------------------------


async def test_a_refusal_can_be_corrected(desk: Desk) -> None:
    errand = FakeErrand(answers=[REFUSED])
    ticket = desk.issue(errand, key="a call")
    assert await ticket.submit(VALUES) == Outcome(REFUSED.message, REFUSED.hint, (SECRET.name,))
    assert (ticket.state, ticket.tries_left) == ("open", 4)
    assert await ticket.submit(VALUES) == Outcome(DONE, done=True)
    assert (ticket.state, len(errand.sent)) == ("done", 2)
    assert await ticket.submit(VALUES) is None
    assert len(errand.sent) == 2


async def test_two_submissions_at_a_time_are_one(desk: Desk) -> None:
    errand = FakeErrand(answers=[REFUSED], released=anyio.Event())
    ticket = desk.issue(errand, key="a call")
    outcomes: list[Outcome | None] = []

    async def submit() -> None:
        outcomes.append(await ticket.submit(VALUES))

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(submit)
        await anyio.wait_all_tasks_blocked()
        errand.release()
    assert len(errand.sent) == 1
    assert ticket.tries_left == 4
    assert [outcome.message for outcome in outcomes if outcome] == [REFUSED.message] * 3


async def test_the_fifth_refusal_is_the_last(desk: Desk) -> None:
    errand = FakeErrand(answers=[REFUSED] * 9)
    ticket = desk.issue(errand, key="a call")
    for _ in range(5):
        assert await ticket.submit(VALUES) == Outcome(REFUSED.message, REFUSED.hint, (SECRET.name,))
    assert (ticket.state, ticket.tries_left) == ("spent", 0)
    assert await ticket.submit(VALUES) is None
    assert len(errand.sent) == 5


async def test_what_was_made_can_be_kept(desk: Desk) -> None:
    errand = FakeErrand(answers=[KEEPABLE])
    ticket = desk.issue(errand, key="a call")
    before = ticket.keepable
    await ticket.submit(VALUES)
    assert (before, ticket.keepable) == (False, True)
    assert await ticket.keep() == Outcome(KEPT, done=True)
    assert (ticket.state, errand.kept) == ("done", 1)


async def test_what_was_made_can_be_kept_after_another_refusal_too(desk: Desk) -> None:
    ticket = desk.issue(FakeErrand(answers=[KEEPABLE, REFUSED]), key="a call")
    await ticket.submit(VALUES)
    assert await ticket.submit(VALUES) == Outcome(REFUSED.message, REFUSED.hint, (SECRET.name,), keepable=True)
    assert ticket.keepable


@pytest.mark.parametrize(
    ("kept_badly", "state"), [(None, "done"), (Refusal("It is gone."), "spent"), (RuntimeError(), "spent")]
)
async def test_after_the_last_try_what_was_made_is_kept(desk: Desk, kept_badly: Exception | None, state: str) -> None:
    errand = FakeErrand(answers=[KEEPABLE] * 5, kept_badly=kept_badly)
    ticket = desk.issue(errand, key="a call")
    outcomes = [await ticket.submit(VALUES) for _ in range(5)]
    assert (ticket.state, errand.kept) == (state, 1)
    assert outcomes[-1] == (Outcome(KEPT, done=True) if state == "done" else outcomes[0])


async def test_an_unforeseen_failure_is_logged_without_what_was_sent(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    errand = FakeErrand(answers=[KEEPABLE, RuntimeError(VALUES[SECRET.name])])
    ticket = desk.issue(errand, key="a call")
    await ticket.submit(VALUES)
    outcome = await ticket.submit(VALUES)
    assert outcome is not None
    assert outcome.message == "This failed for a reason that nobody foresaw."
    assert outcome.keepable
    assert ticket.tries_left == 3
    assert [record.getMessage() for record in caplog.records] == ["A page's submission failed: RuntimeError"]
    assert VALUES[SECRET.name] not in caplog.text


async def test_a_submission_that_is_cancelled_leaves_the_ticket_as_it_was(desk: Desk) -> None:
    errand = FakeErrand(released=anyio.Event())
    ticket = desk.issue(errand, key="a call")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ticket.submit, VALUES)
        await errand.started.wait()
        tasks.cancel_scope.cancel()
    errand.release()
    assert (ticket.state, ticket.tries_left) == ("open", 5)
    assert await ticket.submit(VALUES) == Outcome(DONE, done=True)


# ---- withdrawing -------------------------------------------------------------------------------------------------


async def test_a_withdrawn_ticket_takes_nothing(desk: Desk) -> None:
    errand = FakeErrand()
    ticket = desk.issue(errand, key="a call")
    ticket.withdraw()
    assert ticket.state == "withdrawn"
    assert await ticket.submit(VALUES) is None
    assert errand.sent == []


async def test_what_is_done_cannot_be_withdrawn(desk: Desk) -> None:
    ticket = desk.issue(FakeErrand(), key="a call")
    await ticket.submit(VALUES)
    ticket.withdraw()
    assert ticket.state == "done"


async def test_pages_that_are_gone_give_way_and_nobody_declined_them(desk: Desk) -> None:
    done, waiting = (desk.issue(FakeErrand(), key=key) for key in ("done", "waiting"))
    await done.submit(VALUES)
    desk.give_up()
    for ticket in (done, waiting):
        ticket.give_way()
    assert [(ticket.state, ticket.is_replaced) for ticket in (done, waiting)] == [("done", False), ("withdrawn", True)]
