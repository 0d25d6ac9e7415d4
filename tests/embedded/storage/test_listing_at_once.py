"""When a storage is asked for several pages at once, and what bounds it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server import progress
from mcp_server.embedded.storage import Limits, Query, Storage, StorageFault, page, walk
from mcp_server.embedded.storage.objects import Page
from mcp_server.fields import Sort
from mcp_server.file_pages import Collector, Columns
from tests.bench.s3_listing import SHAPES, Bucket
from tests.embedded.storage.clouds import QUICK
from tests.embedded.storage.shelf import Shelf
from tests.embedded.storage.test_listing import AT_ONCE, ONE_AFTER_ANOTHER, opened, paged, walked

pytestmark = pytest.mark.anyio

ALL = Query("", "*", recursive=True)
SOON = 0.01


def bucket_of(shape: str, keys: int = 3000, page_size: int = 20) -> Bucket:
    return Bucket(SHAPES[shape](keys), page_size=page_size, seconds=SOON)


async def filled(bucket: Bucket, limits: Limits, *, wants_totals: bool, limit: int = 5) -> tuple[bool, Collector]:
    collector = Collector(limit)
    async with opened(bucket) as storage:
        whole = await page(storage, ALL, collector, wants_totals=wants_totals, limits=limits)
    return whole, collector


@pytest.mark.parametrize("shape", ["tree", "flat", "random"])
async def test_a_late_provider_is_asked_for_many_pages_at_once_and_not_for_more_than_32(shape: str) -> None:
    bucket = bucket_of(shape)
    whole, collector = await filled(bucket, replace(QUICK, latency=SOON / 2), wants_totals=True)
    assert (whole, collector.totals.files) == (True, 3000)
    assert 12 <= bucket.peak <= 32
    pages = [asked for asked in bucket.asked if "max-keys" not in asked and "delimiter" not in asked]
    assert len(pages) < 3000 / 20 * 1.8
    assert len(bucket.asked) < 600


async def test_a_provider_that_answers_at_once_is_asked_for_one_page_after_another() -> None:
    bucket = bucket_of("tree")
    bucket.seconds = 0
    await filled(bucket, ONE_AFTER_ANOTHER, wants_totals=True)
    assert (bucket.peak, len(bucket.asked)) == (1, 150)


async def test_a_page_that_needs_no_totals_ends_the_listing_when_it_is_full() -> None:
    bucket = bucket_of("flat")
    whole, collector = await filled(bucket, AT_ONCE, wants_totals=False)
    assert not whole
    assert len(collector.page()[0]) == 5
    assert len(bucket.asked) == 1


async def test_a_page_that_is_not_full_soon_is_looked_for_at_once() -> None:
    bucket = bucket_of("flat")
    collector = Collector(1)
    async with opened(bucket) as storage:
        query = Query("", "clip-00029*0.mp4", recursive=True)
        await page(storage, query, collector, wants_totals=False, limits=AT_ONCE)
    assert [file.name for file in collector.page()[0]] == ["clip-0002900.mp4"]
    assert bucket.peak > 4


async def test_totals_that_take_too_long_are_given_up_and_the_page_is_there() -> None:
    bucket = bucket_of("flat")
    whole, collector = await filled(bucket, replace(ONE_AFTER_ANOTHER, totals=5 * SOON), wants_totals=True)
    assert not whole
    assert len(collector.page()[0]) == 5
    assert len(bucket.asked) < 50


@pytest.mark.parametrize("sort", ["path", "size"])
async def test_a_listing_that_takes_too_long_is_a_fault_while_the_page_is_not_made(sort: Sort) -> None:
    limits = replace(ONE_AFTER_ANOTHER, browse=5 * SOON)
    async with opened(bucket_of("flat")) as storage:
        with pytest.raises(StorageFault) as caught:
            await page(storage, ALL, Collector(1000, sort), wants_totals=True, limits=limits)
    assert caught.value.code == "storage_listing_too_long"


@pytest.mark.parametrize("most_at_once", [1, 4])
async def test_a_provider_that_throttles_is_asked_for_fewer_pages_at_once(most_at_once: int) -> None:
    bucket = bucket_of("tree", 1500)
    bucket.most_at_once = most_at_once
    whole, collector = await filled(bucket, AT_ONCE, wants_totals=True)
    assert (whole, collector.totals.files) == (True, 1500)
    assert bucket.throttled > 0


async def test_what_fails_alone_has_failed() -> None:
    bucket = bucket_of("tree")
    bucket.most_at_once = 0
    with pytest.raises(StorageFault) as caught:
        await filled(bucket, AT_ONCE, wants_totals=True)
    assert caught.value.code == "storage_throttled"
    assert len(bucket.asked) == 3


async def test_a_fault_far_behind_comes_after_the_files_before_it() -> None:
    bucket = bucket_of("flat")
    bucket.broken_after = bucket.keys[2000]
    found: list[str] = []

    async def take(storage: Storage) -> None:
        async for files in walk(storage, ALL, AT_ONCE):
            found.extend(files.paths)

    async with opened(bucket) as storage:
        with pytest.raises(StorageFault):
            await take(storage)
    assert found == bucket.keys[: len(found)]
    assert 2000 <= len(found) <= 2020


async def test_a_fault_behind_a_page_that_is_full_is_none() -> None:
    bucket = bucket_of("flat")
    bucket.broken_after = bucket.keys[2000]
    whole, collector = await filled(bucket, AT_ONCE, wants_totals=False, limit=900)
    assert not whole
    assert [file.path for file in collector.page()[0]] == bucket.keys[:900]


async def test_a_fault_while_totals_are_counted_leaves_the_page_without_them() -> None:
    bucket = bucket_of("flat")
    bucket.broken_after = bucket.keys[200]
    whole, collector = await filled(bucket, ONE_AFTER_ANOTHER, wants_totals=True)
    assert not whole
    assert [file.path for file in collector.page()[0]] == bucket.keys[:5]


async def test_nothing_is_listed_while_nobody_takes_what_was_found() -> None:
    bucket = bucket_of("flat")
    async with opened(bucket) as storage, aclosing(walk(storage, ALL, AT_ONCE)) as listing:
        assert (await anext(listing)).paths == bucket.keys[:20]
        asked = len(bucket.asked)
        await anyio.sleep(5 * SOON)
        assert (len(bucket.asked), bucket.at_once) == (asked, 0)
        assert asked <= 2


async def test_a_listing_that_is_given_up_asks_for_nothing_more() -> None:
    bucket = bucket_of("tree")
    async with opened(bucket) as storage:
        with anyio.move_on_after(8 * SOON) as given_up:
            await page(storage, ALL, Collector(0), wants_totals=True, limits=AT_ONCE)
        assert given_up.cancelled_caught
        asked = len(bucket.asked)
        await anyio.sleep(3 * SOON)
        assert len(bucket.asked) == asked < 150


@pytest.mark.parametrize("shape", ["tree", "flat", "random"])
async def test_whoever_asked_hears_how_many_files_were_seen(shape: str) -> None:
    counts: list[int] = []
    with progress.told_to(counts.append):
        await filled(bucket_of(shape), AT_ONCE, wants_totals=True)
    assert sum(counts) == 3000
    assert len(counts) > 100


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
