"""How the person behind a client is asked to visit a page; with `consent`, where the eras of the protocol differ.

Only a link is ever sent here, in URL mode: a form would bring a secret back through the client.
"""

from __future__ import annotations

import json
import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import anyio
from anyio.lowlevel import checkpoint
from mcp.server.context import ServerRequestContext
from mcp.server.request_state import authenticated_principal
from mcp.server.session import ServerSession
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CallToolRequestParams,
    ElicitRequest,
    ElicitRequestURLParams,
    ElicitResult,
    InputRequiredResult,
    RequestId,
)
from mcp_types.version import LATEST_HANDSHAKE_VERSION, MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from mcp_server.consent import NO_FORM, Form, form_of
from mcp_server.credentials.tickets import Ticket

ROUND_SECONDS = 20.0
MAX_ROUNDS = 8
HEARTBEAT_SECONDS = 10.0
_PAGE = "credentials_page"


class Visit(Enum):
    """What became of an invitation."""

    SETTLED = "the page was sent, or its time is over"
    DECLINED = "the person does not want to"
    WAITING = "the person is not ready yet"
    UNABLE = "the client cannot show a link by itself"


@dataclass(frozen=True)
class Invitation:
    """The page that the person is asked to visit; `repeated` when an earlier call asked for it already."""

    ticket: Ticket
    message: str
    repeated: bool


@dataclass(frozen=True)
class Caller(ABC):
    """The client of one call; `principal` is who it was authenticated as, where it was."""

    principal: str | None
    form: Form = field(default=NO_FORM, kw_only=True)

    @property
    def ticket_number(self) -> str | None:
        """The ticket that an earlier round of this call was about."""
        return None

    @abstractmethod
    async def invite(self, invitation: Invitation) -> Visit | InputRequiredResult:
        """Ask the person to visit the page, and wait for what comes of it; some clients are told to ask again."""


@dataclass(frozen=True)
class SilentCaller(Caller):
    """A client that shows no link by itself: it repeats the call, which is then held for up to 20 s."""

    async def invite(self, invitation: Invitation) -> Visit:
        held = invitation.repeated and await invitation.ticket.settled(ROUND_SECONDS)
        return Visit.SETTLED if held else Visit.UNABLE


@dataclass(frozen=True)
class SessionCaller(Caller):
    """A client of 2025-11-25: asked over its session, kept waiting with progress, and told when the page is done."""

    session: ServerSession
    request_id: RequestId | None
    elicitation_id: str = field(default_factory=secrets.token_urlsafe)

    async def invite(self, invitation: Invitation) -> Visit:
        answers = await self._answers(invitation)
        if answers:
            return answers[0]
        if invitation.ticket.state == "done":
            await self.session.send_elicit_complete(self.elicitation_id, self.request_id)
        return Visit.SETTLED

    async def _answers(self, invitation: Invitation) -> list[Visit]:
        """Why there is nothing to wait for; nothing when the ticket is settled."""
        answers: list[Visit] = []
        async with anyio.create_task_group() as tasks:

            async def ask() -> None:
                answers.extend(await self._answer(invitation))
                if answers:
                    tasks.cancel_scope.cancel()

            tasks.start_soon(ask)
            await self._keep_waiting(invitation.ticket)
            tasks.cancel_scope.cancel()
        await checkpoint()
        return answers

    async def _keep_waiting(self, ticket: Ticket) -> None:
        """Until the ticket is settled, with a sign of life for the client now and then."""
        beats = 0
        while not await ticket.settled(HEARTBEAT_SECONDS):
            beats += 1
            await self.session.report_progress(beats, message="Waiting for the person to send the page.")

    async def _answer(self, invitation: Invitation) -> list[Visit]:
        """Why there is nothing to wait for, by the client's answer; nothing when the person is shown the link."""
        try:
            answer = await self.session.elicit_url(
                invitation.message, invitation.ticket.url, self.elicitation_id, self.request_id
            )
        except (MCPError, ValidationError):
            return [Visit.UNABLE]
        return [] if answer.action == "accept" else [Visit.DECLINED]


@dataclass(frozen=True)
class RoundCaller(Caller):
    """A client of 2026-07-28, which repeats the call in rounds: the first shows the link, the others only wait."""

    params: CallToolRequestParams

    @property
    def ticket_number(self) -> str | None:
        return self._state[0]

    @property
    def _state(self) -> tuple[str | None, int]:
        """Ticket and round of the sealed state; the middleware lets in only what this server sealed for this call."""
        if self.params.request_state is None:
            return None, 0
        state: Mapping[str, Any] = json.loads(self.params.request_state)
        return state["ticket"], state["round"]

    async def invite(self, invitation: Invitation) -> Visit | InputRequiredResult:
        known, rounds = self._state
        state = json.dumps({"ticket": invitation.ticket.number, "round": rounds + 1})
        if known is None:
            link = ElicitRequestURLParams(message=invitation.message, url=invitation.ticket.url)
            return InputRequiredResult(input_requests={_PAGE: ElicitRequest(params=link)}, request_state=state)
        answer = (self.params.input_responses or {}).get(_PAGE)
        if isinstance(answer, ElicitResult) and answer.action != "accept":
            return Visit.DECLINED
        if await invitation.ticket.settled(ROUND_SECONDS):
            return Visit.SETTLED
        return Visit.WAITING if rounds >= MAX_ROUNDS else InputRequiredResult(request_state=state)


def caller_of(context: ServerRequestContext[Any, Any], params: CallToolRequestParams) -> Caller:
    """The client of a call, by the protocol version and the capabilities that it declared."""
    principal = authenticated_principal(context)
    capabilities = context.session.client_capabilities
    declared = capabilities.elicitation if capabilities else None
    form = form_of(context, params, declared)
    shows_links = declared is not None and declared.url is not None
    if shows_links and context.protocol_version in MODERN_PROTOCOL_VERSIONS:
        return RoundCaller(principal, params, form=form)
    if shows_links and context.protocol_version == LATEST_HANDSHAKE_VERSION:
        return SessionCaller(principal, context.session, context.request_id, form=form)
    return SilentCaller(principal, form=form)
