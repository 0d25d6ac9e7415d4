"""Finds a storage's files by prefix and glob: a page of them with totals, or all. How it is listed, others know."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter

import anyio
from anyio import to_thread
from anyio.lowlevel import checkpoint

from mcp_server.embedded.storage.exchange import Limits
from mcp_server.embedded.storage.faults import StorageFault
from mcp_server.embedded.storage.glob import Glob, read_glob
from mcp_server.embedded.storage.listing import Listing
from mcp_server.embedded.storage.matching import matching_names, matching_paths, without_markers
from mcp_server.embedded.storage.objects import Storage
from mcp_server.embedded.storage.spans import Span
from mcp_server.errors import ConnectorError, InvalidArguments, Violation
from mcp_server.file_kinds import name_of
from mcp_server.file_pages import Collector, Columns

_MOST_PAGES_AT_A_TIME = 64
_STEP = 1000


@dataclass(frozen=True)
class Query:
    """The files whose key starts with the prefix and matches the pattern.

    A pattern without a slash matches a file's name, one with a slash the path below the prefix; a slash between the two
    is not part of it where the prefix ends without, or the pattern begins with one. Not recursive: only what lies
    directly below the prefix. Raises InvalidArguments.
    """

    prefix: str
    pattern: str
    recursive: bool
    _glob: Glob = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Reads the pattern."""
        if self._by_path and not self.recursive:
            raise InvalidArguments((Violation("pattern", "must have no slash when recursive is false"),))
        object.__setattr__(self, "_glob", read_glob(self.pattern.removeprefix("/")))

    @property
    def _by_path(self) -> bool:
        return "/" in self.pattern

    @property
    def delimiter(self) -> str:
        """What a listing does not go beyond."""
        return "" if self.recursive else "/"

    @property
    def _has_slash_between(self) -> bool:
        """Whether one may stand between the prefix and the path."""
        return self.pattern.startswith("/") or (bool(self.prefix) and not self.prefix.endswith("/"))

    def spans(self, start_after: str = "") -> list[Span]:
        """What to list, in order, behind the key; none has keys of another. What lies before the key is left out."""
        return [
            Span(start, self.delimiter, start_after if start_after.startswith(start) else "", is_guess=is_guess)
            for start, is_guess in sorted(self._starts().items())
            if start >= start_after or start_after.startswith(start)
        ]

    def _starts(self) -> dict[str, bool]:
        """The prefixes to list, and whether each is only a guess; none begins with another."""
        head = self._glob.head
        if not self._by_path:
            return {self._name_start(head): False}
        plain, slashed = self.prefix + head, f"{self.prefix}/{head}"
        if not head or not self._has_slash_between:
            return {plain: False}
        return {slashed: False} if head.startswith("/") else {plain: False, slashed: True}

    def _name_start(self, head: str) -> str:
        """What to list when names begin with the head: the prefix may hold the beginning of names directly below it.

        It may itself be a key, whose name is the folder's.
        """
        folder, slash, begun = self.prefix.rpartition("/")
        can_narrow = head.startswith(begun) and not name_of(self.prefix).startswith(head)
        return f"{folder}{slash}{head}" if can_narrow and not self.recursive else self.prefix

    async def choose(self, files: Columns) -> Columns:
        """Those of the listed files that are meant."""
        files = without_markers(files)
        if self._by_path:
            return await matching_paths(self._glob, self.prefix, files, slash=self._has_slash_between)
        return await matching_names(self._glob, files)


async def page(  # noqa: PLR0913 - what a page is of, how it is filled, and what bounds it
    storage: Storage,
    query: Query,
    collector: Collector,
    *,
    wants_totals: bool,
    start_after: str = "",
    limits: Limits | None = None,
) -> bool:
    """List into the collector; True when the whole listing was seen, so that the totals are those of all.

    Without `wants_totals` it stops as soon as the page is full; with it, a page by path that is full waits for them for
    the limits' seconds. `start_after` is the last path of the page before. Raises StorageFault, also when the page is
    not made in time.
    """
    limits = limits or Limits()
    by_path = collector.fills_in_order
    scope = anyio.CancelScope(deadline=anyio.current_time() + limits.browse)

    async def collect(files: Columns) -> None:
        collector.add(await query.choose(files))
        if collector.is_full and listing.is_ordered and listing.is_sorted:
            listing.is_ordered = False
            scope.deadline = min(scope.deadline, anyio.current_time() + limits.totals)
            if not wants_totals:
                listing.stop()

    listing = Listing(storage, query.spans(start_after), collect, limits, is_eager=wants_totals or not by_path)
    listing.is_ordered = by_path
    with scope:
        try:
            await listing.run()
        except ConnectorError:
            if not by_path or listing.is_ordered:
                raise  # else the page is full, and only the totals are not known
    if scope.cancelled_caught and listing.is_ordered == by_path:
        raise _too_long(limits.browse)
    return listing.is_complete and not start_after


async def walk(storage: Storage, query: Query, limits: Limits | None = None) -> AsyncGenerator[Columns]:
    """All files in path order, in bounded memory: nothing is listed while nobody takes what there is.

    All files of a provider that lists them in another order have to be there before the first is told.
    The limits bound the time that the storage takes. Raises StorageFault.
    """
    limits = limits or Limits()
    found = deque[Columns]()

    async def keep(files: Columns) -> None:
        found.append(await query.choose(files))

    listing = Listing(storage, query.spans(), keep, limits)
    seconds, pages = limits.browse, 1
    while not listing.is_complete:
        began, fault = anyio.current_time(), None
        try:
            with _bounded(seconds, limits):
                await listing.run(pages)
        except ConnectorError as error:
            fault = error
        while found and listing.is_sorted:
            yield found.popleft()
        if fault is not None:
            raise fault
        seconds -= anyio.current_time() - began
        pages = min(2 * pages, _MOST_PAGES_AT_A_TIME)
    if found:
        for files in await to_thread.run_sync(_sorted, found):
            yield files
            await checkpoint()


def _sorted(found: Iterable[Columns]) -> list[Columns]:
    """All files by path, for a provider that lists in another order."""
    rows = sorted(chain.from_iterable(zip(*files, strict=True) for files in found), key=itemgetter(0))
    return [Columns(*zip(*rows[begin : begin + _STEP], strict=True)) for begin in range(0, len(rows), _STEP)]


@contextmanager
def _bounded(seconds: float, limits: Limits) -> Generator[None]:
    """Of the whole listing, so much time is left."""
    try:
        with anyio.fail_after(max(seconds, 0)):
            yield
    except TimeoutError:
        raise _too_long(limits.browse) from None


def _too_long(seconds: float) -> StorageFault:
    return StorageFault(
        "storage_listing_too_long",
        f"The listing did not finish within {seconds:g} seconds.",
        "Narrow it: give a longer prefix, or a pattern that begins with a folder, such as incoming/2026/*.mp4.",
    )
