"""Parts of a span by its folders, for a provider whose listings can not start in the middle: a flat folder has none."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from itertools import groupby
from operator import itemgetter
from typing import Any

from mcp_server.embedded.storage.objects import Page
from mcp_server.embedded.storage.spans import Span
from mcp_server.errors import ConnectorError
from mcp_server.file_pages import Columns

_MOST_PAGES = 4
_MOST_FOLDERS_SAMPLED = 20
_LAST = "\U0010ffff" * 8

_Entry = tuple[str, tuple[Any, ...] | None]


async def parts_by_folder(ask: Callable[..., Awaitable[Page]], span: Span) -> list[Span]:
    """A part for each folder behind the one that the span is in, and for the files between; the span ends before them.

    Folders that are many and small are left together: a request for each would take longer.
    """
    pages = [] if span.delimiter or not span.last or _are_small(span) else await _level(ask, span)
    found = [entry for page in pages for entry in _entries(page) if span.has_left(entry[0])]
    entries = sorted(found, key=itemgetter(0))
    if not span.is_sorted or sum(files is None for _, files in entries) < 2:  # what it took meanwhile tells of order
        span.patience *= 2
        return []
    inner, slash, _ = span.last[len(span.prefix) :].partition("/")
    span.shorten(f"{span.prefix}{inner}/{_LAST}" if slash else span.last)
    return [
        part
        for is_folder, group in groupby(entries, _is_folder)
        for part in _parts(span, [*group], is_folder=is_folder)
    ]


def _are_small(span: Span) -> bool:
    begin = len(span.prefix)
    return len({key[begin:].partition("/")[0] for key in span.sample if "/" in key[begin:]}) > _MOST_FOLDERS_SAMPLED


async def _level(ask: Callable[..., Awaitable[Page]], span: Span) -> list[Page]:
    """All pages of what lies directly below the prefix; none where they are many, or not in order, or not to be had."""
    pages: list[Page] = []
    try:
        while len(pages) < _MOST_PAGES:
            pages.append(await ask(span.prefix, delimiter="/", mark=pages[-1].mark if pages else ""))
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


def _parts(span: Span, entries: list[_Entry], *, is_folder: bool) -> list[Span]:
    if is_folder:
        return [Span(folder, after=span.after) for folder, _ in entries]
    # What was listed up to now is behind `after`, and these are behind that.
    rows = [row for _, row in entries if row]
    return [Span("", is_done=True, held=deque([Columns(*map(list, zip(*rows, strict=True)))]))]
