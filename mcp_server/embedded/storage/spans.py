"""A stretch of a listing: keys in order from one to another, listed page by page. Nothing is requested here."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from operator import lt

from mcp_server.embedded.storage.faults import unexpected_answer
from mcp_server.embedded.storage.objects import Page, Storage
from mcp_server.embedded.storage.paging import unending
from mcp_server.errors import ConnectorError
from mcp_server.file_pages import Columns

_SAMPLED = 25
_PATIENCE = 4


@dataclass(eq=False)
class Span:
    """The keys that begin with the prefix, behind `after` up to and with `until`, if that is given.

    With a delimiter, those that do not have it behind the prefix.
    """

    prefix: str
    delimiter: str = ""
    after: str = ""
    until: str = ""
    mark: str = ""
    last: str = ""
    """The last key, or folder, that was seen; at first, what nothing is wanted before."""
    sample: Sequence[str] = ()
    """Some keys of the last page."""
    pages: int = 0
    """Since it was begun, or shortened."""
    patience: int = 2
    """How many pages it must have before it is split: what was long until now will be long."""
    is_sorted: bool = True
    """Whether it was listed by code point until now."""
    is_busy: bool = False
    is_done: bool = False
    is_guess: bool = False
    """Whether the prefix is one that a provider may refuse, because nothing can begin so there."""
    fault: ConnectorError | None = None
    held: deque[Columns] = field(default_factory=deque[Columns])
    """Pages of files that were found and nobody has taken."""
    files_held: int = 0
    _marks: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        """A listing that cannot start in the middle may have whole pages before `after`, of which nothing is told."""
        if self.after.startswith(self.prefix):
            self.last = max(self.last, self.after)

    @property
    def is_idle(self) -> bool:
        """Whether its next page can be asked for."""
        return not (self.is_busy or self.is_done or self.fault)

    @property
    def is_long(self) -> bool:
        """Whether it can be expected that much is left of it."""
        return self.pages >= self.patience and not (self.is_done or self.fault)

    def levels(self) -> list[str]:
        """The folders that hold the last key's folder, from the top, in which something may be left."""
        begin = len(self.prefix)
        ends = [index + 1 for index, character in enumerate(self.last) if character == "/" and index >= begin]
        folders = [self.prefix, *(self.last[:end] for end in ends)]
        return [folder for folder, inner in pairwise(folders) if not (self.until and self.until.startswith(inner))]

    @property
    def folder(self) -> str:
        """The last key's folder, or the prefix."""
        return max(self.prefix, self.last[: self.last.rfind("/") + 1], key=len)

    def fail(self, fault: ConnectorError) -> None:
        """End with a fault; a guess that is refused was wrong."""
        if self.is_guess and not fault.retryable:
            self.is_done = True
        else:
            self.fault = fault

    def has_left(self, text: str) -> bool:
        """Whether the text is behind all that was listed, and before the end."""
        return not self.is_done and text > self.last and not (self.until and text >= self.until)

    def take(self, page: Page, storage: Storage) -> int:
        """Hold the page's files that are the span's own, and return how many these are; it goes on, or is done.

        Raises StorageFault for a mark that came before, or for keys out of order where order was relied upon.
        """
        if storage.starts_anywhere and not _ascends(self.last, page.files.paths):
            raise unexpected_answer(storage.host, "a listing in the order of its keys")
        if page.mark in self._marks:
            raise unending(storage)
        self._marks.add(page.mark)
        self.mark, self.pages = page.mark, self.pages + 1
        self.is_sorted = self.is_sorted and page.is_sorted
        self.last = max([self.last, *page.files.paths[-1:], *page.folders[-1:]])
        self.is_done = not page.mark or self._ends_before(self.last)
        self.sample = page.files.paths[::_SAMPLED]
        own = self._own(page.files)
        self.hold(own)
        return len(own.paths)

    def hold(self, files: Columns) -> None:
        """Keep them until they are next."""
        self.held.append(files)
        self.files_held += len(files.paths)

    def let_go(self) -> Columns:
        """The first page that is held; raises IndexError when there is none."""
        files = self.held.popleft()
        self.files_held -= len(files.paths)
        return files

    def cut(self, cuts: Sequence[str]) -> list[Span]:
        """The parts behind the cuts, which are not the span's any more; without cuts it is left alone for some time."""
        cuts = [text for text in cuts if self.has_left(text)]
        if not cuts:
            self.patience *= 2
            return []
        bounds = zip(cuts, [*cuts[1:], self.until], strict=True)
        self.shorten(cuts[0])
        return [Span(self.prefix, self.delimiter, after, until, patience=_PATIENCE) for after, until in bounds]

    def shorten(self, until: str) -> None:
        """Leave what is behind the text to others."""
        self.until, self.pages, self.patience = until, 0, _PATIENCE

    def _ends_before(self, key: str) -> bool:
        return bool(self.until) and key > self.until

    def _own(self, files: Columns) -> Columns:
        if not files.paths or not self._ends_before(files.paths[-1]):
            return files
        end = bisect_right(files.paths, self.until)
        return Columns(files.paths[:end], files.sizes[:end], files.times[:end], files.content_types[:end])


def _ascends(last: str, keys: Sequence[str]) -> bool:
    """Whether each key is behind the one before it."""
    return not keys or (last < keys[0] and all(map(lt, keys, islice(keys, 1, None))))
