"""One message to the API and its reply: so many at a time, bounded in time, and repeated where that does no harm.

Whose key travels is said with each message; no key is kept here.
"""

from __future__ import annotations

import math
import random
import ssl
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

import anyio
import httpx

from mcp_server import __version__
from mcp_server.connections import Connections
from mcp_server.errors import ApiUnreachable
from mcp_server.replies import ACCEPTED_ENCODING, Reply, read_reply
from mcp_server.settings import environment_name
from mcp_server.wire import IDEMPOTENCY_HEADER, Message

MAX_PAUSE_SECONDS = 30.0
PROBE_SECONDS = 5.0
KNOWN_SECONDS = 1.0
STREAMED_TIMEOUTS = 5
REPEATED_STATUS = frozenset({429, 500, 502, 503, 504})
_FIRST_BACKOFF, _MAX_BACKOFF = 0.5, 8.0
_CONNECTION_ERRORS = (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ConnectTimeout)
_NO_CONNECTION = (httpx.ConnectError, httpx.ProxyError, httpx.UnsupportedProtocol, UnicodeError)
"""The last: a host name that cannot be one, such as with a part of more than 63 characters."""

_HEADERS = (
    (b"Accept", b"application/json"),
    (b"Accept-Encoding", ACCEPTED_ENCODING.encode()),
    (b"User-Agent", f"videovector-connectors/{__version__}".encode()),
)
Seen = Callable[[int], object]
MoreTime = Callable[[], None]
"""Called by who reads a long answer each time that something of it came."""
Read = Callable[[httpx.Response, MoreTime], Awaitable[Reply]]


def _pause(repeat: int, reply: Reply | None) -> float:
    """What the API asked for, at most 30 s; else exponential with full jitter, at most 8 s."""
    wanted = reply.wanted_pause if reply is not None and reply.retry_after else None
    if wanted is not None:
        return min(wanted, MAX_PAUSE_SECONDS)
    return random.uniform(0, min(_MAX_BACKOFF, _FIRST_BACKOFF * 2**repeat))  # noqa: S311 - nobody gains by guessing it


def _is_untrusted(error: BaseException) -> bool:
    return any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@lru_cache(maxsize=256)
def _url(text: str) -> httpx.URL:
    return httpx.URL(text)


def _octets(headers: Mapping[str, str]) -> Iterator[tuple[bytes, bytes]]:
    """What httpx makes of headers that are text, in less time."""
    return ((name.encode(), value.encode("ascii")) for name, value in headers.items())


def _request_to(base_url: str, message: Message, key: str) -> httpx.Request:
    where = _url(base_url + message.path)
    return httpx.Request(
        message.method,
        httpx.URL(where, params=message.query) if message.query else where,
        headers=[*_HEADERS, *_octets(message.headers), *_octets({"X-API-Key": key} if key else {})],
        json=message.json,
        data=message.form,
        files=message.files,
    )


def _ignore(_: int) -> None:
    """Nobody counts."""


@dataclass(frozen=True)
class Bounds:
    """`timeout` is seconds for one attempt in all; it waits for its turn for half of them at most.

    An answer that is read as a stream may take as long from one part to the next, and five times as long in all.
    """

    timeout: float
    max_retries: int
    max_concurrent: int


async def _whole(response: httpx.Response, _: MoreTime) -> Reply:
    return await read_reply(response)


class Exchange:
    """All that a client and its views send. `seen` is told each attempt's HTTP status, 0 when no whole answer came."""

    def __init__(self, base_url: str, bounds: Bounds, connections: Connections, seen: Seen | None = None) -> None:
        where = httpx.URL(base_url)
        self._origin = f"{where.scheme}://{where.netloc.decode()}"
        self._base_url = base_url.rstrip("/")
        self._bounds = bounds
        self._turns = anyio.CapacityLimiter(bounds.max_concurrent)
        self._connections = connections
        self._seen = seen or _ignore
        self._probing = anyio.Lock()
        self._known_until = -math.inf
        self._responded = False

    async def aclose(self) -> None:
        """Close all connections."""
        await self._connections.aclose()

    async def reply(self, message: Message, key: str, *, once: bool = False, read: Read = _whole) -> Reply:
        """The API's reply to what is sent with this key, or without one, and never repeated when it is sent `once`.

        Raises ApiUnreachable or ApiMisbehaved, and what `read` raises.
        """
        is_repeatable = not once and (message.method == "GET" or IDEMPOTENCY_HEADER in message.headers)
        try:
            for repeat in range(self._bounds.max_retries if is_repeatable else 0):
                reply = await self._attempt_that_may_break(message, key, read)
                if reply is not None and reply.status not in REPEATED_STATUS:
                    return reply
                await anyio.sleep(_pause(repeat, reply))
            return await self._attempt(message, key, read)
        except (httpx.TimeoutException, TimeoutError):
            raise self._unreachable("did not answer in time", message, "timeout") from None
        except (httpx.HTTPError, UnicodeError) as error:
            raise self._failure(error, message) from None

    async def responds(self, message: Message, key: str) -> bool:
        """Whether an answer that is no server error begins within 5 seconds; known for a second, whoever asks.

        It waits for no turn, and is not seen.
        """
        async with self._probing:
            if anyio.current_time() >= self._known_until:
                self._responded = await self._probe(message, key)
                self._known_until = anyio.current_time() + KNOWN_SECONDS
            return self._responded

    async def _probe(self, message: Message, key: str) -> bool:
        with suppress(httpx.HTTPError, UnicodeError), anyio.move_on_after(min(self._bounds.timeout, PROBE_SECONDS)):
            async with self._connections.response(_request_to(self._base_url, message, key)) as response:
                return response.status_code < 500
        return False

    async def _attempt_that_may_break(self, message: Message, key: str, read: Read) -> Reply | None:
        """None when its connection broke, or was not made: another attempt may have more luck."""
        try:
            return await self._attempt(message, key, read)
        except _CONNECTION_ERRORS as error:
            if not _is_untrusted(error):
                return None
            raise

    async def _attempt(self, message: Message, key: str, read: Read) -> Reply:
        timeout, began = self._bounds.timeout, anyio.current_time()
        await self._take_turn(message)
        try:
            with anyio.fail_after(began + timeout - anyio.current_time()) as scope:

                def more_time() -> None:
                    scope.deadline = min(anyio.current_time() + timeout, began + STREAMED_TIMEOUTS * timeout)

                async with self._connections.response(_request_to(self._base_url, message, key)) as response:
                    reply = await read(response, more_time)
        except Exception:
            self._seen(0)
            raise
        finally:
            self._turns.release()
        self._seen(reply.status)
        return reply

    async def _take_turn(self, message: Message) -> None:
        try:
            self._turns.acquire_nowait()
        except anyio.WouldBlock:
            await self._wait_for_turn(message)

    async def _wait_for_turn(self, message: Message) -> None:
        try:
            with anyio.fail_after(self._bounds.timeout / 2):
                await self._turns.acquire()
        except TimeoutError:
            raise _busy(message) from None

    def _failure(self, error: Exception, message: Message) -> ApiUnreachable:
        if _is_untrusted(error):
            what = "has no certificate for this name that is trusted here, so that nothing was sent"
            hint = f"Check VIDEOVECTOR_BASE_URL, or name the certificate authority in {environment_name('ca_file')}."
            return ApiUnreachable(f"The Connectors API at {self._origin} {what}.", hint=hint, code="untrusted")
        what = "could not be reached" if isinstance(error, _NO_CONNECTION) else "did not send a whole answer"
        return self._unreachable(what, message, "unreachable")

    def _unreachable(self, what: str, message: Message, code: str) -> ApiUnreachable:
        hint = f"Check the network and VIDEOVECTOR_BASE_URL, then call again{_once(message)}"
        if message.method in ("PATCH", "DELETE"):
            hint += "; it may have taken effect already, so look with get_connector first"
        return ApiUnreachable(
            f"The Connectors API at {self._origin} {what}.", hint=f"{hint}.", code=code, retryable=True
        )


def _once(message: Message) -> str:
    key = message.headers.get(IDEMPOTENCY_HEADER)
    return f", with idempotency_key {key} so that it happens once" if key else ""


def _busy(message: Message) -> ApiUnreachable:
    return ApiUnreachable(
        "Too many calls to the Connectors API are under way, so that this one found no turn.",
        hint=f"Call again in a few seconds{_once(message)}.",
        code="busy",
        retryable=True,
    )
