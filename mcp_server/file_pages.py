"""One page of files and the totals of all, from files that come in any order. Nothing is requested here.

Files come as columns, and what is counted is counted by the columns: an object is made only for a file of the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from mcp_server.fields import Sort
from mcp_server.file_kinds import Kinds, extension_of, name_of
from mcp_server.resources import CloudFile, Totals

Position = tuple[int | str, str]
"""Of a file in an order: ("", path), (size, path) or (time, path)."""

_VALUE, _PATH = itemgetter(0), itemgetter(1)

# The value that the order looks at first, then a file's path, size, time and content type.
_Row = tuple[Any, str, int, str, str | None]


class Columns(NamedTuple):
    """Files as columns of equal length; a time is UTC such as 2026-04-01T12:00:00Z."""

    paths: Sequence[str]
    sizes: Sequence[int]
    times: Sequence[str]
    content_types: Sequence[str | None]


def cloud_file(path: str, size: int, time: str, content_type: str | None) -> CloudFile:
    """The file as answers have it."""
    return CloudFile(
        path=path,
        name=name_of(path),
        size_bytes=size,
        last_modified=time,
        content_type=content_type,
        extension=extension_of(path),
    )


class Collector:
    """One page and the totals of files that come in any order, in memory that grows with the page alone."""

    def __init__(self, limit: int, sort: Sort = "path", after: Position | None = None) -> None:
        """With an `after`, only files behind it in the order can be in the page; the totals are of all files."""
        self._limit = limit
        self._sort: Sort = sort
        self._after = after
        self._rows: list[_Row] = []
        self._tally = _Tally()

    def add(self, files: Columns) -> None:
        """Files that were not added before."""
        if files.paths:
            self._tally.add(files)
            self._merge(files)

    @property
    def fills_in_order(self) -> bool:
        """Whether files in path order can fill the page before all were added."""
        return self._sort == "path" and self._limit > 0

    @property
    def is_full(self) -> bool:
        """Whether there is a whole page and a file behind it; never of a page of none, which is for the totals."""
        return len(self._rows) > self._limit > 0

    @property
    def totals(self) -> Totals:
        """Of all files that were added, whatever the page."""
        return self._tally.totals()

    def page(self) -> tuple[list[CloudFile], Position | None]:
        """The page's files in order, and the position of the last of them where more follow it."""
        return [cloud_file(*row[1:]) for row in self._rows[: self._limit]], self.end

    @property
    def end(self) -> Position | None:
        """The position of the page's last file, where more follow it."""
        return self._rows[self._limit - 1][:2] if self.is_full else None

    def _values(self, files: Columns) -> Sequence[Any]:
        if self._sort == "path":
            return [""] * len(files.paths)
        return files.sizes if self._sort == "size" else files.times

    def _merge(self, files: Columns) -> None:
        """Keeps the page's files, and one more, which tells that there are more."""
        if self._limit == 0 or self._all_behind(files):
            return
        found = zip(self._values(files), *files, strict=True)
        rows = [*self._rows, *filter(self._is_wanted, found)]
        rows.sort(key=_PATH)
        rows.sort(key=_VALUE, reverse=True)
        self._rows = rows[: self._limit + 1]

    def _all_behind(self, files: Columns) -> bool:
        """Whether none of the files can be in the page, seen without looking at each; False where that is not seen."""
        if not self.is_full:
            return False
        if self._sort == "path":
            return min(files.paths) >= self._rows[-1][1]
        return bool(max(self._values(files)) < self._rows[-1][0])

    def _is_wanted(self, row: _Row) -> bool:
        return (self._after is None or _precedes(self._after, row)) and (
            not self.is_full or _precedes(row, self._rows[-1])
        )


def _precedes(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Whether the value is larger, or the same and the path smaller."""
    return bool(one[0] > other[0] or (one[0] == other[0] and one[1] < other[1]))


class _Tally:
    """Counts files."""

    def __init__(self) -> None:
        self._files = 0
        self._bytes = 0
        self._kinds = Kinds()
        self._newest = ""
        self._oldest = ""

    def add(self, files: Columns) -> None:
        """At least one file."""
        self._files += len(files.paths)
        self._bytes += sum(files.sizes)
        times = {*files.times}
        self._newest = max(times | {self._newest})
        self._oldest = min(times | {self._oldest or self._newest})
        self._kinds.add(files.paths)

    def totals(self) -> Totals:
        """Of all that was added."""
        return Totals(
            files=self._files,
            bytes=self._bytes,
            extensions=self._kinds.most_frequent(),
            newest=self._newest or None,
            oldest=self._oldest or None,
        )
