"""Parts of a span by its folders, for a provider whose listings can not start in the middle: a flat folder has none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import groupby
from operator import itemgetter
from typing import Any

from mcp_server.embedded.storage.objects import Page
from mcp_server.embedded.storage.spans import Span
from mcp_server.embedded.storage.splitting import MOST_LEVELS
from mcp_server.errors import ConnectorError
from mcp_server.file_pages import Columns

_MOST_PAGES = 2
_LARGE_PAGE = 5000
"""What Azure gives at most, be it files or folders."""

_FEWEST_FOLDERS = 2
_MOST_FOLDERS = 1_000
_MOST_FOLDERS_SAMPLED = 20
_LAST = "\U0010ffff" * 8

_Entry = tuple[str, tuple[Any, ...] | None]


async def parts_by_folder(ask: Callable[..., Awaitable[Page]], span: Span) -> list[Span]:
    """A part for each folder behind those that the span is in, and for the files between; the span ends before them.

    Folders that are very many, or many and small, are left together: a request for each would take longer. Nothing is
    said of them by pages that lie before `after`.
    """
    if not span.sample:
        span.patience = span.pages + 1
        return []
    levels: list[str] = []
    entries: list[_Entry] = []
    for level in [] if span.delimiter else [*span.levels(), span.folder][:MOST_LEVELS]:
        entries = _left(span, entries)
        if _folders_in(entries) >= _FEWEST_FOLDERS or _are_small(span, level):
            break
        pages = await _level(ask, level)
        if not pages:
            break
        levels.append(level)
        entries += _left(span, [entry for page in pages for entry in _entries(page)])
    left = sorted(_left(span, entries), key=itemgetter(0))
    # It went on meanwhile, and may have shown another order.
    if not span.is_sorted or not _FEWEST_FOLDERS <= _folders_in(left) <= _MOST_FOLDERS:
        span.patience *= 2
        return []
    span.shorten(_end_of_own(span, levels))
    return [part for is_folder, group in groupby(left, _is_folder) for part in _parts([*group], is_folder=is_folder)]


def _left(span: Span, entries: list[_Entry]) -> list[_Entry]:
    """What is behind all that the span has listed by now."""
    return [entry for entry in entries if span.has_left(entry[0])]


def _folders_in(entries: list[_Entry]) -> int:
    return sum(map(_is_folder, entries))


def _end_of_own(span: Span, levels: list[str]) -> str:
    """Where the folder ends that the span is in, of those directly below the levels: what is behind it is listed."""
    level = max((each for each in levels if span.last.startswith(each)), key=len)
    inner, slash, _ = span.last[len(level) :].partition("/")
    return f"{level}{inner}/{_LAST}" if slash else span.last


def _are_small(span: Span, level: str) -> bool:
    begin = len(level)
    inner = [key[begin:].partition("/") for key in span.sample if key.startswith(level)]
    return len({folder for folder, slash, _ in inner if slash}) > _MOST_FOLDERS_SAMPLED


async def _level(ask: Callable[..., Awaitable[Page]], level: str) -> list[Page]:
    """All pages of what lies directly below the level; none where they are many, or not in order, or not to be had."""
    pages: list[Page] = []
    try:
        while len(pages) < _MOST_PAGES:
            mark = pages[-1].mark if pages else ""
            pages.append(await ask(level, delimiter="/", mark=mark, most=_LARGE_PAGE))
            if not pages[-1].mark:
                return pages if all(page.is_sorted for page in pages) else []
    except ConnectorError:
        pass
    return []


def _entries(page: Page) -> list[_Entry]:
    files: list[_Entry] = [(row[0], row) for row in zip(*page.files, strict=True)]
    return [*files, *((folder, None) for folder in page.folders)]


def _is_folder(entry: _Entry) -> bool:
    return entry[1] is None


def _parts(entries: list[_Entry], *, is_folder: bool) -> list[Span]:
    if is_folder:
        return [Span(folder) for folder, _ in entries]
    # What was listed up to now is behind `after`, and these are behind that.
    rows = [row for _, row in entries if row]
    found = Span("", is_done=True)
    found.hold(Columns(*map(list, zip(*rows, strict=True))))
    return [found]
