"""How the person behind a client is asked to agree to something: by a form, which never asks for anything but a yes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import Enum
from typing import Any

import anyio
from anyio.lowlevel import checkpoint
from mcp.server.context import ServerRequestContext
from mcp.server.session import ServerSession
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    CallToolRequestParams,
    ElicitationCapability,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    RequestId,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from mcp_server.fields import truth

FORM_SECONDS = 600.0
HEARTBEAT_SECONDS = 10.0
_FORM = "confirmation"
_YES = "confirm"
_NOT_ASKED = frozenset({METHOD_NOT_FOUND, INVALID_REQUEST, INVALID_PARAMS})
"""Errors of clients that show no such form, and of sessions that cannot reach theirs; after others it may be seen."""


class Consent(Enum):
    """What became of a question."""

    GIVEN = "the person agreed"
    REFUSED = "the person does not want to"
    OUTDATED = "the person agreed to something else"
    UNANSWERED = "the person may have been asked, and no answer came"
    UNABLE = "the client cannot ask the person"


@dataclass(frozen=True)
class Question:
    """What the person is asked to agree to, and the label of a yes; nothing in it is secret.

    An answer counts for the same `subject` only.
    """

    message: str
    yes: str
    subject: str

    @property
    def form(self) -> ElicitRequestFormParams:
        """A form of one box to tick."""
        box = {"type": "boolean", "title": self.yes}
        schema = {"type": "object", "properties": {_YES: box}, "required": [_YES]}
        return ElicitRequestFormParams(message=self.message, requested_schema=schema)

    @property
    def mark(self) -> str:
        """The subject in 64 characters."""
        return hashlib.sha256(self.subject.encode(errors="surrogatepass")).hexdigest()


class Form:
    """The forms of a client that shows none."""

    async def agreed(self, question: Question) -> Consent | InputRequiredResult:
        """Whether the person agrees; some clients are told to ask, and to call again."""
        return Consent.UNABLE


NO_FORM = Form()


def _consent(answer: ElicitResult) -> Consent:
    """What an answer to a form comes to: anything but a box that is ticked is a no."""
    is_yes = answer.action == "accept" and truth((answer.content or {}).get(_YES)) is True
    return Consent.GIVEN if is_yes else Consent.REFUSED


@dataclass(frozen=True)
class SessionForm(Form):
    """Asked over the session, for up to ten minutes, while the client is kept waiting with progress."""

    session: ServerSession
    request_id: RequestId | None

    async def agreed(self, question: Question) -> Consent:
        consent = Consent.UNANSWERED
        with anyio.move_on_after(FORM_SECONDS):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._keep_waiting)
                consent = await self._asked(question.form)
                tasks.cancel_scope.cancel()
        await checkpoint()
        return consent

    async def _asked(self, form: ElicitRequestFormParams) -> Consent:
        try:
            return _consent(await self.session.elicit_form(form.message, form.requested_schema, self.request_id))
        except (MCPError, ValidationError) as error:
            is_unable = isinstance(error, MCPError) and error.code in _NOT_ASKED
            return Consent.UNABLE if is_unable else Consent.UNANSWERED

    async def _keep_waiting(self) -> None:
        beats = 0
        while True:
            await anyio.sleep(HEARTBEAT_SECONDS)
            beats += 1
            await self.session.report_progress(beats, message="Waiting for the person to answer.")


@dataclass(frozen=True)
class RoundForm(Form):
    """Asked by the first round of a call; the second brings the answer, and sealed what it was to be an answer to."""

    params: CallToolRequestParams

    async def agreed(self, question: Question) -> Consent | InputRequiredResult:
        if self.params.request_state is None:
            state = json.dumps({"agreeing_to": question.mark})
            return InputRequiredResult(input_requests={_FORM: ElicitRequest(params=question.form)}, request_state=state)
        answer = (self.params.input_responses or {}).get(_FORM)
        consent = _consent(answer) if isinstance(answer, ElicitResult) else Consent.UNANSWERED
        if consent is Consent.GIVEN and json.loads(self.params.request_state)["agreeing_to"] != question.mark:
            return Consent.OUTDATED
        return consent


def form_of(
    context: ServerRequestContext[Any, Any], params: CallToolRequestParams, declared: ElicitationCapability | None
) -> Form:
    """The forms of a client. One that declares elicitation without a mode means forms: there was nothing else once."""
    if declared is None or (declared.form is None and declared.url is not None):
        return NO_FORM
    if context.protocol_version in MODERN_PROTOCOL_VERSIONS:
        return RoundForm(params)
    return SessionForm(context.session, context.request_id)
