"""What changed of an account's connectors, told to those who listen on that account, whoever they are.

An account is what calls act on: each API key's own, or the server's, which all other callers share.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    ResourcesListChanged,
    ResourceUpdated,
    ServerEvent,
)

from mcp_server.operation import AnswerT, Ask, Operation, RequestT
from mcp_server.operations import DeleteConnector, NewConnector, TestConnector, UpdateConnector
from mcp_server.resources import Connector

LIST_URI = "connectors://list"
ONE_URI = "connectors://{connector_id}"
MAX_STREAMS = 100
"""Listening streams of an account at a time."""

OWN_ACCOUNT = ""


class Audience:
    """Who listens on one account: `bus` carries what happens there, `streams` are those of 2026-07-28."""

    def __init__(self) -> None:
        self.bus = InMemorySubscriptionBus()
        self.streams = ListenHandler(self.bus, max_subscriptions=MAX_STREAMS)
        self.present = 0


class Changes:
    """The audiences of one server; an account on which nobody listens has none."""

    def __init__(self) -> None:
        self.is_over = False
        self._audiences: dict[str, Audience] = {}

    @contextmanager
    def heard(self, account: str) -> Generator[Audience]:
        """The audience of an account, for as long as somebody is part of it."""
        audience = self._audiences.setdefault(account, Audience())
        audience.present += 1
        try:
            yield audience
        finally:
            audience.present -= 1
            if not audience.present:
                del self._audiences[account]

    def told_by(self, ask: Ask, account: str = OWN_ACCOUNT) -> Ask:
        """The same, and whatever it changes is told to the account's audience."""
        return _Told(ask, self, account)

    async def tell(self, account: str, events: Iterator[ServerEvent]) -> None:
        """Returns at once: who is slow to listen hears it later."""
        audience = self._audiences.get(account)
        if audience is not None:
            for event in events:
                await audience.bus.publish(event)

    def end(self) -> None:
        """Streams end in good order, with all that they have to tell; there will be no new ones."""
        self.is_over = True
        for audience in self._audiences.values():
            audience.streams.close()


@dataclass(frozen=True)
class _Told:
    """An Ask whose changes are told."""

    ask: Ask
    changes: Changes
    account: str

    async def __call__(self, operation: Operation[RequestT, AnswerT], request: RequestT) -> AnswerT:
        answer = await self.ask(operation, request)
        if not operation.effect.read_only:
            await self.changes.tell(self.account, _events(request, answer))
        return answer


def _events(request: object, answer: object) -> Iterator[ServerEvent]:
    """What an operation that succeeded has changed; a test leaves what it found."""
    yield ResourceUpdated(LIST_URI)
    if isinstance(answer, Connector):
        yield ResourceUpdated(ONE_URI.format(connector_id=answer.connector_id))
    elif isinstance(request, TestConnector | DeleteConnector):
        yield ResourceUpdated(ONE_URI.format(connector_id=request.connector_id))
    is_renamed = isinstance(request, UpdateConnector) and request.name is not None
    if is_renamed or isinstance(request, NewConnector | DeleteConnector):
        yield ResourcesListChanged()
