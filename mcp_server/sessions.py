"""Sessions of 2025-11-25 and older that are told of changes: what each wants to hear, and what it was not told yet.

A session is known by the object that holds the parameters of its `initialize`: it has one as long as it lives.
"""

from __future__ import annotations

from contextlib import ExitStack

import anyio
from mcp.server.session import ServerSession
from mcp.server.subscriptions import ResourceUpdated, ServerEvent
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS

from mcp_server.changes import Audience, Changes

MAX_URIS = 1_000
"""Resources that one session or stream hears of."""


class Listener:
    """One session. What it was not told yet is kept once, however often it happens."""

    def __init__(self, session: ServerSession) -> None:
        self._session = session
        self._hears_of_lists = False
        self._uris: set[str] = set()
        self._pending: dict[ServerEvent, None] = {}
        self._woken = anyio.Event()
        self._presence = ExitStack()
        self._audience: Audience | None = None

    async def serve(self) -> None:
        """Tell it what it wants to hear, until the session ends, which cancels this."""
        with self._presence:
            while True:
                await self._woken.wait()
                self._woken = anyio.Event()
                await self._tell()

    async def _tell(self) -> None:
        while self._pending:
            event = next(iter(self._pending))
            del self._pending[event]
            if isinstance(event, ResourceUpdated):
                await self._session.send_resource_updated(event.uri)
            else:
                await self._session.send_resource_list_changed()

    def join(self, changes: Changes, account: str) -> None:
        """Be part of the account's audience from now on; a session has one account."""
        if self._audience is None:
            self._audience = self._presence.enter_context(changes.heard(account))
            self._presence.callback(self._audience.subscribe(self._hear))

    def hear_of_lists(self) -> None:
        """From now on, of connectors that come, go or get another name."""
        self._hears_of_lists = True

    def hear_of(self, uri: str) -> None:
        """From now on, of changes of this resource. Raises MCPError when there are too many."""
        if len(self._uris) >= MAX_URIS:
            raise MCPError(INVALID_PARAMS, f"A session may subscribe to {MAX_URIS} resources. Unsubscribe from some.")
        self._uris.add(uri)

    def hear_no_more_of(self, uri: str) -> None:
        """No effect for a resource that it did not hear of."""
        self._uris.discard(uri)

    def _hear(self, event: ServerEvent) -> None:
        if event.uri in self._uris if isinstance(event, ResourceUpdated) else self._hears_of_lists:
            self._pending[event] = None
            self._woken.set()


class Sessions:
    """The sessions of one server that may be told something."""

    def __init__(self) -> None:
        self._listeners: dict[int, Listener] = {}

    def listener(self, session: ServerSession) -> Listener | None:
        """The listener of a request's session; None when it has none, or has not said that it is initialized."""
        return self._listeners.get(id(session.client_params))

    async def serve(self, session: ServerSession) -> None:
        """Keep a listener for this session until it ends, which cancels this; at once for what is no session."""
        opened = session.client_params
        if opened is None or id(opened) in self._listeners:
            return
        listener = self._listeners[id(opened)] = Listener(session)
        try:
            await listener.serve()
        finally:
            del self._listeners[id(opened)]
