"""Where no listing starts in the middle, folders are listed at once: no file is lost or doubled in any order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server import progress
from mcp_server.embedded.storage import Query, page
from mcp_server.embedded.storage.objects import Page
from mcp_server.file_pages import Collector, Columns
from tests.embedded.storage.shelf import Shelf
from tests.embedded.storage.test_listing import AT_ONCE, paged, walked

pytestmark = pytest.mark.anyio

ALL = Query("", "*", recursive=True)


async def test_files_seen_between_folders_are_told_too() -> None:
    keys = [f"{folder}/{number:03}" for folder in "abcdef" for number in range(200)] + ["aa", "bb", "ff"]
    shelf = Shelf.of(keys)
    shelf.starts_anywhere, shelf.page_size = False, 50
    counts: list[int] = []
    with progress.told_to(counts.append):
        assert await walked(shelf, ALL) == sorted(keys)
    assert sum(counts) == len(keys)


_names = st.lists(st.sampled_from(["a", "b", "a-1", "long", "\N{CLAPPER BOARD}"]), min_size=1, max_size=4).map("/".join)
_keys = st.sets(st.tuples(_names, st.integers(0, 30)).map("{0[0]}-{0[1]:02}".format), max_size=150)


@given(_keys, st.integers(1, 5), st.integers(4, 40))
async def test_where_no_listing_starts_in_the_middle_folders_are_listed_at_once(
    keys: set[str], page_size: int, limit: int
) -> None:
    shelf = Shelf.of(keys)
    shelf.starts_anywhere, shelf.page_size = False, page_size
    assert await walked(shelf, ALL) == sorted(keys)
    assert await paged(shelf, ALL, limit) == sorted(keys)
    collector = Collector(3)
    assert await page(shelf, ALL, collector, wants_totals=True, limits=AT_ONCE)
    assert [file.path for file in collector.page()[0]] == sorted(keys)[:3]
    assert collector.totals.files == len(keys)


@pytest.mark.parametrize("prefix", ["", "media/", "media/c"])
async def test_pages_that_lie_wholly_before_the_cursor_neither_repeat_nor_lose_a_file(prefix: str) -> None:
    keys = [f"media/{folder}/{number:02}" for folder in "abcdef" for number in range(20)]
    shelf = Shelf.of([*keys, "zoo/1", "zoo/2"])
    shelf.starts_anywhere, shelf.page_size = False, 5
    query = Query(prefix, "*", recursive=True)
    assert await paged(shelf, query, 15) == sorted(key for key in shelf.contents if key.startswith(prefix))


async def test_folders_are_listed_at_once_unless_they_are_many_and_small() -> None:
    large = Shelf.of(f"{folder}/{number:03}" for folder in "abcdef" for number in range(200))
    below = Shelf.of(f"in/2026/{folder}/{number:03}" for folder in "abcdef" for number in range(200))
    small = Shelf.of(f"{folder:04}/{number}" for folder in range(600) for number in range(2))
    for shelf, most in ((large, 8), (below, 8), (small, 1)):
        shelf.starts_anywhere, shelf.page_size = False, 50
        assert len(await walked(shelf, ALL)) == 1200
        assert len({prefix for prefix, delimiter in shelf.listed if not delimiter}) <= most
    assert {"b/", "f/"} < {prefix for prefix, _ in large.listed}
    assert {"in/2026/b/", "in/2026/f/"} < {prefix for prefix, _ in below.listed}


class InTurns(Shelf):
    """Answers all that is asked at a time together, when nothing more is asked."""

    turn: anyio.Event

    async def list_page(
        self, prefix: str, *, delimiter: str = "", start_after: str = "", mark: str = "", most: int = 1000
    ) -> Page:
        await self.turn.wait()
        self.page_size = 1000 if delimiter else 50
        return await super().list_page(prefix, delimiter=delimiter, start_after=start_after, mark=mark, most=most)

    async def turns(self) -> int:
        """How many of them the whole listing takes."""
        self.turn, turns = anyio.Event(), 0
        async with anyio.create_task_group() as tasks:

            async def take() -> None:
                assert await walked(self, ALL) == sorted(self.contents)
                tasks.cancel_scope.cancel()

            tasks.start_soon(take)
            while True:
                await anyio.wait_all_tasks_blocked()
                self.turn.set()
                self.turn, turns = anyio.Event(), turns + 1
        return turns


async def test_files_beside_the_folders_hinder_no_listing_at_once() -> None:
    folders = [f"{folder:03}/{number:03}" for folder in range(120) for number in range(200)]
    bare = InTurns.of(folders)
    beside = InTurns.of([*folders, *(f"{folder:03}.txt" for folder in range(120))])
    for shelf in (bare, beside):
        shelf.starts_anywhere = False
        assert isinstance(shelf, InTurns)
        assert await shelf.turns() < 30


class InOtherOrder(Shelf):
    """Lists as a store that compares names in another way; its folders are told when it has shown that."""

    def __init__(self, keys: Iterable[str], order: Callable[[str], Any]) -> None:
        super().__init__(dict.fromkeys(keys, b"content"), page_size=10, starts_anywhere=False)
        self.order = order
        self.shown = anyio.Event()

    async def list_page(
        self, prefix: str, *, delimiter: str = "", start_after: str = "", mark: str = "", most: int = 1000
    ) -> Page:
        if delimiter:
            await self.shown.wait()
            return await super().list_page(prefix, delimiter=delimiter, start_after=start_after, mark=mark, most=most)
        keys = sorted((key for key in self.contents if key.startswith(prefix)), key=self.order)
        begin = int(mark or "0")
        end = begin + self.page_size
        files = keys[begin:end]
        is_sorted = files == sorted(files) and max(keys[:begin], default="") <= min(files)
        if not is_sorted:
            self.shown.set()
        columns = Columns(files, [7] * len(files), ["2026-04-01T12:00:00Z"] * len(files), [None] * len(files))
        return Page(columns, [], str(end) if end < len(keys) else "", is_sorted)


def by_utf16(key: str) -> bytes:
    return key.encode("utf-16-be")


@pytest.mark.parametrize(
    ("order", "tops"),
    [
        (by_utf16, "ab\U0001f600\U0001f601\U0001f602\U0001f603\uff21\uff22"),
        (str.casefold, "aBcDeFgH"),
    ],
    ids=["by UTF-16", "without regard to case"],
)
async def test_a_provider_that_turns_out_to_have_another_order_loses_no_file(
    order: Callable[[str], Any], tops: str
) -> None:
    keys = {f"{top}/{number:02}" for top in tops for number in range(25)}
    collector = Collector(len(keys))
    with anyio.fail_after(20):
        assert await page(InOtherOrder(keys, order), ALL, collector, wants_totals=True, limits=AT_ONCE)
    assert [file.path for file in collector.page()[0]] == sorted(keys)
    assert collector.totals.files == len(keys)
