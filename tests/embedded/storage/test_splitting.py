"""Where a span is cut, by keys or by folders, and when it is left whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mcp_server import transport_pool
from mcp_server.embedded.storage import Query, Storage, StorageFault, splitting
from mcp_server.embedded.storage.objects import Page
from mcp_server.embedded.storage.paging import pages
from mcp_server.embedded.storage.spans import Span
from mcp_server.embedded.storage.splitting import parts_by_key
from mcp_server.embedded.storage.subfolders import parts_by_folder
from tests.embedded.storage.clouds import QUICK, cloud, fault_of_listing
from tests.embedded.storage.shelf import Shelf, denied
from tests.embedded.storage.test_listing import AT_ONCE, walked
from tests.emulators.http_server import Reply

pytestmark = pytest.mark.anyio

ALL = Query("", "*", recursive=True)


def at(key: str) -> Span:
    """A span that has seen this key last."""
    return Span("", last=key, sample=[key])


def shelf_of(*keys: str) -> Shelf:
    shelf = Shelf.of(keys)
    shelf.page_size = 1000
    return shelf


async def test_of_many_folders_some_are_taken_that_are_evenly_spread() -> None:
    shelf = shelf_of("a/0", *(f"b{number:03}/x" for number in range(640)))
    parts = await parts_by_key(shelf.list_page, Span("", last="a/0"))
    assert [part.after for part in parts] == [f"b{number:03}/" for number in range(0, 640, 20)]
    assert [part.until for part in parts] == [*[part.after for part in parts[1:]], ""]


async def test_a_flat_folder_is_cut_where_its_names_differ() -> None:
    span = Span("in/", last="in/clip-0009.mp4", sample=("in/clip-0001.mp4",))
    shelf = shelf_of(*(f"in/clip-{number:04}.mp4" for number in range(0, 5000, 3)))
    parts = await parts_by_key(shelf.list_page, span)
    assert {"in/clip-1", "in/clip-2", "in/clip-3", "in/clip-4"} < {part.after for part in parts}
    assert span.until == parts[0].after > span.last


@pytest.mark.parametrize(
    ("last", "until"), [("in/b", ""), ("in/b", "in/b0"), ("in/", ""), ("in/\U0010ffff\ud7ff", ""), ("in/a", "in/a")]
)
async def test_where_nothing_is_left_nothing_is_cut(last: str, until: str) -> None:
    span = Span("in/", last=last, until=until)
    assert await parts_by_key(shelf_of("in/a", "in/b").list_page, span) == []
    assert (span.until, span.patience) == (until, 4)


@pytest.mark.parametrize(
    ("character", "following"),
    [("a", "b"), ("\ud7ff", "\ue000"), ("\U0010ffff", "\U0010ffff"), ("\uffff", "\U00010000")],
)
def test_the_text_behind_a_character_is_unicode(character: str, following: str) -> None:
    assert splitting.behind(f"x{character}y", 1) == f"x{following}"


async def test_a_probe_that_fails_is_a_cut_less_and_no_fault() -> None:
    shelf = shelf_of("a/1", "b/1", "c/1")
    shelf.faults["list"] = denied()
    assert await parts_by_key(shelf.list_page, Span("", last="a/1")) == []
    assert await parts_by_folder(shelf.list_page, at("a/1")) == []


async def test_folders_and_the_files_between_them_are_parts() -> None:
    shelf = shelf_of("a/1", "a/2", "b.mp4", "c/1", "d.mp4", "e.mp4", "f/1")
    shelf.starts_anywhere = False
    span = at("a/1")
    parts = await parts_by_folder(shelf.list_page, span)
    assert span.until > "a/2"
    assert [(part.prefix, [[*files.paths] for files in part.held]) for part in parts] == [
        ("", [["b.mp4"]]),
        ("c/", []),
        ("", [["d.mp4", "e.mp4"]]),
        ("f/", []),
    ]


async def test_a_tree_below_one_folder_is_cut_below_it() -> None:
    shelf = shelf_of("media/a/1", "media/a/2", "media/b.mp4", "media/c/1", "media/d/1", "notes.txt", "other/1")
    span = at("media/a/1")
    parts = await parts_by_folder(shelf.list_page, span)
    assert "media/a/2" < span.until < "media/b.mp4"
    assert [(part.prefix, [[*files.paths] for files in part.held]) for part in parts] == [
        ("", [["media/b.mp4"]]),
        ("media/c/", []),
        ("media/d/", []),
        ("", [["notes.txt"]]),
        ("other/", []),
    ]
    assert await parts_by_folder(shelf.list_page, span) == []


@pytest.mark.parametrize(
    ("reached", "prefixes"),
    [
        ("m/a/2", ["m/b/", "m/c/", "m/d/", "", "x/"]),
        ("m/b/1", ["m/c/", "m/d/", "", "x/"]),
        ("m/c/1", ["m/d/", "", "x/"]),
        ("m/d/1", []),
        ("x/1", []),
    ],
)
async def test_what_was_listed_while_the_levels_were_looked_at_is_in_no_part(reached: str, prefixes: list[str]) -> None:
    shelf = shelf_of("m/a/1", "m/a/2", "m/b/1", "m/c/1", "m/d/1", "m/e.mp4", "x/1")
    span = at("m/a/1")

    async def ask(prefix: str, **bounds: Any) -> Page:
        span.last = reached if prefix else span.last
        return await shelf.list_page(prefix, **bounds)

    assert [part.prefix for part in await parts_by_folder(ask, span)] == prefixes
    assert not prefixes or reached < span.until < prefixes[0]


@pytest.mark.parametrize("page_size", [1, 1000])
async def test_a_level_of_many_pages_or_of_few_folders_is_left_whole(page_size: int) -> None:
    shelf = shelf_of("a.mp4", "b.mp4", "c.mp4", "d.mp4", "e/1")
    shelf.page_size = page_size
    span = at("a.mp4")
    assert await parts_by_folder(shelf.list_page, span) == []
    assert span.patience == 4
    assert shelf.listed == [("", "/")]


async def test_a_level_is_asked_for_in_the_largest_pages_that_azure_gives() -> None:
    shelf = shelf_of("a/1", "b/1", "c/1")
    sizes: list[int] = []

    async def ask(prefix: str, *, most: int, **bounds: Any) -> Page:
        sizes.append(most)
        return await shelf.list_page(prefix, **bounds)

    assert len(await parts_by_folder(ask, at("a/1"))) == 2
    assert sizes == [5000]


async def test_a_span_of_which_no_file_was_seen_is_left_whole_until_its_next_page() -> None:
    shelf = shelf_of("a/1", "b/1", "c/1")
    span = Span("", after="a/1", pages=2)
    assert await parts_by_folder(shelf.list_page, span) == []
    assert (shelf.listed, span.patience) == ([], 3)


@pytest.mark.parametrize(("folders", "parts"), [(1_001, 1_000), (1_002, 0)])
async def test_very_many_folders_are_left_together(folders: int, parts: int) -> None:
    shelf = shelf_of(*(f"{number:04}/1" for number in range(folders)))
    shelf.page_size = 5_000
    assert len(await parts_by_folder(shelf.list_page, at("0000/1"))) == parts


async def test_no_level_is_looked_at_below_one_that_has_folders_enough() -> None:
    shelf = shelf_of("m/n/a/1", "m/n/b/1", "m/n/c/1", "x/1", "y/1")
    parts = await parts_by_folder(shelf.list_page, at("m/n/a/1"))
    assert [part.prefix for part in parts] == ["x/", "y/"]
    assert shelf.listed == [("", "/")]


async def test_a_tree_that_is_deeper_than_what_is_looked_at_is_left_whole() -> None:
    deep = "".join(f"{number:02}/" for number in range(splitting.MOST_LEVELS + 4))
    between = deep[: -len("00/") * 2] + "z.mp4"
    shelf = shelf_of(f"{deep}1", f"{deep}b/1", f"{deep}c/1", between)
    span = at(f"{deep}1")
    assert await parts_by_folder(shelf.list_page, span) == []
    assert span.until == ""


async def test_folders_behind_files_of_the_same_folder_are_parts() -> None:
    shelf = shelf_of("m/1.mp4", "m/2.mp4", "m/a/1", "m/b/1", "m/c/1")
    span = Span("m/", last="m/1.mp4", sample=["m/1.mp4"])
    parts = await parts_by_folder(shelf.list_page, span)
    assert [part.prefix for part in parts] == ["", "m/a/", "m/b/", "m/c/"]
    assert span.until == "m/1.mp4"


async def test_files_between_folders_are_walked_in_their_places() -> None:
    keys = [f"{folder}{end}" for folder in "abcd" for end in ("-1", "/1", "/2", "/3", "0")]
    shelf = shelf_of(*keys)
    shelf.starts_anywhere, shelf.page_size = False, 3
    assert await walked(shelf, ALL) == sorted(keys)


async def test_keys_out_of_order_are_no_listing_of_s3(open_at: Callable[..., Storage]) -> None:
    stored = "<Contents><Key>{}</Key><LastModified>2026-04-01T12:00:00Z</LastModified><Size>1</Size></Contents>"
    body = (
        f"<ListBucketResult><IsTruncated>false</IsTruncated>{stored.format('b')}{stored.format('a')}</ListBucketResult>"
    )
    with cloud(Reply(200, body.encode())) as served:
        fault = await fault_of_listing(open_at(served.url))
    assert "a listing in the order of its keys" in fault.message


async def test_pages_that_go_round_in_circles_end(open_at: Callable[..., Storage]) -> None:
    mark = "<IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>"
    circle = Reply(200, f"<ListBucketResult>{mark}</ListBucketResult>".encode())
    with cloud(circle) as served, pytest.raises(StorageFault, match="a listing that ends"):
        [page async for page in pages(open_at(served.url), "")]


async def test_connections_that_were_idle_for_long_are_not_used_again(
    open_at: Callable[..., Storage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_pool, "IDLE_SECONDS", -1)
    empty = Reply(200, b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
    with cloud(empty) as served:
        storage = open_at(served.url, limits=replace(QUICK, latency=AT_ONCE.latency))
        assert [await walked(storage, ALL) for _ in range(3)] == [[], [], []]
