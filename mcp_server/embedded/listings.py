"""Listings of a storage as the API answers them: pages with totals, or all files as a stream. No HTTP here."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from cachetools import TTLCache

from mcp_server.cursors import cursor_of, position_in
from mcp_server.embedded import storage
from mcp_server.file_operations import BrowseAllFiles, BrowseConnectorFiles
from mcp_server.file_pages import Collector, Columns
from mcp_server.resources import FilePage, Totals

KEPT_SECONDS = 60
MAX_KEPT = 1_000


class Listings:
    """Makes pages; the totals that a first page has counted are known to those that follow within 60 s."""

    def __init__(self) -> None:
        self._totals: TTLCache[tuple[object, ...], Totals] = TTLCache(MAX_KEPT, KEPT_SECONDS)

    async def page(self, tenant_id: str, opened: storage.Storage, request: BrowseConnectorFiles) -> FilePage:
        """One page, with totals where they are known: by path, a page whose listing takes long is given without them.

        Raises InvalidArguments, also for a cursor that leads nowhere, and StorageFault.
        """
        position = position_in(request)
        collector = Collector(0 if request.summary else request.limit, request.sort, position)
        by_path = request.sort == "path" and not request.summary
        whole = await storage.page(
            opened,
            _query(request),
            collector,
            wants_totals=position is None or not by_path,
            start_after=position[1] if position and by_path else "",
        )
        files, more = collector.page()
        cursor = cursor_of(request, more) if more else None
        return FilePage(files=files, totals=self._known(tenant_id, request, collector, whole=whole), next_cursor=cursor)

    def _known(
        self, tenant_id: str, request: BrowseConnectorFiles, collector: Collector, *, whole: bool
    ) -> Totals | None:
        key = (tenant_id, request.connector_id, request.prefix, request.pattern, request.recursive)
        if not whole:
            return self._totals.get(key)
        totals = self._totals[key] = collector.totals
        return totals


def all_files(opened: storage.Storage, request: BrowseAllFiles) -> AsyncGenerator[Columns]:
    """All files by path, as they come. Raises InvalidArguments and StorageFault, when it is begun or on the way."""
    return storage.walk(opened, _query(request))


def _query(request: BrowseAllFiles) -> storage.Query:
    return storage.Query(request.prefix, request.pattern, request.recursive)
