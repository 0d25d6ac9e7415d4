"""What a listing holds while its first part or its taker is late, and that matching leaves others their turn."""

from __future__ import annotations

import time
from dataclasses import replace

import anyio
import pytest
from anyio.lowlevel import checkpoint

from mcp_server import progress
from mcp_server.embedded.storage import Query, StorageFault, listing, page, walk
from mcp_server.embedded.storage.glob import Glob
from mcp_server.embedded.storage.listing import Listing
from mcp_server.embedded.storage.matching import matching_names
from mcp_server.embedded.storage.objects import Page
from mcp_server.embedded.storage.spans import Span
from mcp_server.file_pages import Collector, Columns
from tests.embedded.storage.clouds import QUICK
from tests.embedded.storage.shelf import TIME, Shelf
from tests.embedded.storage.test_listing import AT_ONCE, walked

pytestmark = pytest.mark.anyio

MOST_HELD = 160
FOLDERS = {2: 350, 40: 20}


def columns_of(paths: list[str]) -> Columns:
    return Columns(paths, [7] * len(paths), [TIME] * len(paths), [None] * len(paths))


class LateShelf(Shelf):
    """Folders, of a file a page. The first is late with all but its first page, and the others never wait."""

    def __init__(self, folders: int, pages: int, *inner: str) -> None:
        ends = [*(f"{number:04}" for number in range(pages)), *inner]
        keys = [f"{folder:02}/{end}" for folder in range(folders + 1) for end in ends]
        super().__init__(dict.fromkeys(keys, b"content"), page_size=1, starts_anywhere=False)
        self.is_on_time = anyio.Event()
        self.given = 0

    async def list_page(
        self, prefix: str, *, delimiter: str = "", start_after: str = "", mark: str = "", most: int = 1000
    ) -> Page:
        await anyio.sleep(0.001)
        if (prefix == "00/" and mark) or (not prefix and mark > "00/0001"):
            await self.is_on_time.wait()
        self.page_size = 1000 if delimiter else 1
        found = await super().list_page(prefix, delimiter=delimiter, start_after=start_after, mark=mark, most=most)
        self.given += not delimiter
        return found


@pytest.mark.parametrize(("folders", "pages"), FOLDERS.items())
async def test_while_the_first_part_is_late_what_is_held_of_the_others_has_a_bound(
    folders: int, pages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_MOST_HELD", 96)
    monkeypatch.setattr(listing, "_HELD_IN_FRONT", 16)
    shelf, found = LateShelf(folders, pages), list[str]()

    async def take() -> None:
        async for files in walk(shelf, Query("", "*", recursive=True), AT_ONCE):
            found.extend(files.paths)

    async with anyio.create_task_group() as taking:
        taking.start_soon(take)
        given = -1
        while given < shelf.given:
            given = shelf.given
            await anyio.sleep(0.2)
        assert len(found) <= 3
        assert 20 < given <= MOST_HELD
        shelf.is_on_time.set()
    assert found == sorted(shelf.contents)


async def test_folders_are_not_looked_at_while_much_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_MOST_HELD", 96)
    monkeypatch.setattr(listing, "_HELD_IN_FRONT", 16)
    shelf, found, counts = LateShelf(60, 40, "x/1", "y/1"), list[str](), list[int]()

    async def take() -> None:
        with progress.told_to(counts.append):
            found.extend(await walked(shelf, Query("", "*", recursive=True)))

    async with anyio.create_task_group() as taking:
        taking.start_soon(take)
        seen = -1
        while seen < sum(counts):
            seen = sum(counts)
            await anyio.sleep(0.2)
        assert 96 <= seen <= MOST_HELD + 4 * 40
        shelf.is_on_time.set()
    assert found == sorted(shelf.contents)
    assert sum(counts) == len(found)


@pytest.mark.parametrize("starts_anywhere", [True, False])
async def test_pages_that_come_while_one_is_taken_are_each_taken_after_it_in_order(*, starts_anywhere: bool) -> None:
    shelf = Shelf.of(f"{folder:02}/{number:03}" for folder in range(20) for number in range(30))
    shelf.page_size, shelf.starts_anywhere = 10, starts_anywhere
    found: list[str] = []
    taking = most_taking = 0

    async def take(files: Columns) -> None:
        nonlocal taking, most_taking
        taking += 1
        most_taking = max(taking, most_taking)
        for _ in range(50):
            await checkpoint()
        found.extend(files.paths)
        taking -= 1

    whole = Listing(shelf, [Span("")], take, AT_ONCE)
    await whole.run()
    assert whole.is_complete
    assert (found, most_taking) == (sorted(shelf.contents), 1)


SECONDS_A_KEY = 0.006


def slow(_: str) -> bool:
    time.sleep(SECONDS_A_KEY)
    return True


async def test_a_slow_pattern_leaves_others_their_turn_after_each_key() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await checkpoint()
            turns += 1

    files = columns_of([f"{number}.mp4" for number in range(20)])
    async with anyio.create_task_group() as group:
        group.start_soon(others)
        assert await matching_names(Glob("", slow), files) == files
        group.cancel_scope.cancel()
    assert turns >= 18


async def test_a_slow_pattern_ends_with_the_time_of_the_listing() -> None:
    query = Query("", "[a-z]*", recursive=True)
    object.__setattr__(query, "_glob", Glob("", slow))
    shelf = Shelf.of(f"{number:04}" for number in range(1000))
    shelf.page_size = 1000
    collector = Collector(1000)
    with pytest.raises(StorageFault) as caught:
        await page(shelf, query, collector, wants_totals=True, limits=replace(QUICK, browse=0.05))
    assert caught.value.code == "storage_listing_too_long"
    assert collector.totals.files == 0
