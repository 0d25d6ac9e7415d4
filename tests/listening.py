"""Clients that listen for changes of resources, in the way of their era. No test lives here."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
from anyio.lowlevel import checkpoint
from mcp import Client
from mcp.client.session import IncomingMessage
from mcp.client.subscriptions import ResourceUpdated, Subscription
from mcp_types import (
    EmptyResult,
    ResourceListChangedNotification,
    ResourceUpdatedNotification,
    SubscribeRequest,
    SubscribeRequestParams,
    UnsubscribeRequest,
    UnsubscribeRequestParams,
)

from tests.embedded.bodies import s3_body
from tests.sessions import Session

LISTS = "the list of resources"
BOUND_SECONDS = 30


@dataclass
class Ear:
    """What a client heard, in order: URIs of resources that changed, and LISTS. Its `hear` is a message handler.

    A client of 2026-07-28 passes what comes on a stream to its handler too; then the stream counts.
    """

    heard: list[str] = field(default_factory=list[str])
    has_stream: bool = False
    _more: anyio.Event = field(default_factory=anyio.Event)

    async def hear(self, message: IncomingMessage) -> None:
        """What a session of the older protocols is told."""
        if isinstance(message, ResourceUpdatedNotification) and not self.has_stream:
            self._note(message.params.uri)
        elif isinstance(message, ResourceListChangedNotification) and not self.has_stream:
            self._note(LISTS)
        await checkpoint()

    async def follow(self, stream: Subscription) -> None:
        """What a stream of 2026-07-28 is told."""
        async for event in stream:
            self._note(event.uri if isinstance(event, ResourceUpdated) else LISTS)

    def _note(self, what: str) -> None:
        self.heard.append(what)
        self._more.set()
        self._more = anyio.Event()

    async def until(self, *wanted: str) -> list[str]:
        """All that was heard since the last time, as soon as all that is wanted is among it."""
        with anyio.fail_after(BOUND_SECONDS):
            while not set(wanted) <= set(self.heard):
                await self._more.wait()
        heard, self.heard = self.heard, []
        return heard


@asynccontextmanager
async def listening(client: Client, ear: Ear, mode: str, *uris: str) -> AsyncGenerator[None]:
    """A client that hears of lists and of these resources; of an older session the ear is the message handler."""
    if mode != "2026-07-28":
        await client.list_resources()
        for uri in uris:
            await subscribe(client, uri)
        yield
        return
    ear.has_stream = True
    async with (
        client.listen(resources_list_changed=True, resource_subscriptions=uris) as stream,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(ear.follow, stream)
        yield
        tasks.cancel_scope.cancel()
    await checkpoint()


async def subscribe(client: Client, uri: str) -> None:
    """As a client of the older protocols does."""
    request = SubscribeRequest(params=SubscribeRequestParams(uri=uri))
    await client.session.send_request(request, EmptyResult)


async def unsubscribe(client: Client, uri: str) -> None:
    """As a client of the older protocols does."""
    request = UnsubscribeRequest(params=UnsubscribeRequestParams(uri=uri))
    await client.session.send_request(request, EmptyResult)


async def created(session: Session, name: str, **changes: Any) -> str:
    """The id of a new connector."""
    connector_id: str = (await session.call("create_s3_connector", **s3_body(name=name, **changes)))["connector_id"]
    return connector_id


async def deleted(session: Session, connector_id: str, name: str) -> None:
    """Delete a connector, confirmed by its name where that is asked for."""
    takes_name = "confirm_name" in session.tools["delete_connector"]["inputSchema"]["properties"]
    confirmed = {"confirm_name": name} if takes_name else {}
    await session.call("delete_connector", connector_id=connector_id, **confirmed)
