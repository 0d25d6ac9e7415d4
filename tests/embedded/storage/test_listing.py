"""Whatever is listed at once, what comes out is what one page after another gives."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.embedded.storage import Limits, Query, Storage, Storages, page, walk
from mcp_server.fields import Sort
from mcp_server.file_pages import Collector, Position
from tests.bench.s3_listing import Bucket, serving
from tests.embedded.storage.clouds import QUICK, settings_at, some_account

pytestmark = pytest.mark.anyio

AT_ONCE = replace(QUICK, latency=-1)
ONE_AFTER_ANOTHER = replace(QUICK, latency=1000)

_CHARACTERS = "ab0129/-.\n%+&<\N{CLAPPER BOARD}\uff5e\ud7ff\ue000"


def _run_of(stem: str, number: int) -> set[str]:
    return {f"{stem}{each:03}.mp4" for each in range(number)}


def _all_of(keys: set[str], runs: list[set[str]]) -> list[str]:
    return sorted(keys.union(*runs))


def _query(prefix: str, pattern: str, recursive: bool) -> Query:  # noqa: FBT001 - what is drawn comes by position
    return Query(prefix, pattern, recursive=recursive or "/" in pattern)


_names = st.text(_CHARACTERS, max_size=5)
_trees = st.lists(st.sampled_from(["a", "b", "0", "long-shared-beginning-"]), max_size=3).map("/".join)
_keys = st.builds("{}{}{}".format, _trees, _names, st.sampled_from([".mp4", ".mov", "/", ""])).filter(bool)
_runs = st.builds(_run_of, _trees | _names, st.integers(1, 40))
_buckets = st.builds(_all_of, st.sets(_keys, max_size=40), st.lists(_runs, max_size=2))
_queries = st.builds(
    _query,
    st.sampled_from(["", "a", "a/", "long-", "b/a"]),
    st.sampled_from(["*", "*.mp4", "*.{mp4,mov}", "*0*", "a/*", "**/*1.mp4"]),
    st.booleans(),
)
_sorts: st.SearchStrategy[Sort] = st.sampled_from(("path", "size", "time"))


@asynccontextmanager
async def opened(bucket: Bucket) -> AsyncGenerator[Storage]:
    async with serving(bucket) as url:
        storages = Storages(settings_at(url), QUICK)
        async with aclosing(storages):
            yield storages.open(some_account("s3"))


async def walked(storage: Storage, query: Query, limits: Limits = AT_ONCE) -> list[str]:
    return [path async for files in walk(storage, query, limits) for path in files.paths]


@settings(max_examples=40)
@given(_buckets, _queries, st.integers(1, 5), st.sampled_from([1, 3, 100]))
async def test_a_walk_gives_the_same_files_in_the_same_order(
    keys: list[str], query: Query, page_size: int, most_at_once: int
) -> None:
    bucket = Bucket(keys, page_size=page_size)
    async with opened(bucket) as storage:
        expected = await walked(storage, query, ONE_AFTER_ANOTHER)
        bucket.most_at_once = most_at_once
        assert await walked(storage, query) == expected
    assert expected == sorted(expected)
    assert bucket.at_once == 0


@settings(max_examples=40)
@given(_buckets, _queries, st.integers(1, 5), _sorts, st.tuples(st.integers(0, 7), st.booleans()))
async def test_a_page_and_the_totals_are_the_same(
    keys: list[str], query: Query, page_size: int, sort: Sort, wanted: tuple[int, bool]
) -> None:
    limit, wants_totals = wanted
    async with opened(Bucket(keys, page_size=page_size)) as storage:
        one, other = Collector(limit, sort), Collector(limit, sort)
        whole = await page(storage, query, one, wants_totals=wants_totals, limits=AT_ONCE)
        await page(storage, query, other, wants_totals=True, limits=ONE_AFTER_ANOTHER)
    assert one.page() == other.page()
    if whole:
        assert one.totals == other.totals
    assert whole or not (wants_totals or sort != "path" or limit == 0)


async def paged(storage: Storage, query: Query, limit: int) -> list[str]:
    """Page after page, each from where the one before it ended."""
    paths: list[str] = []
    position: Position | None = ("", "")
    while position is not None:
        collector = Collector(limit)
        await page(storage, query, collector, wants_totals=False, start_after=position[1], limits=AT_ONCE)
        files, position = collector.page()
        paths += [file.path for file in files]
    return paths


@settings(max_examples=40)
@given(_buckets, _queries, st.integers(1, 5), st.integers(1, 7))
async def test_pages_that_start_behind_each_other_are_the_walk(
    keys: list[str], query: Query, page_size: int, limit: int
) -> None:
    async with opened(Bucket(keys, page_size=page_size)) as storage:
        assert await paged(storage, query, limit) == await walked(storage, query)
