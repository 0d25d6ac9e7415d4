"""What all storages send by: bounded in time and size, no redirects, proxies or cookies, nothing of the host's.

What a request asks and what an answer means is the adapters' business.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import anyio
import httpx
import tenacity

from mcp_server import __version__
from mcp_server.embedded.storage.faults import StorageFault, unexpected_answer
from mcp_server.embedded.storage.transports import Transports
from mcp_server.settings import Settings, environment_name
from mcp_server.tls import tls_context

KIB = 1024
LISTING_BYTES = 16 * KIB * KIB
TOKEN_BYTES = KIB * KIB
ERROR_BYTES = 64 * KIB

_HEADERS = {"User-Agent": f"videovector-connectors/{__version__}", "Accept": "*/*", "Accept-Encoding": "identity"}


@dataclass(frozen=True)
class Limits:
    """Seconds, and how often. `total` bounds a page or a check, `browse` all pages together.

    `cleanup` is a check's share for tidying up, `totals` what a full page may wait for the totals. A provider that
    takes longer than `latency` for a page of a listing is asked for several at once.
    """

    connect: float = 5
    read: float = 10
    total: float = 15
    cleanup: float = 3
    browse: float = 50
    totals: float = 8
    latency: float = 0.02
    retries: int = 2
    backoff: float = 0.2


@dataclass(frozen=True)
class Message:
    """A request. `origin` is scheme and host, `target` the exact path and query; httpx would tidy `a/../b`."""

    method: str
    origin: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    content: bytes = field(default=b"", repr=False)
    body_limit: int = ERROR_BYTES
    retried: bool = True

    @property
    def host(self) -> str:
        """The host as faults name it."""
        return urlsplit(self.origin).hostname or ""


@dataclass(frozen=True)
class Answer:
    """An answer; its body is cut at the message's limit."""

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def succeeded(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300


def split_endpoint(endpoint: str) -> tuple[str, str]:
    """The origin and the path, without its last slash, of an endpoint."""
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")


@contextmanager
def deadline(host: str, seconds: float) -> Generator[None]:
    """Whatever runs inside ends within the seconds, if need be with a StorageFault."""
    try:
        with anyio.fail_after(seconds):
            yield
    except TimeoutError:
        raise _timed_out(host) from None


def _timed_out(host: str) -> StorageFault:
    return StorageFault(
        "storage_timeout",
        f'"{host}" did not answer in time.',
        "Try again later, or check the endpoint.",
        retryable=True,
    )


def _unreachable(host: str, error: BaseException) -> StorageFault:
    why, hint = "no connection could be made", "Check the network and the endpoint."
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            why, hint = "its name does not resolve", "Check the storage account, region and endpoint."
        if isinstance(cause, ssl.SSLError):
            why = "no trusted TLS connection could be made"
            hint = f"Give the endpoint's certificate authority in {environment_name('ca_file')}."
        cause = cause.__cause__ or cause.__context__
    return StorageFault("storage_unreachable", f'"{host}" is not reachable: {why}.', hint, retryable=True)


def _temporary(answer: Answer) -> bool:
    return answer.status == 429 or answer.status >= 500


async def _bounded(response: httpx.Response, limit: int) -> bytes:
    """The raw body up to the limit. Raw: a compressed bomb stays as small as it came."""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) >= limit:
            break
    del body[limit:]
    return bytes(body)


class Exchange:
    """Sends messages. Connections are made when they are needed and live until `aclose`."""

    def __init__(self, settings: Settings, limits: Limits) -> None:
        self.limits = limits
        self._transports = Transports(lambda: tls_context(settings, trust_env=False))
        self._timeout = httpx.Timeout(limits.read, connect=limits.connect).as_dict()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transports.aclose()

    async def answer(self, message: Message) -> Answer:
        """The answer, whatever its status; a read that failed for a moment is tried again.

        Raises StorageFault when no answer comes. Bounded in time by the caller's `deadline`.
        """
        try:
            return await self._repeated(message)
        except httpx.ConnectTimeout as error:
            raise _unreachable(message.host, error) from None
        except httpx.TimeoutException:
            raise _timed_out(message.host) from None
        except httpx.RemoteProtocolError:
            raise unexpected_answer(message.host, "HTTP") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _unreachable(message.host, error) from None

    async def _repeated(self, message: Message) -> Answer:
        try:
            return await self._attempts(message)(self._send, message)
        except tenacity.RetryError as error:
            last: Answer = error.last_attempt.result()
            return last

    def _attempts(self, message: Message) -> tenacity.AsyncRetrying:
        return tenacity.AsyncRetrying(
            sleep=anyio.sleep,
            stop=tenacity.stop_after_attempt(1 + self.limits.retries * message.retried),
            wait=tenacity.wait_random_exponential(multiplier=self.limits.backoff, max=1),
            # Time-outs are not repeated: the caller would wait for nothing twice.
            retry=tenacity.retry_if_exception_type((httpx.NetworkError, httpx.RemoteProtocolError))
            | tenacity.retry_if_result(_temporary),
        )

    async def _send(self, message: Message) -> Answer:
        async with self._transports.response(message.origin, self._request(message)) as response:
            limit = message.body_limit if response.is_success else ERROR_BYTES
            return Answer(response.status_code, response.headers, await _bounded(response, limit))

    def _request(self, message: Message) -> httpx.Request:
        return httpx.Request(
            message.method,
            message.origin,
            headers={**_HEADERS, **message.headers},
            content=message.content or None,
            extensions={"target": message.target.encode("ascii"), "timeout": self._timeout},
        )
