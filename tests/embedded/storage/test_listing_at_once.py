"""When a storage is asked for several pages at once, and what bounds it."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace

import anyio
import pytest

from mcp_server import progress
from mcp_server.embedded.storage import Limits, Query, Storage, StorageFault, page, walk
from mcp_server.fields import Sort
from mcp_server.file_pages import Collector
from tests.bench.s3_listing import SHAPES, Bucket
from tests.embedded.storage.clouds import QUICK
from tests.embedded.storage.test_listing import AT_ONCE, ONE_AFTER_ANOTHER, opened

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
