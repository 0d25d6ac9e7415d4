"""A server in this process whose connector is to be deleted, and clients that answer its form. No test is here."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from mcp import Client
from mcp.client import ClientRequestContext
from mcp_types import CallToolResult, ElicitRequestFormParams, ElicitRequestParams, ElicitResult, ErrorData

from mcp_server.transports import build_server
from tests.answering import Answering
from tests.materials import CONNECTOR, Json
from tests.tool_calls import backed

TOOL = "delete_connector"
ONE: Json = {"connector_id": CONNECTOR["connector_id"]}
LIVE: Json = {**CONNECTOR, "bucket": "media-archive", "region": "us-east-1", "scopes": ["import", "export"]}
YES = ElicitResult(action="accept", content={"confirm": True})
Reaction = Callable[[], Awaitable["ElicitResult | ErrorData"]]


@dataclass
class Counter:
    """Where deletions are asked for: its API, what the server keeps secret, and the forms that were shown."""

    api: Answering = field(default_factory=lambda: Answering(get_connector=LIVE))
    own: tuple[str, ...] = ()
    shown: list[ElicitRequestFormParams] = field(default_factory=list[ElicitRequestFormParams])

    def __post_init__(self) -> None:
        backing = backed(self.api, *self.own)
        self.server = build_server(lambda: backing)

    @asynccontextmanager
    async def client(self, era: str, reaction: Reaction) -> AsyncGenerator[Client]:
        """A client that shows forms."""

        async def elicited(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult | ErrorData:
            assert isinstance(params, ElicitRequestFormParams)
            self.shown.append(params)
            return await reaction()

        async with Client(self.server, mode=era, elicitation_callback=elicited) as client:
            yield client

    async def asked(self, era: str, answer: ElicitResult | ErrorData, **changes: Any) -> CallToolResult:
        """What a call comes to whose form is answered so."""

        async def answering() -> ElicitResult | ErrorData:
            return answer

        async with self.client(era, answering) as client:
            return await client.call_tool(TOOL, {**ONE, **changes})

    async def unasked(self, era: str, **changes: Any) -> CallToolResult:
        """What a call of a client comes to that shows no forms."""
        async with Client(self.server, mode=era) as client:
            return await client.call_tool(TOOL, {**ONE, **changes})

    @property
    def deletions(self) -> int:
        """How often the API was told to delete."""
        return self.api.order.count(TOOL)
