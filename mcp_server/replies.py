"""An HTTP response as bytes in memory: read to its end, unpacked and bounded. What it says is the wire's."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
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
PIECE_BYTES = 64 * 1024


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


class Unpacking:
    """The body of a response while it comes, unpacked: packed twice, a kilobyte could become a gigabyte.

    All of it raises zlib.error for a body that is packed in another way than was asked for, or not wholly.
    """

    def __init__(self, response: httpx.Response) -> None:
        encoding = response.headers.get("Content-Encoding", "").lower()
        if encoding not in ("", "identity", ACCEPTED_ENCODING):
            raise zlib.error
        self._gzip = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16) if encoding == ACCEPTED_ENCODING else None
        self._began = False

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """What a chunk of the body holds, in pieces of at most 64 KiB that are made one by one."""
        if self._gzip is None:
            yield from (chunk[at : at + PIECE_BYTES] for at in range(0, len(chunk), PIECE_BYTES))
            return
        if self._gzip.eof:
            raise zlib.error
        is_more = True
        while is_more:
            piece = self._gzip.decompress(chunk, PIECE_BYTES)
            self._began = self._began or bool(piece)
            yield piece
            chunk = self._gzip.unconsumed_tail
            is_more = len(piece) == PIECE_BYTES

    def check_whole(self) -> None:
        """After the last chunk."""
        if self._gzip is not None and self._began and not self._gzip.eof:
            raise zlib.error


def chunks_of(response: httpx.Response) -> httpx.AsyncByteStream:
    """The body as it comes, packed."""
    return cast("httpx.AsyncByteStream", response.stream)


async def _body(response: httpx.Response, limit: int) -> bytearray:
    """The body, or somewhat more of it than the limit."""
    unpacking = Unpacking(response)
    octets = bytearray()
    async for chunk in chunks_of(response):
        for piece in unpacking.pieces(chunk):
            octets += piece
            if len(octets) > limit:
                return octets
    unpacking.check_whole()
    return octets


async def read_reply(response: httpx.Response) -> Reply:
    """The response, read to its end; raises ApiMisbehaved when it is too large or cannot be unpacked."""
    body = await (_error_body(response) if response.is_error else _answer_body(response))
    return Reply(response.status_code, body, response.headers)


async def _error_body(response: httpx.Response) -> bytes:
    try:
        return bytes((await _body(response, MAX_ERROR_BYTES))[:MAX_ERROR_BYTES])
    except zlib.error:
        return b""


def _values_in(octets: bytearray) -> int:
    """Hardly fewer than the JSON values that they hold: one of two octets takes 70 times as much once it is parsed."""
    return octets.count(b",") + octets.count(b"[") + octets.count(b"{")


async def _answer_body(response: httpx.Response) -> bytes:
    try:
        octets = await _body(response, MAX_ANSWER_BYTES)
    except zlib.error:
        raise not_unpacked() from None
    if len(octets) > MAX_ANSWER_BYTES or _values_in(octets) > MAX_VALUES:
        raise too_large(f"{MAX_ANSWER_BYTES // 2**20} MiB or {MAX_VALUES:,} values")
    return bytes(octets)


def not_unpacked() -> ApiMisbehaved:
    """The body is packed in a way that was not asked for, or not wholly."""
    return ApiMisbehaved(
        "The Connectors API's answer cannot be unpacked.",
        hint="Check VIDEOVECTOR_BASE_URL; the call may have taken effect, so look with list_connectors first.",
        code="unexpected_answer",
    )


def too_large(bound: str) -> ApiMisbehaved:
    """The body is beyond this bound."""
    return ApiMisbehaved(
        f"The Connectors API's answer is larger than {bound}.",
        hint="If it is a listing, ask for less: a narrower prefix or pattern.",
        code="answer_too_large",
    )
