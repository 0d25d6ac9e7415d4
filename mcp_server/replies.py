"""An HTTP response as bytes in memory: read to its end, unpacked and bounded. What it says is the wire's."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import cast

import httpx

from mcp_server.errors import ApiMisbehaved

MAX_ANSWER_BYTES = 64 * 1024 * 1024
MAX_VALUES = 4_000_000
MAX_ERROR_BYTES = 64 * 1024
ACCEPTED_ENCODING = "gzip"
_STEP = 1024 * 1024


@dataclass(frozen=True)
class Reply:
    """An HTTP response, read to its end; of an error at most the first 64 KiB."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def retry_after(self) -> str:
        """Empty when it says nothing of that."""
        return self.headers.get("Retry-After", "")

    @property
    def wanted_pause(self) -> float | None:
        """The seconds to wait from now that Retry-After says, None if it says nothing that is seconds or a date."""
        if self.retry_after.isdecimal():
            return float(self.retry_after)
        try:
            moment = parsedate_to_datetime(self.retry_after)
        except (ValueError, OverflowError):
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
        return max(0.0, (moment - datetime.now(timezone.utc)).total_seconds())


class _Body:
    """A body while it comes, unpacked up to a limit: packed twice, a kilobyte could become a gigabyte.

    Raises zlib.error when it is packed in another way than was asked for, or not wholly.
    """

    def __init__(self, encoding: str, limit: int) -> None:
        if encoding not in ("", "identity", ACCEPTED_ENCODING):
            raise zlib.error
        self.octets = bytearray()
        self._limit = limit
        self._gzip = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16) if encoding == ACCEPTED_ENCODING else None

    @property
    def is_too_large(self) -> bool:
        return len(self.octets) > self._limit

    def add(self, chunk: bytes) -> None:
        if self._gzip is None:
            self.octets += chunk
            return
        if self._gzip.eof:
            raise zlib.error
        is_more = True
        while is_more and not self.is_too_large:
            piece = self._gzip.decompress(chunk, _STEP)
            self.octets += piece
            chunk = self._gzip.unconsumed_tail
            is_more = len(piece) == _STEP

    def check_whole(self) -> None:
        if self._gzip is not None and self.octets and not self._gzip.eof:
            raise zlib.error


async def _body(response: httpx.Response, limit: int) -> _Body:
    body = _Body(response.headers.get("Content-Encoding", "").lower(), limit)
    async for chunk in cast("httpx.AsyncByteStream", response.stream):
        body.add(chunk)
        if body.is_too_large:
            return body
    body.check_whole()
    return body


async def read_reply(response: httpx.Response) -> Reply:
    """The response, read to its end; raises ApiMisbehaved when it is too large or cannot be unpacked."""
    body = await (_error_body(response) if response.is_error else _answer_body(response))
    return Reply(response.status_code, body, response.headers)


async def _error_body(response: httpx.Response) -> bytes:
    try:
        body = await _body(response, MAX_ERROR_BYTES)
    except zlib.error:
        return b""
    return bytes(body.octets[:MAX_ERROR_BYTES])


def _values_in(octets: bytearray) -> int:
    """Hardly fewer than the JSON values that they hold: one of two octets takes 70 times as much once it is parsed."""
    return octets.count(b",") + octets.count(b"[") + octets.count(b"{")


async def _answer_body(response: httpx.Response) -> bytes:
    try:
        body = await _body(response, MAX_ANSWER_BYTES)
    except zlib.error:
        raise ApiMisbehaved(
            "The Connectors API's answer cannot be unpacked.",
            hint="Check VIDEOVECTOR_BASE_URL; the call may have taken effect, so look with list_connectors first.",
            code="unexpected_answer",
        ) from None
    if body.is_too_large or _values_in(body.octets) > MAX_VALUES:
        raise ApiMisbehaved(
            f"The Connectors API's answer is larger than {MAX_ANSWER_BYTES // 2**20} MiB or {MAX_VALUES:,} values.",
            hint="If it is a listing, ask for less: a narrower prefix or pattern.",
            code="answer_too_large",
        )
    return bytes(body.octets)
