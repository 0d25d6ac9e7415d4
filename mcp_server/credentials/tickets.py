"""The pages that are open, who may use each, and what became of them. No HTTP here; all runs on one event loop."""

from __future__ import annotations

import hmac
import logging
import math
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import anyio
from anyio.lowlevel import checkpoint

from mcp_server.credentials.errand import Errand, Refusal
from mcp_server.credentials.first_browser import FirstBrowser, digest
from mcp_server.errors import ConnectorError
from mcp_server.redaction import Secret, guarding

MAX_OPEN = 3
OPEN_SECONDS = 600
MAX_TRIES = 5
KEPT_SECONDS = 600
KEPT_SECONDS_MADE = 24 * 3600
KEPT_SECONDS_DELIVERED = 60
MAX_SETTLED = 100
"""How long an end is remembered, by whether something was made and whether the assistant knows; and how many ends."""

_MAX_NAME = 80

State = Literal["open", "done", "expired", "withdrawn", "spent"]
Clock = Callable[[], float]
_log = logging.getLogger(__name__)


class TooManyOpen(ConnectorError):
    """As many pages as may wait at a time were opened by the person, who is still busy with them."""

    def __init__(self, waiting: list[Ticket]) -> None:
        pages = ", ".join(_named(ticket.errand) for ticket in waiting)
        minutes = max(1, math.ceil(min(ticket.seconds_left for ticket in waiting) / 60))
        super().__init__(
            f"{len(waiting)} pages wait for the person already: {pages}.",
            hint=f"Let the person finish one of them, or wait {minutes} min until the first is over; then call again.",
            code="too_many_pages",
            retryable=True,
        )


def _named(errand: Errand) -> str:
    """The title, with the name of what it is about where the first fact tells it."""
    label, name = next(iter(errand.facts), ("", ""))
    return f'{errand.title} "{name[:_MAX_NAME]}"' if label == "Name" else errand.title


@dataclass(frozen=True)
class Outcome:
    """What became of one submission, without anything that was submitted."""

    message: str
    hint: str = ""
    fields: tuple[str, ...] = ()
    keepable: bool = False
    done: bool = False


_FAILED = Outcome("This failed for a reason that nobody foresaw.", "Try again. The server's log has more.")


class Ticket:
    """One page for one errand: 10 minutes, 5 tries, one browser."""

    def __init__(self, errand: Errand, *, key: str, principal: str | None, address: str, clock: Clock) -> None:
        token = secrets.token_urlsafe(32)
        self.url = f"{address}/c/{token}"
        self.digest = digest(token)
        self.number = secrets.token_urlsafe(16)
        self.errand = errand
        self.key = key
        self.principal = principal
        self.browser = FirstBrowser()
        self.tries_left = MAX_TRIES
        self.outcome: Outcome | None = None
        self._clock = clock
        self._deadline = clock() + OPEN_SECONDS
        self._state: State = "open"
        self._sending = False
        self._is_declined = False
        self._is_used = False
        self._is_wanted_elsewhere = False
        self.is_delivered = False
        self.is_replaced = False
        self.forgotten_at = math.inf
        self._changed = anyio.Event()

    @property
    def state(self) -> State:
        """The state at this moment. What is being sent when the time is over may finish."""
        if self._state == "open" and not self._sending and self.seconds_left <= 0:
            self._end("expired", self._deadline)
        return self._state

    @property
    def seconds_left(self) -> float:
        """Until it expires; never below 0."""
        return max(0.0, self._deadline - self._clock())

    @property
    def keepable(self) -> bool:
        """Whether a submission left something that may be kept as it is; once there, it stays."""
        return self.outcome is not None and self.outcome.keepable

    @property
    def is_contested(self) -> bool:
        """It is open and unused, and not only the first browser wants it: that one may be a machine's."""
        return self.state == "open" and self._is_wanted_elsewhere and not self._is_used

    @property
    def is_unseen(self) -> bool:
        """No browser opened it, and nothing was submitted."""
        return not self.browser.is_known and not self._is_used

    @property
    def is_forgotten(self) -> bool:
        return self.state != "open" and self._clock() >= self.forgotten_at

    async def settled(self, seconds: float) -> bool:
        """Whether it is open no more; waits for that, at most so long."""
        with anyio.move_on_after(seconds):
            while self.state == "open":
                with anyio.move_on_after(math.inf if self._sending else self.seconds_left):
                    await self._changed.wait()
        await checkpoint()
        return self.state != "open"

    def delivered(self) -> None:
        """The assistant knows the end of it: it is forgotten after a minute."""
        self.is_delivered = True
        self.forgotten_at = min(self.forgotten_at, self._clock() + KEPT_SECONDS_DELIVERED)

    def contest(self) -> None:
        """Another browser than the first was turned away."""
        self._is_wanted_elsewhere = True

    def give_way(self) -> None:
        """Withdrawn if it is open, and `is_replaced` then: nobody declined, and the same call gets another page."""
        self.is_replaced = self.is_replaced or self.state == "open"
        self.withdraw()

    def withdraw(self) -> None:
        """The person declined; no effect when it is open no more. What is being sent at this moment may succeed."""
        if self._sending:
            self._is_declined = True
        elif self.state == "open":
            self._end("withdrawn", self._clock())

    async def submit(self, values: Mapping[str, str]) -> Outcome | None:
        """Run the errand. None: the ticket is open no more. While one submission runs, others get its outcome."""
        hidden = {values.get(field.name, ""): field.name for field in self.errand.fields if field.kind != "text"}
        with guarding({value: name for value, name in hidden.items() if len(value) >= Secret.MIN_LENGTH}):
            return await self._one_at_a_time(lambda: self.errand.send(values))

    async def keep(self) -> Outcome | None:
        """End with what a refused submission made; as `submit` otherwise."""
        return await self._one_at_a_time(self.errand.keep)

    async def _one_at_a_time(self, act: Callable[[], Awaitable[str]]) -> Outcome | None:
        if self._sending:
            await self._changed.wait()
            return self.outcome
        if self.state != "open":
            return None
        self._sending = self._is_used = True
        try:
            self.outcome = await self._tried(act)
        finally:
            self._sending = False
            self._tell()
            if self._is_declined:
                self.withdraw()
        return self.outcome

    async def _tried(self, act: Callable[[], Awaitable[str]]) -> Outcome:
        outcome = await self._attempt(act)
        if outcome.done:
            self._end("done", self._clock())
            return outcome
        self.tries_left -= 1
        return outcome if self.tries_left else await self._last_refused(outcome)

    async def _attempt(self, act: Callable[[], Awaitable[str]]) -> Outcome:
        try:
            return Outcome(await act(), done=True)
        except Refusal as refusal:
            return Outcome(refusal.message, refusal.hint, refusal.fields, refusal.keepable or self.keepable)
        except Exception as error:  # noqa: BLE001 - the person can try again; the error's text may hold a secret
            _log.error("A page's submission failed: %s", type(error).__name__)
            return replace(_FAILED, keepable=self.keepable)

    async def _last_refused(self, outcome: Outcome) -> Outcome:
        """After the last try: what was made is kept, if anything was."""
        kept = await self._attempt(self.errand.keep) if outcome.keepable else outcome
        self._end("done" if kept.done else "spent", self._clock())
        return kept if kept.done else outcome

    def _end(self, state: State, at: float) -> None:
        self._state = state
        self.forgotten_at = at + (KEPT_SECONDS_MADE if state == "done" or self.keepable else KEPT_SECONDS)
        self._tell()

    def _tell(self) -> None:
        """Wake who waits for a change."""
        self._changed.set()
        self._changed = anyio.Event()


class Desk:
    """Hands out tickets, and finds them again until they are forgotten. `address` is where the pages are.

    A principal is who asked; only the same one finds the ticket, and may have 3 open at a time.
    """

    def __init__(self, address: Callable[[], str], clock: Clock = time.monotonic) -> None:
        self._address = address
        self._clock = clock
        self._tickets: list[Ticket] = []

    def issue(self, errand: Errand, *, key: str, principal: str | None = None) -> Ticket:
        """A new ticket with its `url`; `key` identifies the call that it is for. One too many replaces an unseen one.

        Raises TooManyOpen when all were seen, and what `address` raises.
        """
        waiting = [ticket for ticket in self._open() if ticket.principal == principal]
        unseen = [ticket for ticket in waiting if ticket.is_unseen]
        if len(waiting) >= MAX_OPEN and not unseen:
            raise TooManyOpen(waiting)
        ticket = Ticket(errand, key=key, principal=principal, address=self._address(), clock=self._clock)
        self._tickets.append(ticket)
        if len(waiting) >= MAX_OPEN:
            unseen[0].give_way()
        return ticket

    def find(self, key: str, principal: str | None = None) -> Ticket | None:
        """The last ticket for the call, open or settled."""
        found = [ticket for ticket in self._known() if ticket.key == key and ticket.principal == principal]
        return found[-1] if found else None

    def by_token(self, token: str) -> Ticket | None:
        """The ticket of this link, open or settled, whoever asked for it. Takes as long for any token."""
        wanted = digest(token)
        found = [ticket for ticket in self._known() if hmac.compare_digest(ticket.digest, wanted)]
        return found[0] if found else None

    def give_up(self) -> None:
        """The pages are gone from their address: the open tickets give way to new ones."""
        for ticket in self._open():
            ticket.give_way()

    async def emptied(self) -> None:
        """Wait until no ticket is open."""
        while waiting := self._open():
            await waiting[0].settled(math.inf)

    def _open(self) -> list[Ticket]:
        return [ticket for ticket in self._known() if ticket.state == "open"]

    def _known(self) -> list[Ticket]:
        """The tickets in the order of their issue, without the forgotten and what is settled beyond the bound.

        Of the settled, those are let go first that would be forgotten first.
        """
        settled = [ticket for ticket in self._tickets if ticket.state != "open"]
        settled.sort(key=lambda ticket: ticket.forgotten_at)
        let_go = {ticket for ticket in settled if ticket.is_forgotten}.union(settled[:-MAX_SETTLED])
        self._tickets = [ticket for ticket in self._tickets if ticket not in let_go]
        return self._tickets
