"""The Python client: `ask(operation, request) -> answer` over one pooled HTTP client, and `client.connectors` on it.

No MCP here, and no knowledge of who answers: a transport decides whether that is the network or the embedded API.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx
import tenacity

from mcp_server import __version__, wire
from mcp_server.connectors import Connectors
from mcp_server.errors import ApiMisbehaved, ApiUnreachable, ConfigurationError
from mcp_server.operation import AnswerT, Operation, RequestT
from mcp_server.redaction import Secret, guarding, reveal_text, secrets_of
from mcp_server.settings import DEFAULT_BASE_URL, LOOPBACK_HOSTS

MAX_ANSWER_BYTES = 64 * 1024 * 1024
MAX_ERROR_BYTES = 64 * 1024
MAX_PAUSE_SECONDS = 30.0
REPEATED_STATUS = frozenset({429, 500, 502, 503, 504})
_BACKOFF = tenacity.wait_random_exponential(multiplier=0.5, max=8)


@dataclass(frozen=True)
class Reply:
    """An HTTP response, read to its end."""

    status: int
    body: bytes
    request_id: str
    retry_after: str


def _seconds(retry_after: str) -> float | None:
    """A Retry-After header (seconds, or an HTTP date) as seconds from now, None if it is neither."""
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        moment = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return max(0.0, (moment - datetime.now(timezone.utc)).total_seconds())


def _pause(state: tenacity.RetryCallState) -> float:
    """What the API asked for, at most 30 s; else exponential with full jitter, at most 8 s."""
    outcome = state.outcome
    reply = outcome.result() if outcome is not None and not outcome.failed else None
    asked = _seconds(reply.retry_after) if isinstance(reply, Reply) and reply.retry_after else None
    return _BACKOFF(state) if asked is None else min(asked, MAX_PAUSE_SECONDS)


def _last_outcome(state: tenacity.RetryCallState) -> Any:
    return state.outcome.result() if state.outcome is not None else None


def _worth_repeating(reply: Reply) -> bool:
    return reply.status in REPEATED_STATUS


_CONNECTION_ERRORS = (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ConnectTimeout)


class VideoVector:
    """A client of the Connectors API. Use it as `async with VideoVector(api_key=…) as client`.

    `timeout` is seconds for one attempt in all; `max_retries` counts the repeats of calls that may be repeated: GET,
    and writes with an idempotency key, after 429, 500, 502, 503, 504 and connection errors. All methods raise
    `ConnectorError`, whose text never holds a secret.
    """

    def __init__(  # noqa: PLR0913 - the settings of a connection
        self,
        *,
        api_key: str | Secret | None = None,
        base_url: str = DEFAULT_BASE_URL,
        timeout: float = 60.0,
        max_retries: int = 3,
        verify: ssl.SSLContext | bool = True,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        key = reveal_text(api_key) if isinstance(api_key, Secret) else api_key
        if key and not (key.isascii() and key.isprintable()):
            raise ConfigurationError("The API key must be printable ASCII characters.")
        self._own_secrets = {key: "api_key"} if key else {}
        self._timeout = timeout
        self._max_retries = max_retries
        headers = {"Accept": "application/json", "User-Agent": f"videovector-connectors/{__version__}"}
        headers |= {"X-API-Key": key} if key else {}
        self._http = httpx.AsyncClient(
            base_url=base_url,
            headers=headers,
            timeout=timeout,
            verify=verify,
            transport=transport,
            # A proxy of the environment is for other hosts: it must not get what is for this machine.
            trust_env=urlsplit(base_url).hostname not in LOOPBACK_HOSTS,
        )
        self.connectors = Connectors(self.ask)

    async def __aenter__(self) -> VideoVector:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the pooled connections."""
        await self._http.aclose()

    async def ask(self, operation: Operation[RequestT, AnswerT], request: RequestT) -> AnswerT:
        """Send one request and decode its answer.

        Raises ApiUnreachable, ApiRefused or ApiMisbehaved.
        """
        request = wire.keyed(operation, request)
        message = wire.encode_request(operation, request)
        with guarding({**secrets_of(request), **self._own_secrets}) as scrubber:
            reply = await self._exchange(operation, message)
            body = reply.body[:MAX_ERROR_BYTES] if reply.status >= 400 else reply.body
            return wire.decode_answer(operation, reply.status, body, reply.request_id, scrubber.value)

    async def _exchange(self, operation: Operation[Any, Any], message: wire.Message) -> Reply:
        repeatable = operation.method == "GET" or wire.IDEMPOTENCY_HEADER in message.headers
        repeat = tenacity.AsyncRetrying(
            sleep=anyio.sleep,
            stop=tenacity.stop_after_attempt(1 + self._max_retries if repeatable else 1),
            wait=_pause,
            retry=tenacity.retry_if_result(_worth_repeating) | tenacity.retry_if_exception_type(_CONNECTION_ERRORS),
            retry_error_callback=_last_outcome,
        )
        try:
            reply: Reply = await repeat(self._send, message)
        except (httpx.TimeoutException, TimeoutError):
            raise self._unreachable("did not answer in time", message, "timeout") from None
        except httpx.DecodingError:
            raise ApiMisbehaved("The Connectors API's answer cannot be unpacked.", code="unexpected_answer") from None
        except httpx.HTTPError:
            raise self._unreachable("could not be reached", message, "unreachable") from None
        return reply

    async def _send(self, message: wire.Message) -> Reply:
        request = self._http.build_request(
            message.method,
            message.path,
            headers=message.headers,
            json=message.json,
            data=message.form,
            files=message.files,
        )
        with anyio.fail_after(self._timeout):
            response = await self._http.send(request, stream=True)
            try:
                body = await _bounded_body(response)
            finally:
                await response.aclose()
        headers = response.headers
        return Reply(
            response.status_code, body, headers.get(wire.REQUEST_ID_HEADER, ""), headers.get("Retry-After", "")
        )

    def _unreachable(self, what: str, message: wire.Message, code: str) -> ApiUnreachable:
        key = message.headers.get(wire.IDEMPOTENCY_HEADER)
        hint = "Check the network and VIDEOVECTOR_BASE_URL, then call again"
        if key:
            hint += f", with idempotency_key {key} so that it happens once"
        elif message.method in ("PATCH", "DELETE"):
            hint += "; it may have taken effect already, so look with get_connector first"
        where = f"{self._http.base_url.scheme}://{self._http.base_url.netloc.decode()}"
        return ApiUnreachable(f"The Connectors API at {where} {what}.", hint=f"{hint}.", code=code, retryable=True)


async def _bounded_body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise ApiMisbehaved(
                f"The Connectors API's answer is larger than {MAX_ANSWER_BYTES // 2**20} MiB.",
                hint="If it is a listing, ask for less: a narrower prefix or pattern.",
                code="answer_too_large",
            )
    return bytes(body)
