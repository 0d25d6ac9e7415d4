"""Pages of files from any API: as it answers, if it knows pages; else made here of the whole array that it sends.

Such an array is read as a stream, and kept for a minute if it is not too large.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import httpx
from anyio.lowlevel import checkpoint

from mcp_server import progress, wire
from mcp_server.cursors import cursor_of, position_in
from mcp_server.exchange import Exchange, MoreTime
from mcp_server.file_arrays import FileArray, NoFiles
from mcp_server.file_operations import BROWSE_CONNECTOR_FILES, BrowseConnectorFiles
from mcp_server.file_pages import Collector, Columns
from mcp_server.kept_listings import Draft, KeptListings
from mcp_server.operation import AnyOperation, Request
from mcp_server.page_headers import is_page
from mcp_server.replies import Reply, Unpacking, chunks_of, not_unpacked, read_reply, too_large
from mcp_server.resources import FilePage, Totals

MAX_STREAMED_BYTES = 2**30
"""Of an array, unpacked: some five million files."""


class Listings:
    """The listings of a client and its views, whose keys see none of each other's."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._kept = KeptListings()

    async def page(self, request: BrowseConnectorFiles, key: str, decoded: Callable[[Reply], FilePage]) -> FilePage:
        """One page; `decoded` reads a reply that is no array of all files.

        Raises InvalidArguments for a cursor that leads nowhere, before anything is sent; ApiUnreachable, ApiMisbehaved,
        and what `decoded` raises.
        """
        position = position_in(request)
        collector = Collector(0 if request.summary else request.limit, request.sort, position)
        kept = self._kept.find(key, request)
        if kept is None:
            return await self._asked(request, key, collector, decoded)
        if not request.summary:
            await kept.collect(collector, request.sort, position)
        return _page(request, collector, kept.totals)

    def heed(self, operation: AnyOperation, request: Request) -> None:
        """Forgets what a call may have changed."""
        if not operation.effect.read_only:
            self._kept.forget(getattr(request, "connector_id", ""))

    async def _asked(
        self, request: BrowseConnectorFiles, key: str, collector: Collector, decoded: Callable[[Reply], FilePage]
    ) -> FilePage:
        message = wire.encode_request(BROWSE_CONNECTOR_FILES, request)
        draft = self._kept.begin(key, request)
        reading = _Reading(collector, draft)
        totals: Totals | None = None
        try:
            reply = await self._exchange.reply(message, key, read=reading.reply)
            totals = collector.totals if reading.is_whole else None
        finally:
            self._kept.end(draft, totals)
        return decoded(reply) if totals is None else _page(request, collector, totals)


class _Reading:
    """Reads one response: an array of all files into a collector and a draft, anything else as any reply."""

    def __init__(self, collector: Collector, draft: Draft) -> None:
        self._collector = collector
        self._draft = draft
        self.is_whole = False
        """Whether all files were read; else the reply has the rest to be said."""

    async def reply(self, response: httpx.Response, more_time: MoreTime) -> Reply:
        """An array that was read has no body any more, nor has one that turned out to be none.

        Raises ApiMisbehaved for what is too large or cannot be unpacked.
        """
        if response.status_code // 100 != 2 or is_page(response.headers):
            return await read_reply(response)
        try:
            await self._read(response, more_time)
            self.is_whole = True
        except zlib.error:
            raise not_unpacked() from None
        except NoFiles:
            pass  # an empty body is no array either, and is told as that
        return Reply(response.status_code, b"", response.headers)

    async def _read(self, response: httpx.Response, more_time: MoreTime) -> None:
        unpacking, array, octets = Unpacking(response), FileArray(), 0
        async for chunk in chunks_of(response):
            more_time()
            for piece in unpacking.pieces(chunk):
                octets += len(piece)
                if octets > MAX_STREAMED_BYTES:
                    raise too_large(f"{MAX_STREAMED_BYTES // 2**20} MiB")
                self._take(array.add(piece))
                await checkpoint()
        unpacking.check_whole()
        self._take(array.end())

    def _take(self, files: Columns) -> None:
        if files.paths:
            self._collector.add(files)
            self._draft.add(files)
            progress.seen(len(files.paths))


def _page(request: BrowseConnectorFiles, collector: Collector, totals: Totals) -> FilePage:
    files, more = collector.page()
    return FilePage(files=files, totals=totals, next_cursor=cursor_of(request, more) if more else None)
