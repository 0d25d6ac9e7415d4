"""A server in this process with a desk for pages, and clients that react to a link as wanted. No test is here."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from mcp import Client
from mcp.client import ClientRequestContext
from mcp.client.session import IncomingMessage
from mcp.server.lowlevel import Server
from mcp_types import (
    CallToolResult,
    ElicitCompleteNotification,
    ElicitRequestParams,
    ElicitRequestURLParams,
    ElicitResult,
    ErrorData,
)

from mcp_server.credentials.listener import open_desk
from mcp_server.credentials.tickets import Desk
from mcp_server.reception import Reception
from mcp_server.transports import build_server
from tests.answering import TYPED, Answering, without_secrets
from tests.credentials.errands import Clock
from tests.tool_calls import backed
from tests.visiting import visiting

TOOL = "create_s3_connector"
KNOWN = without_secrets(TOOL)
ACCEPTED = ElicitResult(action="accept")
Reaction = Callable[[str], Awaitable["ElicitResult | ErrorData"]]


@dataclass
class Office:
    """A server in this process, its desk, its time, and what its client was shown."""

    server: Server[Any]
    desk: Desk
    clock: Clock
    api: Answering
    shown: list[ElicitRequestURLParams] = field(default_factory=list[ElicitRequestURLParams])
    completed: list[str] = field(default_factory=list[str])
    progress: list[float] = field(default_factory=list[float])

    @asynccontextmanager
    async def client(self, era: str, reaction: Reaction) -> AsyncGenerator[Client]:
        """A client that reacts to a link as a test wants."""

        async def elicited(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult | ErrorData:
            assert isinstance(params, ElicitRequestURLParams)
            self.shown.append(params)
            return await reaction(params.url)

        async def notified(message: IncomingMessage) -> None:
            if isinstance(message, ElicitCompleteNotification):
                self.completed.append(message.params.elicitation_id)

        async with Client(self.server, mode=era, elicitation_callback=elicited, message_handler=notified) as client:
            yield client

    async def result(self, era: str, reaction: Reaction, **changes: Any) -> CallToolResult:
        """What one call without credentials comes to."""
        async with self.client(era, reaction) as client:
            return await client.call_tool(TOOL, {**KNOWN, **changes})


@asynccontextmanager
async def opened_office() -> AsyncGenerator[Office]:
    """An office while it is open."""
    clock, api = Clock(), Answering()
    async with open_desk(clock) as desk:
        backing = backed(api, reception=Reception(desk))
        yield Office(build_server(lambda: backing), desk, clock, api)


async def sent(url: str) -> None:
    """The person sends the page."""
    async with visiting(url) as visit:
        await visit.send(**TYPED["s3"])
        assert visit.status == 200, visit.text


async def sending(url: str) -> ElicitResult:
    """A client whose person sends the page at once."""
    await sent(url)
    return ACCEPTED


async def accepting(_: str) -> ElicitResult:
    """A client that shows the link, and nobody sends the page."""
    return ACCEPTED
