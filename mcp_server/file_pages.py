"""One page of files and the totals of all, from files that come in any order. Nothing is requested here.

Files come as columns, and what is counted is counted by the columns: an object is made only for a file of the page.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from operator import itemgetter
from posixpath import splitext
from typing import Any, NamedTuple

from mcp_server.fields import Sort
from mcp_server.resources import CloudFile, Totals

Position = tuple[int | str, str]
"""Of a file in an order: ("", path), (size, path) or (time, path)."""

KINDS_SHOWN = 10
OTHER = "other"
_KINDS_HELD = 10_000
_LONGEST_KIND = 32

# In lines of paths; the dots that begin a name begin no extension. That it begins with a character makes it fast.
_EXTENSIONS = re.compile(r"\.(?<=[^./\n].)\.*([^./\n]*)/*$", re.MULTILINE)
_VALUE, _PATH = itemgetter(0), itemgetter(1)

# The value that the order looks at first, then a file's path, size, time and content type.
_Row = tuple[Any, str, int, str, str | None]


class Columns(NamedTuple):
    """Files as columns of equal length; a time is UTC such as 2026-04-01T12:00:00Z."""

    paths: Sequence[str]
    sizes: Sequence[int]
    times: Sequence[str]
    content_types: Sequence[str | None]


def name_of(path: str) -> str:
    """The last segment; a slash at the path's end is not one."""
    return path.rstrip("/").rpartition("/")[2]


def extension_of(path: str) -> str:
    """Of the name, lower case with its dot; empty where there is none."""
    extension = splitext(name_of(path))[1].lower()
    return "" if extension == "." else extension


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
        self._kinds: Counter[str] = Counter()
        self._newest = ""
        self._oldest = ""

    def add(self, files: Columns) -> None:
        """At least one file."""
        self._files += len(files.paths)
        self._bytes += sum(files.sizes)
        times = {*files.times}
        self._newest = max(times | {self._newest})
        self._oldest = min(times | {self._oldest or self._newest})
        self._count_kinds(files.paths)

    def _count_kinds(self, paths: Sequence[str]) -> None:
        for kind, number in _kinds(paths):
            self._kinds[kind if len(kind) <= _LONGEST_KIND else OTHER] += number
        if len(self._kinds) > _KINDS_HELD:
            # Made-up names: the rarer half is given up, so that later kinds are counted too.
            kept = Counter(dict(self._kinds.most_common(_KINDS_HELD // 2)))
            kept[OTHER] += self._files - kept.total()
            self._kinds = kept

    def totals(self) -> Totals:
        """The most frequent kinds first, those of one number by name."""
        ordered = sorted((item for item in self._kinds.items() if item[0] != OTHER), key=lambda item: (-item[1], item))
        shown = dict(ordered[:KINDS_SHOWN])
        others = self._files - sum(shown.values())
        return Totals(
            files=self._files,
            bytes=self._bytes,
            extensions=shown | ({OTHER: others} if others else {}),
            newest=self._newest or None,
            oldest=self._oldest or None,
        )


def _kinds(paths: Sequence[str]) -> list[tuple[str, int]]:
    """How many of the paths have each extension."""
    text = "\n".join(paths)
    if text.count("\n") >= len(paths):
        return list(Counter(map(extension_of, paths)).items())
    found = _EXTENSIONS.findall(text)
    found += [""] * (len(paths) - len(found))
    return [(f".{ending}".lower() if ending else "", number) for ending, number in Counter(found).items()]
