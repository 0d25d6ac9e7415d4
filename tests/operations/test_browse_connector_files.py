"""browse_connector_files: finding media in a bucket as it really is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.file_rows import paths_of, rows_of
from tests.operations.conftest import Desk
from tests.sessions import Json

pytestmark = pytest.mark.anyio

MEDIA = (
    "incoming/2026/04/interview.mp4",
    "incoming/2026/04/interview.srt",
    "incoming/2026/05/skyline.MOV",
    "incoming/2026/05/skyline.mov",
    "incoming/teaser.mp4",
    "incoming-old/teaser.mp4",
    "poster.jpg",
    "promo.mp4",
)
FINDS: tuple[tuple[Json, tuple[str, ...]], ...] = (
    ({}, MEDIA),
    ({"pattern": "*.mp4"}, tuple(path for path in MEDIA if path.endswith(".mp4"))),
    ({"pattern": "*.{mov,srt}"}, ("incoming/2026/04/interview.srt", "incoming/2026/05/skyline.mov")),
    ({"pattern": "??ster.*"}, ("poster.jpg",)),
    ({"pattern": "skyline.[mM][oO][vV]"}, ("incoming/2026/05/skyline.MOV", "incoming/2026/05/skyline.mov")),
    ({"prefix": "incoming/", "recursive": False}, ("incoming/teaser.mp4",)),
    ({"recursive": False}, ("poster.jpg", "promo.mp4")),
    ({"prefix": "inc", "pattern": "teaser*"}, ("incoming-old/teaser.mp4", "incoming/teaser.mp4")),
    ({"prefix": "incoming/", "pattern": "2026/*/*.srt"}, ("incoming/2026/04/interview.srt",)),
    ({"pattern": "incoming/**/*.mp4"}, ("incoming/2026/04/interview.mp4", "incoming/teaser.mp4")),
    ({"prefix": "", "pattern": None, "recursive": "false"}, ("poster.jpg", "promo.mp4")),
    ({"prefix": "nowhere/"}, ()),
)
ODD = ("a//b.mp4", "trail ing.mp4", "plus+and&amp;.mp4", "per%20cent.mp4", "ünïcode-😀.mp4", "quote\"'.mp4", "#?.mp4")


async def browsing(desk: Desk, keys: tuple[str, ...] = ()) -> str:
    """The id of a connector to a new bucket with these keys; the nth has n bytes."""
    bucket = desk.emulator.new_bucket()
    for size, key in enumerate(keys):
        desk.emulator.put(key, bytes(size), bucket=bucket)
    connector_id: str = (await desk.create(**{desk.emulator.bucket_field: bucket}))["connector_id"]
    return connector_id


async def test_files_are_found_by_prefix_and_pattern(desk: Desk) -> None:
    connector_id = await browsing(desk, MEDIA)
    for arguments, expected in FINDS:
        listing = await desk.session.call("browse_connector_files", connector_id=connector_id, **arguments)
        assert paths_of(listing) == sorted(expected), arguments
        assert listing["total_files"] == len(expected)
        assert listing["total_bytes"] == sum(map(MEDIA.index, expected))
        assert listing["truncated"] is False


async def test_odd_keys_are_listed_exactly_as_they_are(desk: Desk) -> None:
    connector_id = await browsing(desk, ODD)
    listing = await desk.session.call("browse_connector_files", connector_id=connector_id, details=True)
    rows = rows_of(listing)
    assert [row["path"] for row in rows] == sorted(ODD)
    assert [row["size_bytes"] for row in rows] == [ODD.index(key) for key in sorted(ODD)]
    assert {row["last_modified"][-1] for row in rows} == {"Z"}


async def test_an_empty_bucket_is_no_error(desk: Desk) -> None:
    listing = await desk.session.call("browse_connector_files", connector_id=await browsing(desk), pattern="*.mp4")
    assert "Nothing matched" in listing.pop("next_step")
    assert listing == {"total_files": 0, "total_bytes": 0, "truncated": False, "paths": []}


async def test_a_bucket_is_read_page_by_page_and_its_totals_are_known_on_each(desk: Desk) -> None:
    keys = tuple(f"clip-{number:02}.{'mp4' if number % 3 else 'mov'}" for number in range(25))
    connector_id = await browsing(desk, keys)
    found: list[str] = []
    cursor = None
    for shown in (10, 10, 5):
        listing = await desk.session.call("browse_connector_files", connector_id=connector_id, limit=10, cursor=cursor)
        assert (listing["total_files"], listing["total_bytes"]) == (25, sum(range(25)))
        assert listing["extensions"] == [{"extension": ".mp4", "files": 16}, {"extension": ".mov", "files": 9}]
        assert len(paths_of(listing)) == shown
        found += paths_of(listing)
        cursor = listing.get("next_cursor")
        assert listing["truncated"] is (cursor is not None)
    assert cursor is None
    assert found == list(keys)


async def test_the_largest_files_can_come_first(desk: Desk) -> None:
    connector_id = await browsing(desk, MEDIA)
    first = await desk.session.call("browse_connector_files", connector_id=connector_id, sort="size", limit=3)
    assert paths_of(first) == list(MEDIA[:-4:-1])
    rest = await desk.session.call(
        "browse_connector_files", connector_id=connector_id, sort="size", cursor=first["next_cursor"]
    )
    assert paths_of(rest) == list(MEDIA[-4::-1])


async def test_one_call_says_how_many_of_what_and_how_much(desk: Desk) -> None:
    connector_id = await browsing(desk, MEDIA)
    totals = await desk.session.call(
        "browse_connector_files", connector_id=connector_id, prefix="incoming/", pattern="*.{mp4,mov}", summary=True
    )
    assert (totals["total_files"], totals["total_bytes"]) == (3, 0 + 3 + 4)
    assert totals["extensions"] == [{"extension": ".mp4", "files": 2}, {"extension": ".mov", "files": 1}]
    assert totals["oldest"] <= totals["newest"]
    assert not {"paths", "files", "next_cursor", "next_step"} & totals.keys()


async def test_a_folder_is_browsed_by_its_name_as_it_is_shown(desk: Desk) -> None:
    folders: tuple[str, ...] = (
        "\u2764\ufe0f Favourites/",
        "2026\u00a0April/",
        "\u65e5\u672c\u3000\u8a9e/",
        r"literal\u200b/",
    )
    if desk.provider == "azure":
        folders = folders[:-1]  # Azure takes a backslash for a slash
    connector_id = await browsing(desk, tuple(f"{folder}{name}.mp4" for folder in folders for name in "ab"))
    everything = paths_of(await desk.session.call("browse_connector_files", connector_id=connector_id))
    shown = {path[: path.index("/") + 1] for path in everything}
    assert len(shown) == len(folders)
    for folder in shown:
        one = {"connector_id": connector_id, "prefix": folder, "limit": 1}
        first = await desk.session.call("browse_connector_files", **one)
        rest = await desk.session.call("browse_connector_files", **one, cursor=first["next_cursor"])
        assert paths_of(first) + paths_of(rest) == [f"{folder}a.mp4", f"{folder}b.mp4"]
        named = await desk.session.call("browse_connector_files", connector_id=connector_id, pattern=f"{folder}a*")
        assert paths_of(named) == [f"{folder}a.mp4"]


@pytest.mark.parametrize("provider", ["s3"], scope="module")
async def test_a_cursor_of_another_listing_is_refused(desk: Desk) -> None:
    connector_id = await browsing(desk, MEDIA)
    first = await desk.session.call("browse_connector_files", connector_id=connector_id, limit=2)
    text = await desk.session.refused(
        "browse_connector_files", connector_id=connector_id, cursor=first["next_cursor"], pattern="*.mp4"
    )
    assert "cursor: is of another listing" in text
    assert "retry: no" in text


@pytest.mark.parametrize("provider", ["s3"], scope="module")
async def test_names_that_would_fool_a_reader_are_made_visible(desk: Desk) -> None:
    keys = ("innocent\u202e4pm.exe", "line\u2028break.mp4", "zero\u200bwidth.mp4")
    listing = await desk.session.call("browse_connector_files", connector_id=await browsing(desk, keys))
    shown = [r"innocent\u202e4pm.exe", r"line\u2028break.mp4", r"zero\u200bwidth.mp4"]
    assert paths_of(listing) == shown


@pytest.mark.parametrize("provider", ["s3"], scope="module")
async def test_a_pattern_that_could_take_long_or_means_nothing_is_refused(desk: Desk) -> None:
    connector_id = await browsing(desk)
    wrong: tuple[Any, ...] = ("*" * 40, "{a,b}" * 12, "x" * 2000, "*.{mp4", "clip-[0-9.mp4", 7)
    for pattern in wrong:
        text = await desk.session.refused("browse_connector_files", connector_id=connector_id, pattern=pattern)
        assert "pattern: " in text
        assert "code: validation_error" in text


async def test_a_bucket_that_is_not_there_is_an_error_and_not_an_empty_list(desk: Desk) -> None:
    missing = await desk.create(**{desk.emulator.bucket_field: "no-such-bucket-here"})
    text = await desk.session.refused("browse_connector_files", connector_id=missing["connector_id"])
    assert "no-such-bucket-here" in text
    assert "does not exist" in text
    assert "code: storage_bucket_not_found" in text
    assert "retry: no" in text
