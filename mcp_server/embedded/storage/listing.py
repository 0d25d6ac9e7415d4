"""Lists spans of keys, several at once where the provider's latency makes that faster; what comes out is the same.

How a span is cut is told elsewhere.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import repeat
from math import inf
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from mcp_server import progress
from mcp_server.embedded.storage.exchange import Limits
from mcp_server.embedded.storage.matching import chosen
from mcp_server.embedded.storage.objects import Page, Storage
from mcp_server.embedded.storage.spans import Span
from mcp_server.embedded.storage.splitting import parts_by_key
from mcp_server.embedded.storage.subfolders import parts_by_folder
from mcp_server.errors import ConnectorError
from mcp_server.file_pages import Columns

MOST_AT_ONCE = 32
_MOST_CUT_AT_ONCE = 4
_MOST_HELD = 96_000
_HELD_IN_FRONT = 16_000


class Listing:
    """Gives files to the sink, page by page: in the order of keys while `is_ordered`, and else as they come.

    It holds some 200,000 files at most. `is_eager` says that all will be wanted; else it begins slowly.
    """

    def __init__(
        self,
        storage: Storage,
        spans: Sequence[Span],
        sink: Callable[[Columns], Awaitable[None]],
        limits: Limits,
        *,
        is_eager: bool = True,
    ) -> None:
        self.is_ordered = True
        self.is_sorted = True
        """Whether the provider lists by code point, as far as is known."""
        self._storage = storage
        self._spans = list(spans)
        self._sink = sink
        self._limits = limits
        self._is_eager = is_eager
        self._wanted = inf
        self._is_stopped = False
        self._is_delivering = False
        self._flying = 0
        self._held = 0
        self._cutting: set[Span] = set()
        self._fastest = inf
        self._most: int = 1
        self._ceiling: int = MOST_AT_ONCE
        self._resumes = 0.0

    @property
    def is_complete(self) -> bool:
        """Whether all was listed, and given to the sink."""
        return not self._spans

    async def run(self, pages: float = inf) -> None:
        """List to the end, or until so many pages were given to the sink, and what was asked meanwhile.

        Nothing goes on behind it. Raises what the storage raised, where one page after another would have come to it.
        """
        self._wanted = pages
        self._slots = anyio.CapacityLimiter(self._ceiling)
        async with anyio.create_task_group() as self._group:
            self._schedule()
        fault = self._fault()
        if fault is not None and not self._is_stopped:
            raise fault

    def stop(self) -> None:
        """End the run now: what is asked at this moment is given up."""
        self._is_stopped = True
        self._group.cancel_scope.cancel()

    def _fault(self) -> ConnectorError | None:
        """What ends the listing: behind pages that are still to come, a fault does not count yet."""
        looked_at = self._spans[:1] if self.is_ordered else self._spans
        return next((span.fault for span in looked_at if span.fault), None)

    def _schedule(self) -> None:
        """Begin what may begin now: when much is held, only what is next to be delivered, for that makes room."""
        so_far = 0
        for span in self._spans:
            if self._flying >= self._most or self._wanted <= 0:
                return
            so_far += span.files_held
            if span.is_idle and (self._held < _MOST_HELD or so_far < _HELD_IN_FRONT):
                span.is_busy = True
                self._flying += 1
                self._group.start_soon(self._list, span)
        self._cut_some()

    def _cut_some(self) -> None:
        """When there is more room than spans, and not much is held: cut the first of those that have been long."""
        if self._most - self._flying <= self._most // 4 or self._held >= _MOST_HELD:
            return
        for span in self._spans:
            if len(self._cutting) >= _MOST_CUT_AT_ONCE:
                return
            if span.is_long and span not in self._cutting and self.is_sorted:
                self._cutting.add(span)
                self._group.start_soon(self._cut, span)

    async def _list(self, span: Span) -> None:
        """List a page of the span."""
        most = self._most
        try:
            await self._take(span)
        except ConnectorError as fault:
            self._slow_down(span, fault, most)
        finally:
            span.is_busy = False
            self._flying -= 1
        if self._is_eager:
            # The next request is on its way before what has come is looked at.
            self._schedule()
            await checkpoint()
        await self._deliver()
        self._schedule()

    async def _take(self, span: Span) -> None:
        page = await self._ask(span.prefix, delimiter=span.delimiter, start_after=span.after, mark=span.mark)
        self._found(span.take(page, self._storage))
        self.is_sorted = self.is_sorted and page.is_sorted
        self._widen()

    def _found(self, files: int) -> None:
        """So many more are held."""
        self._held += files
        progress.seen(files)

    async def _ask(self, prefix: str, **bounds: Any) -> Page:
        await anyio.sleep_until(self._resumes)
        async with self._slots:
            began = anyio.current_time()
            page = await self._storage.list_page(prefix, **bounds)
            self._fastest = min(self._fastest, anyio.current_time() - began)
            return _within(prefix, page)

    def _widen(self) -> None:
        """At once all that is allowed, or twice as many as before, unless the provider answers without delay."""
        if self._fastest > self._limits.latency:
            self._most = self._ceiling if self._is_eager else min(self._ceiling, 2 * self._most)

    def _slow_down(self, span: Span, fault: ConnectorError, most: int) -> None:
        """Of many at once, half as many may succeed: only what fails alone has failed."""
        if not fault.retryable or most == 1:
            span.fail(fault)
            return
        if most == self._most:
            self._most = self._ceiling = most // 2
            self._resumes = anyio.current_time() + self._limits.backoff * MOST_AT_ONCE / most
            self._slots.total_tokens = self._most

    async def _deliver(self) -> None:
        """Give what is next in order to the sink, or all that is there; who is at it comes to what is new, too."""
        if self._is_delivering:
            return
        self._is_delivering = True
        for files in self._next_pages():
            self._wanted -= 1
            await self._sink(files)
        self._is_delivering = False
        if self._fault():
            self._group.cancel_scope.cancel()

    def _next_pages(self) -> Iterator[Columns]:
        """Pages that can be delivered, until there are none at this moment; spans that are done with go."""
        while span := next(filter(_has_news, self._spans[:1] if self.is_ordered else self._spans), None):
            if span.held:
                files = span.let_go()
                self._held -= len(files.paths)
                yield files
            else:
                self._spans.remove(span)

    async def _cut(self, span: Span) -> None:
        """List the parts of a span, instead of what is left of it."""
        split = parts_by_key if self._storage.starts_anywhere else parts_by_folder
        try:
            parts = await split(self._ask, span)
        finally:
            self._cutting.remove(span)
        if parts:
            index = self._spans.index(span) + 1
            self._spans[index:index] = parts
            self._found(sum(part.files_held for part in parts))
        await self._deliver()
        self._schedule()


def _within(prefix: str, page: Page) -> Page:
    """Without what does not begin with the prefix: some stores tidy `//` in what they are asked for."""
    files = chosen(page.files, map(str.startswith, page.files.paths, repeat(prefix)))
    folders = [folder for folder in page.folders if folder.startswith(prefix)]
    return page._replace(files=files, folders=folders)


def _has_news(span: Span) -> bool:
    """Whether something of it can be delivered, or it can go."""
    return bool(span.held) or span.is_done
