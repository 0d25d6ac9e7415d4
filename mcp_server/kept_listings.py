"""Listings that an API sent whole, kept for a minute, so that their other pages need no request. Nothing is sent here.

Each belongs to one API key, of which a digest is known here. They are kept packed: 200,000 files take some 5 MiB.
"""

from __future__ import annotations

import hashlib
import time
import zlib
from collections.abc import Callable
from typing import NamedTuple, cast

from anyio.lowlevel import checkpoint
from cachetools import TTLCache
from pydantic_core import from_json, to_json

from mcp_server.fields import Sort
from mcp_server.file_operations import BrowseConnectorFiles
from mcp_server.file_pages import Collector, Columns, Position
from mcp_server.resources import Totals

KEPT_SECONDS = 60.0
MAX_FILES = 200_000
MAX_BYTES = 32 * 2**20
"""Of one listing; a larger one is not kept."""

MAX_BYTES_A_KEY = 64 * 2**20
MAX_BYTES_IN_ALL = 128 * 2**20
"""Of those that are kept, and of those that come at this moment half as much."""

LEAST_BYTES = 64 * 1024
"""What the smallest listing counts as, so that there are never very many."""


class _Query(NamedTuple):
    """What makes a listing, whatever the order and the page; `whose` is the digest of a key."""

    whose: str
    connector_id: str
    prefix: str
    pattern: str
    recursive: bool


class _Part(NamedTuple):
    """Some of the files, packed, with the first and the last of their paths."""

    first: str
    last: str
    packed: bytes

    @classmethod
    def of(cls, files: Columns) -> _Part:
        return cls(min(files.paths), max(files.paths), zlib.compress(to_json(files), 1))

    @property
    def files(self) -> Columns:
        return Columns(*cast("Columns", from_json(zlib.decompress(self.packed))))


class KeptListing(NamedTuple):
    """All files of a listing, and their totals."""

    parts: list[_Part]
    totals: Totals
    size: int

    async def collect(self, collector: Collector, sort: Sort, after: Position | None) -> None:
        """Adds whatever can be in the page; its totals are none."""
        for part in self.parts:
            if sort == "path" and _is_elsewhere(part, after, collector.end):
                continue
            collector.add(part.files)
            await checkpoint()


def _is_elsewhere(part: _Part, after: Position | None, end: Position | None) -> bool:
    return (after is not None and part.last <= after[1]) or (end is not None and part.first > end[1])


class Draft:
    """A listing while it comes. It is given up when there is no room for it, and when its connector is changed."""

    def __init__(self, query: _Query, has_room: Callable[[_Query], bool]) -> None:
        self.query = query
        self.size = 0
        self._has_room = has_room
        self._files = 0
        self._parts: list[_Part] | None = []

    def add(self, files: Columns) -> None:
        """The next files, at least one."""
        if self._parts is None:
            return
        part = _Part.of(files)
        self._parts.append(part)
        self._files += len(files.paths)
        self.size += len(part.packed) + len(part.first) + len(part.last)
        if self._files > MAX_FILES or self.size > MAX_BYTES or not self._has_room(self.query):
            self.give_up()

    def give_up(self) -> None:
        """It will not be kept."""
        self._parts, self.size = None, 0

    def listing(self, totals: Totals) -> KeptListing | None:
        """All that came, None if it was given up."""
        return None if self._parts is None else KeptListing(self._parts, totals, max(self.size, LEAST_BYTES))


class KeptListings:
    """Those of all keys. The ones not used for longest go first when there are too many."""

    def __init__(self, timer: Callable[[], float] = time.monotonic) -> None:
        self._kept: TTLCache[_Query, KeptListing] = TTLCache(MAX_BYTES_IN_ALL, KEPT_SECONDS, timer, _size)
        self._sizes: dict[_Query, int] = {}
        """Of those that are kept, and of some that were: to look one up there would count as a use of it."""
        self._drafts: set[Draft] = set()

    def find(self, key: str, request: BrowseConnectorFiles) -> KeptListing | None:
        """The listing that this key got for the request's query in the last minute."""
        self._kept.expire()
        return self._kept.get(_query(key, request))

    def begin(self, key: str, request: BrowseConnectorFiles) -> Draft:
        """A listing that is about to come; `end` it in any case."""
        draft = Draft(_query(key, request), self._has_room)
        self._drafts.add(draft)
        return draft

    def end(self, draft: Draft, totals: Totals | None) -> None:
        """Keeps it, if it came whole, which is when there are totals of it."""
        self._drafts.discard(draft)
        listing = draft.listing(totals) if totals else None
        if listing is not None:
            self._kept.pop(draft.query, None)
            self._make_room(draft.query.whose, listing.size)
            self._kept[draft.query] = listing
            self._sizes[draft.query] = listing.size

    def forget(self, connector_id: str) -> None:
        """All of a connector, whoever got them: it was changed."""
        for query in [query for query in self._kept if query.connector_id == connector_id]:
            self._kept.pop(query, None)
        for draft in self._drafts:
            if draft.query.connector_id == connector_id:
                draft.give_up()

    def _has_room(self, query: _Query) -> bool:
        """Whether what comes at this moment, for this key and for all, is not too much."""
        of_key = sum(draft.size for draft in self._drafts if draft.query.whose == query.whose)
        return of_key <= MAX_BYTES_A_KEY // 2 and sum(map(_size, self._drafts)) <= MAX_BYTES_IN_ALL // 2

    def _make_room(self, whose: str, size: int) -> None:
        """Lets this key's oldest go until there is room for one more of this size."""
        self._sizes = {query: self._sizes[query] for query in self._kept}
        own = [query for query in self._kept if query.whose == whose]
        used = size + sum(self._sizes[query] for query in own)
        while used > MAX_BYTES_A_KEY and own:
            oldest = own.pop(0)
            self._kept.pop(oldest, None)
            used -= self._sizes[oldest]


def _size(listing: KeptListing | Draft) -> int:
    return listing.size


def _query(key: str, request: BrowseConnectorFiles) -> _Query:
    whose = hashlib.sha256(key.encode()).hexdigest()
    return _Query(whose, request.connector_id, request.prefix, request.pattern, request.recursive)
