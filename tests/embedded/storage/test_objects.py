"""Every provider lists, reads, writes and deletes; the same promises, tried on each one's emulator."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from mcp_server.embedded.storage import Storage, StorageFault
from mcp_server.embedded.storage.objects import checked, utc_from_http_date, utc_from_iso
from mcp_server.embedded.storage.paging import pages
from mcp_server.file_pages import Columns
from tests.emulators import Emulator

pytestmark = pytest.mark.anyio

ODD_KEYS = (
    "./x",
    "/lead.mp4",
    "a//b.mp4",
    "emoji-\N{CLAPPER BOARD}.mp4",
    "percent%2Fplus+space .mp4",
    "quote'\"&<>.mp4",
    "trail/",
    "x/../y",
    "\N{LATIN SMALL LETTER E WITH ACUTE}/e\N{COMBINING ACUTE ACCENT}",
    "*?[a]{b}",
)


async def _keys(storage: Storage, prefix: str = "", delimiter: str = "", start_after: str = "") -> list[str]:
    return [path async for page in pages(storage, prefix, delimiter, start_after) for path in page.files.paths]


async def test_every_key_is_listed_read_and_deleted_exactly_as_it_is(
    emulator: Emulator, open_emulated: Callable[..., Storage]
) -> None:
    bucket = emulator.new_bucket()
    storage = open_emulated(bucket)
    for key in ODD_KEYS:
        await storage.write(key, key.encode())
    assert sorted(await _keys(storage)) == sorted(ODD_KEYS) == sorted(emulator.keys(bucket=bucket))
    for key in ODD_KEYS:
        assert await storage.read_first_byte(key) == key.encode()[:1]
        await storage.delete(key)
    assert await _keys(storage) == []


@pytest.mark.parametrize("provider", ["s3", "gcs"])
async def test_control_characters_are_listed_where_the_emulator_can(
    emulator: Emulator, open_emulated: Callable[..., Storage]
) -> None:
    bucket = emulator.new_bucket()
    emulator.put("tab\tbell\x07.mp4", bucket=bucket)
    assert await _keys(open_emulated(bucket)) == ["tab\tbell\x07.mp4"]


async def test_an_object_has_its_size_time_and_type(
    provider: str, emulator: Emulator, open_emulated: Callable[..., Storage]
) -> None:
    bucket = emulator.new_bucket()
    emulator.put("a.mp4", b"12345", bucket=bucket)
    files = (await open_emulated(bucket).list_page("")).files
    assert (files.paths, files.sizes) == (["a.mp4"], [5])
    assert files.content_types == [None if provider == "s3" else "video/mp4"]
    assert [utc_from_iso(time) for time in files.times] == files.times


async def test_a_prefix_is_any_text_and_a_delimiter_hides_what_is_deeper(
    emulator: Emulator, open_emulated: Callable[..., Storage]
) -> None:
    bucket = emulator.new_bucket()
    for key in ("inc-1.mp4", "inc/2.mp4", "inc/deep/3.mp4", "other.mp4"):
        emulator.put(key, bucket=bucket)
    storage = open_emulated(bucket)
    assert await _keys(storage, "inc") == ["inc-1.mp4", "inc/2.mp4", "inc/deep/3.mp4"]
    assert await _keys(storage, "inc/", "/") == ["inc/2.mp4"]
    assert await _keys(storage, "", "/") == ["inc-1.mp4", "other.mp4"]
    assert await _keys(storage, start_after="inc/2.mp4") == ["inc/deep/3.mp4", "other.mp4"]
    assert await _keys(storage, "none") == []


async def test_an_empty_object_has_no_first_byte(emulator: Emulator, open_emulated: Callable[..., Storage]) -> None:
    bucket = emulator.new_bucket()
    emulator.put("empty", b"", bucket=bucket)
    assert await open_emulated(bucket).read_first_byte("empty") == b""


async def test_deleting_what_is_not_there_is_no_fault(
    emulator: Emulator, open_emulated: Callable[..., Storage]
) -> None:
    await open_emulated(emulator.new_bucket()).delete("nothing")


async def test_reading_what_is_not_there_is_a_fault(emulator: Emulator, open_emulated: Callable[..., Storage]) -> None:
    with pytest.raises(StorageFault) as caught:
        await open_emulated(emulator.new_bucket()).read_first_byte("nothing")
    assert caught.value.code == "storage_object_not_found"


@pytest.mark.parametrize("provider", ["gcs", "azure"])
async def test_2300_objects_come_in_pages_of_at_most_1000(
    emulator: Emulator, open_emulated: Callable[..., Storage]
) -> None:
    bucket = emulator.new_bucket()
    keys = [f"incoming/{number:05}.mp4" for number in range(2300)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(partial(emulator.put, content=b"", bucket=bucket), keys))
    storage = open_emulated(bucket)
    found = [page.files.paths async for page in pages(storage, "incoming/")]
    assert [len(paths) for paths in found] == [1000, 1000, 300]
    assert [path for paths in found for path in paths] == keys
    assert await _keys(storage, start_after=keys[1998]) == keys[1999:]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2026-04-01T12:00:00Z", "2026-04-01T12:00:00Z"),
        ("2026-04-01T12:00:00.123456789Z", "2026-04-01T12:00:00Z"),
        ("2026-04-01T14:00:00.5+02:00", "2026-04-01T12:00:00Z"),
    ],
)
def test_times_are_told_in_utc_and_seconds(given: str, expected: str) -> None:
    assert utc_from_iso(given) == expected


def test_http_dates_are_told_in_utc() -> None:
    assert utc_from_http_date("Wed, 01 Apr 2026 12:00:00 GMT") == "2026-04-01T12:00:00Z"


@pytest.mark.parametrize("text", ["", "yesterday", "2026-04-01", "2026-13-01T12:00:00+01:00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"time|month"):
        utc_from_iso(text)


@pytest.mark.parametrize(("key", "size"), [("a", -1), ("\ud800", 1)])
def test_what_no_provider_can_hold_is_no_object(key: str, size: int) -> None:
    with pytest.raises(ValueError, match=r"size|surrogates"):
        checked(Columns([key], [size], ["2026-04-01T12:00:00Z"], [None]))
