"""What changed of an account's connectors, told to those who listen on that account, whoever they are.

An account is what calls act on: each API key's own, or the server's, which all other callers share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mcp.server.subscriptions import ListenHandler, ResourcesListChanged, ResourceUpdated, ServerEvent

from mcp_server.errors import may_have_happened
from mcp_server.operation import AnswerT, AnyOperation, Ask, Operation, RequestT
from mcp_server.operations import DeleteConnector, NewConnector, UpdateConnector
from mcp_server.resources import Connector

LIST_URI = "connectors://list"
ONE_URI = "connectors://{connector_id}"
MAX_STREAMS = 1_000
"""Listening streams of an account at a time; so many, because callers may share the server's."""

MAX_STREAMS_A_CALLER = 100

OWN_ACCOUNT = ""
THEIR_LIST = "resources/list"


class Audience:
    """Who listens on one account: a bus of the SDK's. `streams` are those of 2026-07-28."""

    def __init__(self) -> None:
        self.streams = ListenHandler(self, max_subscriptions=MAX_STREAMS)
        self.present = 0
        self.places: Counter[str] = Counter()
        """Streams of each caller."""
        self.promised: Counter[tuple[str, str]] = Counter()
        """Streams of each caller that hear of a resource, by its URI, or of their list, by THEIR_LIST."""
        self._listeners: dict[object, Callable[[ServerEvent], None]] = {}

    def subscribe(self, listener: Callable[[ServerEvent], None]) -> Callable[[], None]:
        """Call the listener, which must not raise, with each event from now on; returns what ends that."""
        token = object()
        self._listeners[token] = listener

        def leave() -> None:
            self._listeners.pop(token, None)

        return leave

    @contextmanager
    def place_of(self, caller: str, wanted: Iterable[str]) -> Generator[bool]:
        """A place for one more stream of the caller, which hears of these, if it is not one too many."""
        promised = Counter((caller, what) for what in wanted)
        self.places[caller] += 1
        self.promised += promised
        try:
            yield self.places[caller] <= MAX_STREAMS_A_CALLER
        finally:
            self.promised -= promised
            self.places[caller] -= 1
            self.places += Counter()  # drops who has none any more

    async def publish(self, event: ServerEvent) -> None:
        """Tell all of it, without a moment at which a call could be cancelled between its change and this."""
        for listener in [*self._listeners.values()]:
            listener(event)


class Changes:
    """The audiences of one server; an account on which nobody listens has none."""

    def __init__(self) -> None:
        self.is_over = False
        self.audiences: dict[str, Audience] = {}

    @contextmanager
    def heard(self, account: str) -> Generator[Audience]:
        """The audience of an account, for as long as somebody is part of it."""
        audience = self.audiences.setdefault(account, Audience())
        audience.present += 1
        try:
            yield audience
        finally:
            audience.present -= 1
            if not audience.present:
                del self.audiences[account]

    def are_promised(self, account: str, caller: str, what: str) -> bool:
        """Whether a stream of the caller hears of a resource, or of their list."""
        audience = self.audiences.get(account)
        return audience is not None and (caller, what) in audience.promised

    def told_by(self, ask: Ask, account: str = OWN_ACCOUNT) -> Ask:
        """The same, and whatever it changes is told to the account's audience."""
        return _Told(ask, self, account)

    async def tell(self, account: str, events: Iterator[ServerEvent]) -> None:
        """Returns at once: who is slow to read hears it later."""
        audience = self.audiences.get(account)
        if audience is not None:
            for event in events:
                await audience.publish(event)

    def end(self) -> None:
        """Streams end in good order, with all that they have to tell; there will be no new ones."""
        self.is_over = True
        for audience in self.audiences.values():
            audience.streams.close()


@dataclass(frozen=True)
class _Told:
    """An Ask whose changes are told."""

    ask: Ask
    changes: Changes
    account: str

    async def __call__(self, operation: Operation[RequestT, AnswerT], request: RequestT) -> AnswerT:
        try:
            answer = await self.ask(operation, request)
        except BaseException as error:
            if may_have_happened(error):
                await self._tell(operation, request)
            raise
        await self._tell(operation, request, answer)
        return answer

    async def _tell(self, operation: AnyOperation, request: object, answer: object = None) -> None:
        if not operation.effect.read_only:
            await self.changes.tell(self.account, _events(request, answer))


def _events(request: object, answer: object) -> Iterator[ServerEvent]:
    """What an operation has changed, or may have, when there is no answer; a test leaves what it found.

    Of a connector that may have been created, the id is not known.
    """
    connector_id = getattr(answer if isinstance(answer, Connector) else request, "connector_id", None)
    yield ResourceUpdated(LIST_URI)
    if connector_id is not None:
        yield ResourceUpdated(ONE_URI.format(connector_id=connector_id))
    is_renamed = isinstance(request, UpdateConnector) and request.name is not None
    if is_renamed or isinstance(request, NewConnector | DeleteConnector):
        yield ResourcesListChanged()
