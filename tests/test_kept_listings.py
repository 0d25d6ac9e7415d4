"""Listings are kept within bounds: of one, of a key, and of all keys."""

from __future__ import annotations

import pytest

from mcp_server import kept_listings
from mcp_server.file_operations import BrowseConnectorFiles
from mcp_server.file_pages import Collector, Columns
from mcp_server.kept_listings import KEPT_SECONDS, Draft, KeptListings
from mcp_server.kept_listings import LEAST_BYTES as LEAST
from mcp_server.resources import Totals
from tests.materials import made

pytestmark = pytest.mark.anyio

KEYS = [made(f"key {number}") for number in range(8)]
EMPTY = Totals(files=0, bytes=0)


def request(prefix: str = "", connector_id: str = "conn_123") -> BrowseConnectorFiles:
    return BrowseConnectorFiles(connector_id=connector_id, prefix=prefix)


def columns(first: int, count: int) -> Columns:
    """Files numbered from the first on, in the order of their paths."""
    numbers = range(first, first + count)
    time = "2026-04-01T12:00:00Z"
    paths = [f"a/{number:07}.mp4" for number in numbers]
    return Columns(paths, [*numbers], [time] * count, [None if number % 2 else "video/mp4" for number in numbers])


def keep(kept: KeptListings, key: str, asked: BrowseConnectorFiles, *parts: Columns) -> None:
    draft, collector = kept.begin(key, asked), Collector(0)
    for part in parts or (columns(0, 3),):
        draft.add(part)
        collector.add(part)
    kept.end(draft, collector.totals)


def has(kept: KeptListings, key: str, *prefixes: str) -> list[bool]:
    return [kept.find(key, request(prefix)) is not None for prefix in prefixes]


async def test_what_is_kept_comes_back_as_it_was() -> None:
    kept = KeptListings()
    parts = [columns(0, 300), columns(300, 300)]
    keep(kept, KEYS[0], request(), *parts)
    listing = kept.find(KEYS[0], request())
    assert listing is not None
    collector = Collector(1_000)
    await listing.collect(collector, "path", None)
    files, more = collector.page()
    rows = [(file.path, file.size_bytes, file.last_modified, file.content_type) for file in files]
    assert rows == [row for part in parts for row in zip(*part, strict=True)]
    assert more is None
    assert (listing.totals, listing.totals.files) == (collector.totals, 600)


async def test_for_a_page_by_path_only_the_parts_that_can_have_it_are_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptListings()
    keep(kept, KEYS[0], request(), *(columns(first, 100) for first in range(0, 10_000, 100)))
    listing = kept.find(KEYS[0], request())
    assert listing is not None
    opened: list[str] = []
    add = Collector.add

    def counted(collector: Collector, files: Columns) -> None:
        opened.append(files.paths[0])
        add(collector, files)

    monkeypatch.setattr(Collector, "add", counted)
    collector = Collector(150, "path", ("", "a/0005049.mp4"))
    await listing.collect(collector, "path", ("", "a/0005049.mp4"))
    assert [file.path for file in collector.page()[0]] == [f"a/{number:07}.mp4" for number in range(5050, 5200)]
    assert len(opened) <= 4


def test_a_listing_of_too_many_files_or_octets_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptListings()
    monkeypatch.setattr(kept_listings, "MAX_FILES", 300)
    keep(kept, KEYS[0], request("few"), columns(0, 100), columns(100, 200))
    keep(kept, KEYS[0], request("many"), columns(0, 100), columns(100, 201), columns(301, 1))
    monkeypatch.setattr(kept_listings, "MAX_BYTES", 200)
    keep(kept, KEYS[0], request("large"), columns(0, 300))
    assert has(kept, KEYS[0], "few", "many", "large") == [True, False, False]


def test_a_listing_that_did_not_come_whole_is_not_kept() -> None:
    kept = KeptListings()
    draft = kept.begin(KEYS[0], request())
    draft.add(columns(0, 3))
    kept.end(draft, None)
    assert has(kept, KEYS[0], "") == [False]


def drafts_of(kept: KeptListings, *keys: str) -> list[Draft]:
    return [kept.begin(key, request(str(number))) for number, key in enumerate(keys)]


def kept_of(kept: KeptListings, drafts: list[Draft]) -> int:
    for draft in drafts:
        kept.end(draft, EMPTY)
    return sum(kept.find(key, request(str(number))) is not None for key in KEYS for number in range(len(drafts)))


@pytest.mark.parametrize(("keys", "room"), [(KEYS[:1] * 6, 2), (KEYS[:6], 3)], ids=["one key", "six keys"])
def test_what_comes_at_one_moment_is_bounded_for_a_key_and_in_all(
    keys: list[str], room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = KeptListings()
    sizer = kept.begin(KEYS[7], request("size"))
    sizer.add(columns(0, 1_000))
    size = sizer.size
    kept.end(sizer, None)
    monkeypatch.setattr(kept_listings, "LEAST_BYTES", 1)
    monkeypatch.setattr(kept_listings, "MAX_BYTES_A_KEY", 2 * (2 * size + size // 2))
    monkeypatch.setattr(kept_listings, "MAX_BYTES_IN_ALL", 2 * (3 * size + size // 2))
    drafts = drafts_of(kept, *keys)
    for draft in drafts:
        draft.add(columns(0, 1_000))
        assert sum(each.size for each in drafts) <= room * size
    assert kept_of(kept, drafts) == room
    (again,) = drafts_of(kept, keys[0])
    again.add(columns(0, 1_000))
    assert again.size == size


def test_two_hundred_thousand_files_fit() -> None:
    kept = KeptListings()
    keep(kept, KEYS[0], request(), *(columns(first, 400) for first in range(0, kept_listings.MAX_FILES, 400)))
    listing = kept.find(KEYS[0], request())
    assert listing is not None
    assert LEAST < listing.size < kept_listings.MAX_BYTES / 4


def test_of_one_key_the_oldest_go_first_and_of_others_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_listings, "MAX_BYTES_A_KEY", 2 * LEAST)
    kept = KeptListings()
    keep(kept, KEYS[1], request("other"))
    for prefix in "abcd":
        keep(kept, KEYS[0], request(prefix))
    assert has(kept, KEYS[0], *"abcd") == [False, False, True, True]
    assert has(kept, KEYS[1], "other") == [True]


def test_of_all_keys_those_not_used_for_longest_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_listings, "MAX_BYTES_IN_ALL", 3 * LEAST)
    kept = KeptListings()
    for key in KEYS[:3]:
        keep(kept, key, request())
    assert has(kept, KEYS[0], "") == [True]
    keep(kept, KEYS[3], request())
    assert [has(kept, key, "")[0] for key in KEYS[:4]] == [True, False, True, True]


def test_what_a_key_adds_is_no_use_of_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_listings, "MAX_BYTES_IN_ALL", 4 * LEAST)
    kept = KeptListings()
    for key, prefix in ((0, "first"), (1, ""), (0, "second"), (0, "third"), (0, "fourth")):
        keep(kept, KEYS[key], request(prefix))
    assert has(kept, KEYS[1], "") == [True]
    assert has(kept, KEYS[0], "first", "second", "third", "fourth") == [False, True, True, True]


def test_a_new_listing_of_the_same_query_takes_the_place_of_the_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_listings, "MAX_BYTES_A_KEY", 2 * LEAST)
    kept = KeptListings()
    for prefix in "abbb":
        keep(kept, KEYS[0], request(prefix))
    assert has(kept, KEYS[0], *"ab") == [True, True]


def test_one_that_expires_meanwhile_frees_its_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_listings, "MAX_BYTES_A_KEY", 2 * LEAST)
    now = 0.0
    kept = KeptListings(lambda: now)
    keep(kept, KEYS[0], request("a"))
    now = KEPT_SECONDS + 1
    for prefix in "bc":
        keep(kept, KEYS[0], request(prefix))
    assert has(kept, KEYS[0], *"abc") == [False, True, True]


def test_a_connector_is_forgotten_and_others_are_not() -> None:
    kept = KeptListings()
    drafts = [kept.begin(KEYS[0], request("under way", connector)) for connector in ("conn_1", "conn_2")]
    for connector in ("conn_1", "conn_2"):
        keep(kept, KEYS[0], request("", connector))
    kept.forget("conn_1")
    for draft in drafts:
        draft.add(columns(0, 3))
        kept.end(draft, EMPTY)
    for prefix in ("", "under way"):
        assert kept.find(KEYS[0], request(prefix, "conn_1")) is None
        assert kept.find(KEYS[0], request(prefix, "conn_2")) is not None
