"""Tickets by themselves: how many, how long, how often, for whom, and what is left when they are over."""

from __future__ import annotations

import anyio
import pytest

from mcp_server.credentials.tickets import MAX_SETTLED, Desk, Ticket, TooManyOpen
from tests.credentials.errands import GCS_FACTS, KEEPABLE, REFUSED, SECRET, Clock, FakeErrand
from tests.materials import made

pytestmark = pytest.mark.anyio
VALUES = {SECRET.name: made("a secret of a ticket")}


def token(ticket: Ticket) -> str:
    return ticket.url.rpartition("/")[2]


# ---- issuing and finding -----------------------------------------------------------------------------------------


async def test_a_ticket_is_found_by_its_call_its_number_and_its_link(desk: Desk) -> None:
    ticket = desk.issue(FakeErrand(), key="a call")
    assert ticket.state == "open"
    assert ticket.url.startswith("http://127.0.0.1:1/c/")
    assert desk.find("a call") is desk.by_token(token(ticket)) is ticket
    assert desk.find("another call") is desk.by_token("token") is None


async def test_the_last_ticket_for_a_call_is_found(desk: Desk) -> None:
    desk.issue(FakeErrand(), key="a call")
    last = desk.issue(FakeErrand(), key="a call")
    assert desk.find("a call") is last


async def test_a_link_has_256_random_bits_and_the_number_does_not_tell_it(desk: Desk) -> None:
    tickets = [desk.issue(FakeErrand(), key=str(key)) for key in range(3)]
    assert len({token(ticket) for ticket in tickets}) == len({ticket.number for ticket in tickets}) == 3
    assert all(len(token(ticket)) == 43 for ticket in tickets)
    assert all(desk.by_token(ticket.number) is None for ticket in tickets)


async def test_a_ticket_shows_nothing_of_itself_in_its_repr(desk: Desk) -> None:
    ticket = desk.issue(FakeErrand(), key="a call")
    assert token(ticket) not in repr(ticket) + repr(desk)


async def test_another_principal_finds_nothing(desk: Desk) -> None:
    ticket = desk.issue(FakeErrand(), key="a call", principal="alice")
    for other in (None, "bob"):
        assert desk.find("a call", other) is None
    assert desk.find("a call", "alice") is ticket


def seen(desk: Desk, key: str, errand: FakeErrand | None = None, principal: str | None = None) -> Ticket:
    """A ticket whose page somebody opened."""
    ticket = desk.issue(errand or FakeErrand(), key=key, principal=principal)
    ticket.browser.meet()
    return ticket


async def test_a_fourth_page_waits_for_one_of_three_that_the_person_opened(desk: Desk, clock: Clock) -> None:
    first, *_ = [seen(desk, str(key)) for key in range(3)]
    clock.passes(61)
    with pytest.raises(TooManyOpen, match="3 pages wait for the person already: Create S3 connector") as refused:
        desk.issue(FakeErrand(), key="a call")
    assert refused.value.code == "too_many_pages"
    assert refused.value.retryable
    assert "wait 9 min " in refused.value.hint
    first.withdraw()
    assert desk.issue(FakeErrand(), key="a call").state == "open"


async def test_the_pages_that_wait_are_told_by_title_and_name(desk: Desk) -> None:
    nameless = [FakeErrand("Rotate", facts) for facts in ((), GCS_FACTS[1:])]
    for errand in (FakeErrand(facts=(("Name", "x" * 81),)), *nameless):
        seen(desk, errand.title, errand)
    with pytest.raises(TooManyOpen) as refused:
        desk.issue(FakeErrand(), key="a call")
    assert refused.value.message.endswith(f': Create S3 connector "{"x" * 80}", Rotate, Rotate.')


async def test_a_page_that_is_sent_after_its_time_is_waited_for_a_minute(desk: Desk, clock: Clock) -> None:
    errand = FakeErrand(released=anyio.Event())
    busy = seen(desk, "busy", errand)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(busy.submit, VALUES)
        await errand.started.wait()
        clock.passes(601)
        for key in range(2):
            seen(desk, str(key))
        with pytest.raises(TooManyOpen) as refused:
            desk.issue(FakeErrand(), key="a call")
        assert "wait 1 min " in refused.value.hint
        errand.release()


async def test_a_fourth_page_takes_the_place_of_the_oldest_that_nobody_opened(desk: Desk) -> None:
    errand = FakeErrand(released=anyio.Event())
    opened, busy = seen(desk, "opened"), desk.issue(errand, key="busy")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(busy.submit, VALUES)
        await errand.started.wait()
        for key in ("third", "fourth", "fifth"):
            last = desk.issue(FakeErrand(), key=key)
        assert [desk.find(key) for key in ("opened", "busy", "fifth")] == [opened, busy, last]
        assert all(ticket.state == "open" and not ticket.is_replaced for ticket in (opened, busy, last))
        for key in ("third", "fourth"):
            old = desk.find(key)
            assert old is not None
            assert (old.state, old.is_replaced) == ("withdrawn", True)
        errand.release()


async def test_no_page_gives_way_to_one_that_there_is_not() -> None:
    addresses = ["http://127.0.0.1:1"] * 3
    desk = Desk(addresses.pop)
    tickets = [desk.issue(FakeErrand(), key=str(key)) for key in range(3)]
    with pytest.raises(IndexError):
        desk.issue(FakeErrand(), key="a call")
    assert [ticket.state for ticket in tickets] == ["open"] * 3


async def test_each_principal_has_three_pages(desk: Desk) -> None:
    for key in range(3):
        seen(desk, str(key), principal="alice")
    other = desk.issue(FakeErrand(), key="a call", principal="bob")
    for key in range(3):
        seen(desk, str(key), principal="carol")
    assert other.state == "open"


# ---- whose browser it is -----------------------------------------------------------------------------------------


async def test_a_page_is_contested_when_another_browser_wants_it_before_anything_was_submitted(desk: Desk) -> None:
    ticket = seen(desk, "a call", FakeErrand(answers=[REFUSED]))
    before = ticket.is_contested
    ticket.contest()
    assert (before, ticket.is_contested) == (False, True)
    await ticket.submit(VALUES)
    assert (ticket.state, ticket.is_contested) == ("open", False)


async def test_a_page_that_is_over_is_not_contested(desk: Desk) -> None:
    ticket = seen(desk, "a call")
    ticket.contest()
    ticket.withdraw()
    assert not ticket.is_contested


async def test_a_page_whose_submission_was_cancelled_is_not_contested_because_it_may_have_made_something(
    desk: Desk,
) -> None:
    errand = FakeErrand(released=anyio.Event())
    ticket = seen(desk, "a call", errand)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ticket.submit, VALUES)
        await errand.started.wait()
        tasks.cancel_scope.cancel()
    ticket.contest()
    assert (ticket.state, ticket.is_contested) == ("open", False)


# ---- time --------------------------------------------------------------------------------------------------------


async def test_a_ticket_is_open_for_ten_minutes(desk: Desk, clock: Clock) -> None:
    ticket = desk.issue(FakeErrand(), key="a call")
    clock.passes(599)
    assert (ticket.state, ticket.seconds_left) == ("open", 1)
    clock.passes(1)
    assert (ticket.state, ticket.seconds_left) == ("expired", 0)
    assert await ticket.submit(VALUES) is None


async def test_what_is_being_sent_when_the_time_is_over_may_finish(desk: Desk, clock: Clock) -> None:
    errand = FakeErrand(released=anyio.Event())
    ticket = desk.issue(errand, key="a call")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ticket.submit, VALUES)
        await errand.started.wait()
        clock.passes(601)
        assert ticket.state == "open"
        assert not await ticket.settled(0)
        tasks.start_soon(ticket.settled, 60)
        await anyio.wait_all_tasks_blocked()
        errand.release()
    assert ticket.state == "done"


async def test_what_was_refused_when_the_time_was_over_cannot_be_sent_again(desk: Desk, clock: Clock) -> None:
    errand = FakeErrand(answers=[REFUSED], released=anyio.Event())
    ticket = desk.issue(errand, key="a call")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ticket.submit, VALUES)
        await errand.started.wait()
        clock.passes(601)
        errand.release()
    assert ticket.state == "expired"


async def test_a_ticket_that_nobody_looks_at_expires_by_itself() -> None:
    """The clock is the real one, but for the first 599.99 seconds."""
    skipped = [0.0]
    ticket = Desk(lambda: "", lambda: anyio.current_time() + skipped[0]).issue(FakeErrand(), key="a call")
    skipped[0] = 599.99
    assert await ticket.settled(60)
    assert ticket.state == "expired"


async def test_waiting_for_the_end_ends_with_it_or_with_the_time(desk: Desk) -> None:
    ticket = desk.issue(FakeErrand(), key="a call")
    assert not await ticket.settled(0)
    seen: list[bool] = []

    async def wait() -> None:
        seen.append(await ticket.settled(60))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        tasks.start_soon(desk.emptied)
        await anyio.wait_all_tasks_blocked()
        await ticket.submit(VALUES)
    assert seen == [True]
    assert await ticket.settled(0)


async def test_a_delivered_end_is_forgotten_after_a_minute_and_another_after_a_day(desk: Desk, clock: Clock) -> None:
    delivered, other = (desk.issue(FakeErrand(), key=key) for key in ("delivered", "other"))
    for ticket in (delivered, other):
        await ticket.submit(VALUES)
    delivered.delivered()
    clock.passes(59)
    assert desk.find("delivered") is delivered
    delivered.delivered()
    clock.passes(1)
    assert desk.find("delivered") is None
    assert desk.by_token(token(other)) is other
    clock.passes(24 * 3600 - 61)
    assert desk.by_token(token(other)) is other
    clock.passes(1)
    assert desk.by_token(token(other)) is None


async def test_an_end_in_which_nothing_was_made_is_forgotten_after_ten_minutes(desk: Desk, clock: Clock) -> None:
    spent, withdrawn, expired = (desk.issue(FakeErrand(answers=[REFUSED] * 5), key=key) for key in ("s", "w", "e"))
    clock.passes(600)
    assert expired.state == "expired"
    withdrawn, spent = (desk.issue(FakeErrand(answers=[REFUSED] * 5), key=key) for key in ("w", "s"))
    withdrawn.withdraw()
    for _ in range(5):
        await spent.submit(VALUES)
    clock.passes(599)
    assert [desk.find(key) for key in "swe"] == [spent, withdrawn, expired]
    clock.passes(1)
    assert [desk.find(key) for key in "swe"] == [None, None, None]


async def test_what_was_made_is_remembered_for_a_day_even_when_the_page_expired(desk: Desk, clock: Clock) -> None:
    ticket = desk.issue(FakeErrand(answers=[KEEPABLE]), key="a call")
    await ticket.submit(VALUES)
    clock.passes(600 + 24 * 3600 - 1)
    assert desk.find("a call") is ticket
    clock.passes(1)
    assert desk.find("a call") is None


async def test_a_hundred_ends_are_remembered_and_the_oldest_goes_first(desk: Desk, clock: Clock) -> None:
    waiting = desk.issue(FakeErrand(), key="waiting")
    for number in range(MAX_SETTLED + 1):
        clock.passes(1)
        await desk.issue(FakeErrand(), key=str(number)).submit(VALUES)
    assert desk.find("0") is None
    assert all(desk.find(str(number)) for number in range(1, MAX_SETTLED + 1))
    assert desk.find("waiting") is waiting


async def test_ends_in_which_nothing_was_made_go_before_those_in_which_something_was(desk: Desk) -> None:
    done = desk.issue(FakeErrand(), key="done")
    await done.submit(VALUES)
    for number in range(MAX_SETTLED):
        desk.issue(FakeErrand(), key=str(number)).withdraw()
    assert desk.find("done") is done
    assert desk.find("0") is None


async def test_an_expired_ticket_is_forgotten_by_the_time_it_expired_not_by_the_time_that_was_seen(
    desk: Desk, clock: Clock
) -> None:
    desk.issue(FakeErrand(), key="a call")
    clock.passes(1200)
    assert desk.find("a call") is None


async def test_an_open_ticket_is_never_forgotten(desk: Desk, clock: Clock) -> None:
    ticket = desk.issue(FakeErrand(), key="a call")
    ticket.delivered()
    clock.passes(120)
    assert desk.find("a call") is ticket
