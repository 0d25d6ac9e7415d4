"""The Python client: `ask(operation, request) -> answer` for one API key, and `client.connectors` on it.

No MCP here, and no knowledge of who answers: a transport decides whether that is the network or the embedded API.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import cast

import httpx

from mcp_server import wire
from mcp_server.connections import Connections
from mcp_server.connectors import Connectors
from mcp_server.error_envelope import HINTS
from mcp_server.errors import ApiRefused, ConfigurationError
from mcp_server.exchange import Bounds, Exchange, Seen
from mcp_server.file_operations import BROWSE_CONNECTOR_FILES, BrowseConnectorFiles
from mcp_server.listings import Listings
from mcp_server.operation import LOCAL_READ, AnswerT, Operation, Request, RequestT
from mcp_server.redaction import Scrubber, Secret, guarding, reveal_text, secrets_of
from mcp_server.replies import Reply
from mcp_server.resources import FilePage
from mcp_server.settings import DEFAULT_BASE_URL

VALIDATE_API_KEY: Operation[Request, object] = Operation(
    name="validate_api_key",
    title="Validate API key",
    description="Ask whether the API key is good, and for what.",
    method="GET",
    path="/auth/validate",
    request=Request,
    answer=object,
    scope="read",
    effect=LOCAL_READ,
)
"""No tool: an endpoint that says something of the key, and changes nothing."""


def _sendable(key: str) -> str:
    if re.fullmatch("[!-~]+", key) is None:
        raise ConfigurationError("The API key must be printable ASCII characters without blanks.")
    return key


class VideoVector:
    """A client of the Connectors API. Use it as `async with VideoVector(api_key=…) as client`.

    `timeout` is seconds for one attempt in all; a listing that comes as a stream may take as long from one part to the
    next, and five times as long in all. `max_retries` counts the repeats of calls that may be repeated: GET,
    and writes with an idempotency key, after 429, 500, 502, 503, 504 and connection errors. At most `max_concurrent`
    requests are under way at a time; another waits for at most half of its time. `seen` is told the HTTP status of each
    request's answer, 0 when none came whole. `probe` is the path that `reachable` asks for. All methods raise
    `ConnectorError`, whose text never holds a secret.
    """

    def __init__(  # noqa: PLR0913 - the settings of a connection
        self,
        *,
        api_key: str | Secret | None = None,
        base_url: str = DEFAULT_BASE_URL,
        timeout: float = 60.0,
        max_retries: int = 3,
        max_concurrent: int = 100,
        verify: ssl.SSLContext | bool = True,
        transport: httpx.AsyncBaseTransport | None = None,
        seen: Seen | None = None,
        probe: str = VALIDATE_API_KEY.path,
    ) -> None:
        key = reveal_text(api_key) if isinstance(api_key, Secret) else api_key
        self._key = _sendable(key) if key else ""
        self._probe = probe
        self._exchange = Exchange(
            base_url,
            Bounds(timeout, max_retries, max_concurrent),
            Connections(base_url, timeout=timeout, verify=verify, transport=transport),
            seen,
        )
        self._listings = Listings(self._exchange)
        self.connectors = Connectors(self.ask)

    async def __aenter__(self) -> VideoVector:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._exchange.aclose()

    def acting_for(self, api_key: Secret) -> VideoVector:
        """The same client for whoever has this key: it sends nothing of its own key, and closing it closes nothing.

        Raises ConfigurationError for a text that can be no key.
        """
        return _View(self._exchange, self._listings, _sendable(reveal_text(api_key)), self._probe)

    async def ask(self, operation: Operation[RequestT, AnswerT], request: RequestT) -> AnswerT:
        """Send one request and decode its answer; a page of files may come from a listing of the last minute.

        Raises ApiUnreachable, ApiRefused, ApiMisbehaved, or InvalidArguments for a cursor that leads nowhere.
        """
        request = wire.keyed(operation, request)
        with guarding({**secrets_of(request), **self._own_secrets}) as scrubber:
            if operation.is_paged:
                return cast("AnswerT", await self._page(cast("BrowseConnectorFiles", request), scrubber))
            message = wire.encode_request(operation, request)
            try:
                return _decoded(operation, await self._exchange.reply(message, self._key), scrubber)
            finally:
                self._listings.heed(operation, request)

    async def _page(self, request: BrowseConnectorFiles, scrubber: Scrubber) -> FilePage:
        decoded = partial(_decoded, BROWSE_CONNECTOR_FILES, scrubber=scrubber)
        return await self._listings.page(request, self._key, decoded)

    async def key_scopes(self) -> frozenset[str] | None:
        """What the API says that this client's key may do, None when it says nothing of that. It is asked once.

        Raises ApiRefused (401) for a key that is not good, ApiUnreachable or ApiMisbehaved when that is not known.
        """
        message = wire.encode_request(VALIDATE_API_KEY, Request())
        with guarding(self._own_secrets) as scrubber:
            reply = await self._exchange.reply(message, self._key, once=True)
            said = replace(reply, body=reply.body or b"null")
            return _scopes(_decoded(VALIDATE_API_KEY, said, scrubber))

    async def reachable(self) -> bool:
        """Whether the API answers at all, even with a refusal: known within 5 seconds, and at most a second old."""
        return await self._exchange.responds(wire.Message("GET", self._probe), self._key)

    @property
    def _own_secrets(self) -> dict[str, str]:
        return {self._key: "api_key"} if self._key else {}


class _View(VideoVector):
    """Acts with another key over the connections of a client, which closes them."""

    def __init__(self, exchange: Exchange, listings: Listings, key: str, probe: str) -> None:
        self._exchange = exchange
        self._listings = listings
        self._key = key
        self._probe = probe
        self.connectors = Connectors(self.ask)

    async def aclose(self) -> None:
        """Nothing is its own."""


def _decoded(operation: Operation[RequestT, AnswerT], reply: Reply, scrubber: Scrubber) -> AnswerT:
    return wire.decode_answer(operation, reply.status, reply.body, reply.headers, _scrub(scrubber))


def _scrub(scrubber: Scrubber) -> Callable[[object], object]:
    def scrub(value: object) -> object:
        try:
            return scrubber.value(value)
        except RecursionError:  # what is nested just less deeply than a parser bears is written nowhere
            return None

    return scrub


def _scopes(answer: object) -> frozenset[str] | None:
    said = cast("Mapping[str, object]", answer if isinstance(answer, dict) else {})
    if said.get("valid", True) is not True:
        raise ApiRefused(401, "invalid_api_key", "The API key is not valid.", hint=HINTS[401])
    listed = said.get("scopes")
    scopes = cast("list[object]", listed) if isinstance(listed, list) else [None]
    names = [scope for scope in scopes if isinstance(scope, str)]
    return frozenset(names) if len(names) == len(scopes) else None
