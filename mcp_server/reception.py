"""Where a call that lacks credentials waits for the person: one page for one call, found again when it is repeated."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import cast

from mcp_types import InputRequiredResult
from pydantic import BaseModel

from mcp_server.credentials import browser
from mcp_server.credentials.tickets import Desk, Ticket
from mcp_server.elicitation import Caller, Invitation, SilentCaller, Visit
from mcp_server.errands import ConnectorErrand
from mcp_server.errors import ConnectorError


@dataclass(frozen=True)
class Reception:
    """The pages of one server; with `open_browser` it opens those that a client does not show.

    `withheld` names the environment variables with secrets, which are no business of a browser.
    """

    desk: Desk
    open_browser: bool = False
    withheld: Callable[[], Collection[str]] = tuple

    async def settled(self, errand: ConnectorErrand, caller: Caller) -> BaseModel | InputRequiredResult:
        """What the model sees of what the person sent for this call, now or before; or what the client has to do first.

        Raises ConnectorError, which says what to tell the person, or that there is nothing more to wait for.
        """
        ticket, repeated = self._ticket(errand, caller)
        if ticket.state == "open":
            visit = await self._visited(ticket, caller, repeated=repeated)
            if isinstance(visit, InputRequiredResult):
                return visit
            if visit is Visit.DECLINED:
                ticket.withdraw()
                await ticket.settled(math.inf)
            elif visit is not Visit.SETTLED:
                raise _to_be_passed_on(ticket)
        view = _errand(ticket).view
        if view is None:
            raise _in_vain(ticket)
        ticket.delivered()
        return view

    def _ticket(self, errand: ConnectorErrand, caller: Caller) -> tuple[Ticket, bool]:
        """The ticket of this call and whether it is an older one, which is open or has something to tell."""
        key = _key(errand)
        known = self.desk.find(key, caller.principal)
        if caller.ticket_number is not None and (known is None or known.number != caller.ticket_number):
            raise _expired()
        if known is not None and (caller.ticket_number or _is_useful(known)):
            return known, True
        if known is not None:
            known.give_way()
            errand.follow(_errand(known))
        return self.desk.issue(errand, key=key, principal=caller.principal), False

    async def _visited(self, ticket: Ticket, caller: Caller, *, repeated: bool) -> Visit | InputRequiredResult:
        visit = await caller.invite(Invitation(ticket, _message(ticket), repeated=repeated))
        if visit is Visit.UNABLE and self.open_browser and not repeated:
            async with browser.shown(ticket.url, self.withheld()):
                visit = await SilentCaller(caller.principal).invite(Invitation(ticket, _message(ticket), repeated=True))
        return visit


_OVER = "The page for the credentials is over: too late, refused too often, or replaced. Nothing was changed."
_ANEW = "Call again for a new page when the person is ready."
_UNCLEAR = "The page was sent, but no answer tells whether it was done."
_LOOK = "Look with list_connectors or get_connector before you call again."


def _errand(ticket: Ticket) -> ConnectorErrand:
    """The desk is this reception's alone: it hands out tickets for no other errands."""
    return cast("ConnectorErrand", ticket.errand)


def _is_useful(ticket: Ticket) -> bool:
    """Whether it can be sent, or has something to tell.

    A page that another browser came to first cannot be sent by the person. That a connector exists is told again; a
    rotation may be wanted again.
    """
    if ticket.state == "open":
        return not ticket.is_contested
    errand = _errand(ticket)
    return errand.view is not None and not (ticket.is_delivered and errand.existing)


def _key(errand: ConnectorErrand) -> str:
    """Equal calls have equal keys: the operation and its arguments, among which there is no secret."""
    call = [errand.draft.operation.name, errand.draft.arguments]
    return hashlib.sha256(json.dumps(call, sort_keys=True).encode()).hexdigest()


def _message(ticket: Ticket) -> str:
    return f"{ticket.errand.title}: enter the credentials on a page, so that they stay out of the conversation."


def _to_be_passed_on(ticket: Ticket) -> ConnectorError:
    minutes = max(1, round(ticket.seconds_left / 60))
    return ConnectorError(
        f"Credentials are needed, and not from you. Ask the person to open this link on this computer: {ticket.url}",
        hint=(
            f"They enter them there within {minutes} min, and sending the page does what you asked for. "
            "When they say that it is done, repeat this same call to get its result."
        ),
        code="credentials_needed",
        retryable=True,
    )


def _in_vain(ticket: Ticket) -> ConnectorError:
    if _errand(ticket).is_unclear:
        return ConnectorError(_UNCLEAR, hint=_LOOK, code="outcome_unknown")
    if ticket.is_replaced or ticket.state != "withdrawn":
        return _expired()
    return ConnectorError(
        "The person did not want to enter the credentials. Nothing was changed.",
        hint="Ask them how to go on before you call again.",
        code="declined",
    )


def _expired() -> ConnectorError:
    return ConnectorError(_OVER, hint=_ANEW, code="page_expired", retryable=True)
