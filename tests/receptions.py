"""A reception whose time is the test's, and clients that answer an invitation as scripted. No test is here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from mcp_types import InputRequiredResult
from pydantic import BaseModel

from mcp_server.credentials.tickets import Desk, Ticket
from mcp_server.elicitation import Caller, Invitation, Visit
from mcp_server.errors import ConnectorError
from mcp_server.reception import Reception
from tests.answering import TYPED, Answering, creating
from tests.credentials.errands import Clock
from tests.visiting import link_in


@dataclass(frozen=True)
class Scripted(Caller):
    """A client that answers every invitation with `visit`, and remembers it."""

    principal: str | None = None
    visit: Visit | InputRequiredResult = Visit.UNABLE
    number: str | None = None
    invitations: list[Invitation] = field(default_factory=list[Invitation])

    @property
    def ticket_number(self) -> str | None:
        return self.number

    async def invite(self, invitation: Invitation) -> Visit | InputRequiredResult:
        self.invitations.append(invitation)
        return self.visit


@dataclass
class Scene:
    """A reception whose time is the test's."""

    clock: Clock = field(default_factory=Clock)
    api: Answering = field(default_factory=Answering)

    def __post_init__(self) -> None:
        self.desk = Desk(lambda: "http://127.0.0.1:9", self.clock)
        self.reception = Reception(self.desk)

    async def refused(self, caller: Caller | None = None, /, **changes: Any) -> ConnectorError:
        with pytest.raises(ConnectorError) as refused:
            await self.reception.settled(creating(self.api, **changes), caller or Scripted())
        return refused.value

    async def link(self, caller: Caller | None = None, /, **changes: Any) -> str:
        return link_in(str(await self.refused(caller, **changes)))

    async def visited_link(self, caller: Caller | None = None, /, **changes: Any) -> str:
        """The link of a page that a browser has opened."""
        link = await self.link(caller, **changes)
        self.ticket(link).browser.meet()
        return link

    async def result(self, caller: Caller | None = None, /, **changes: Any) -> BaseModel | InputRequiredResult:
        return await self.reception.settled(creating(self.api, **changes), caller or Scripted())

    def ticket(self, link: str) -> Ticket:
        ticket = self.desk.by_token(link.rpartition("/")[2])
        assert ticket is not None
        return ticket

    async def send(self, link: str) -> None:
        """The person sends the page."""
        await self.ticket(link).submit(TYPED["s3"])
