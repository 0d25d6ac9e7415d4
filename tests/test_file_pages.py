"""A page and the totals of files that come in any order are those of the whole sorted list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.fields import Sort
from mcp_server.file_kinds import extension_of
from mcp_server.file_pages import Collector, Columns, Position, cloud_file
from mcp_server.resources import CloudFile

TIMES = [f"2026-04-0{day}T12:00:00Z" for day in range(1, 5)]
SORTS: tuple[Sort, ...] = ("path", "size", "time")

_names = st.text("abB./\n\N{CLAPPER BOARD}\uff5e", min_size=1, max_size=8)
_rows = st.tuples(_names, st.integers(0, 3), st.sampled_from(TIMES), st.sampled_from([None, "video/mp4"]))
_files = st.lists(_rows, max_size=20, unique_by=lambda row: row[0])


def columns(rows: list[tuple[str, int, str, str | None]]) -> Columns:
    return Columns(*zip(*rows, strict=True)) if rows else Columns((), (), (), ())


def batches(rows: list[tuple[str, int, str, str | None]], size: int = 3) -> Iterator[Columns]:
    yield columns([])
    for start in range(0, len(rows), size):
        yield columns(rows[start : start + size])


def in_order(rows: list[tuple[str, int, str, str | None]], sort: Sort) -> list[CloudFile]:
    files = sorted((cloud_file(*row) for row in rows), key=lambda file: file.path)
    if sort == "size":
        files.sort(key=lambda file: -file.size_bytes)
    if sort == "time":
        files.sort(key=lambda file: file.last_modified, reverse=True)
    return files


@given(_files, st.sampled_from(SORTS), st.integers(1, 5))
def test_its_pages_one_after_another_are_the_sorted_list(
    rows: list[tuple[str, int, str, str | None]], sort: Sort, limit: int
) -> None:
    pages: list[list[CloudFile]] = []
    position: Position | None = None
    while not pages or position is not None:
        collector = Collector(limit, sort, position)
        for batch in batches(rows):
            collector.add(batch)
        files, position = collector.page()
        assert collector.is_full == (position is not None)
        pages.append(files)
    assert [file for page in pages for file in page] == in_order(rows, sort)
    assert all(len(page) == limit for page in pages[:-1])


@given(_files, st.sampled_from(SORTS), st.integers(0, 5))
def test_the_totals_are_of_all_files_whatever_the_page(
    rows: list[tuple[str, int, str, str | None]], sort: Sort, limit: int
) -> None:
    collector = Collector(limit, sort)
    for batch in batches(rows):
        collector.add(batch)
    totals = collector.totals
    assert (totals.files, totals.bytes) == (len(rows), sum(row[1] for row in rows))
    assert totals.newest == max((row[2] for row in rows), default=None)
    assert totals.oldest == min((row[2] for row in rows), default=None)
    assert totals.extensions == Counter(extension_of(row[0]) for row in rows)
    assert list(totals.extensions.values()) == sorted(totals.extensions.values(), reverse=True)


def test_a_page_of_none_is_for_the_totals_and_never_full() -> None:
    collector = Collector(0)
    collector.add(columns([("a.mp4", 1, TIMES[0], None)]))
    assert collector.page() == ([], None)
    assert not collector.is_full
    assert collector.totals.files == 1


@pytest.mark.parametrize(
    ("path", "name", "extension"),
    [
        ("a/Video.MP4", "Video.MP4", ".mp4"),
        ("a.b/c", "c", ""),
        (".mp4", ".mp4", ""),
        ("a/.hidden.mov", ".hidden.mov", ".mov"),
        ("archive.tar.gz", "archive.tar.gz", ".gz"),
        ("a..mp4", "a..mp4", ".mp4"),
        ("ends.", "ends.", ""),
        ("dir.d/", "dir.d", ".d"),
    ],
)
def test_a_file_tells_its_name_and_extension(path: str, name: str, extension: str) -> None:
    file = cloud_file(path, 7, TIMES[0], "video/mp4")
    assert (file.path, file.name, file.extension) == (path, name, extension)
    assert (file.size_bytes, file.last_modified, file.content_type) == (7, TIMES[0], "video/mp4")
