"""What a prefix, a pattern and `recursive` find, and how little is listed for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.embedded.storage import Limits, Storage, StorageFault
from mcp_server.embedded.storage.glob import read_glob
from mcp_server.errors import InvalidArguments
from tests.embedded.storage.clouds import browse
from tests.embedded.storage.shelf import TIME, Shelf
from tests.emulators import Emulator

pytestmark = pytest.mark.anyio

KEYS = (
    ".hidden.mp4",
    "/lead.mp4",
    "IN.MP4",
    "a//b.mp4",
    "a/b.mp4",
    "a/b/c.mov",
    "a/b/d/e.mp4",
    "abc.mp4",
    "incoming-1.mp4",
    "incoming/2026/04/x.mp4",
    "incoming/2026/y.mov",
    "incoming/z.txt",
    "no-extension",
    "trail/",
)


@pytest.mark.parametrize(
    ("prefix", "pattern", "found"),
    [
        ("", "*", KEYS),
        ("", "**", KEYS),
        ("", "**/*", KEYS),
        ("", "*.mov", ("a/b/c.mov", "incoming/2026/y.mov")),
        ("", "*.{mov,txt}", ("a/b/c.mov", "incoming/2026/y.mov", "incoming/z.txt")),
        ("", "*.MP4", ("IN.MP4",)),
        ("", "?.mp4", ("a//b.mp4", "a/b.mp4", "a/b/d/e.mp4", "incoming/2026/04/x.mp4")),
        ("", "[!a-e].*", ("incoming/2026/04/x.mp4", "incoming/2026/y.mov", "incoming/z.txt")),
        ("", "[xy].*", ("incoming/2026/04/x.mp4", "incoming/2026/y.mov")),
        ("", ".*", (".hidden.mp4",)),
        ("", "trail*", ("trail/",)),
        ("", "b.mp4", ("a//b.mp4", "a/b.mp4")),
        ("", "a/b.mp4", ("a/b.mp4",)),
        ("", "/a/b.mp4", ("a/b.mp4",)),
        ("", "a//b.mp4", ("a//b.mp4",)),
        ("", "a/*.mp4", ("a/b.mp4",)),
        ("", "a/*/*.mp4", ("a//b.mp4",)),
        ("", "a/**/*.mp4", ("a//b.mp4", "a/b.mp4", "a/b/d/e.mp4")),
        ("", "a/**", ("a//b.mp4", "a/b.mp4", "a/b/c.mov", "a/b/d/e.mp4")),
        ("", "**/b.mp4", ("a//b.mp4", "a/b.mp4")),
        ("", "**/d/*", ("a/b/d/e.mp4",)),
        ("", "/lead.mp4", ("/lead.mp4",)),
        ("", "//lead.mp4", ()),
        ("", "*/lead.mp4", ("/lead.mp4",)),
        ("incoming", "*.mp4", ("incoming-1.mp4", "incoming/2026/04/x.mp4")),
        ("incoming", "2026/*", ("incoming/2026/y.mov",)),
        ("incoming", "/2026/*", ("incoming/2026/y.mov",)),
        ("incoming/", "2026/**/*.mp4", ("incoming/2026/04/x.mp4",)),
        ("incoming/", "2026/**/*.{mp4,mov}", ("incoming/2026/04/x.mp4", "incoming/2026/y.mov")),
        ("a/", "/b.mp4", ("a//b.mp4", "a/b.mp4")),
        ("a/", "//b.mp4", ()),
        ("nowhere/", "*", ()),
    ],
)
async def test_a_pattern_finds_files_in_all_folders(prefix: str, pattern: str, found: tuple[str, ...]) -> None:
    files = await browse(Shelf.of(KEYS), prefix, pattern, recursive=True)
    assert tuple(file.path for file in files) == found


@pytest.mark.parametrize(
    ("prefix", "pattern", "found", "listed"),
    [
        ("", "*", (".hidden.mp4", "IN.MP4", "abc.mp4", "incoming-1.mp4", "no-extension"), ""),
        ("", "in*.mp4", ("incoming-1.mp4",), "in"),
        ("inc", "in*.mp4", ("incoming-1.mp4",), "inc"),
        ("inc", "incoming-*", ("incoming-1.mp4",), "incoming-"),
        ("inc", "other*", (), "inc"),
        ("incoming/", "*", ("incoming/z.txt",), "incoming/"),
        ("incoming/", "{z,zz}.txt", ("incoming/z.txt",), "incoming/z"),
        ("incoming/2026/", "y.mov", ("incoming/2026/y.mov",), "incoming/2026/y.mov"),
        ("incoming/20", "*", (), "incoming/20"),
        ("trail/", "tr*", ("trail/",), "trail/"),
        ("trail/", "x*", (), "trail/x"),
    ],
)
async def test_not_recursive_is_what_lies_directly_below_the_prefix(
    prefix: str, pattern: str, found: tuple[str, ...], listed: str
) -> None:
    shelf = Shelf.of(KEYS)
    files = await browse(shelf, prefix, pattern, recursive=False)
    assert tuple(file.path for file in files) == found
    assert shelf.listed == [(listed, "/")]


@pytest.mark.parametrize(
    ("prefix", "pattern", "listed"),
    [
        ("", "*.mp4", [""]),
        ("", "abc*", [""]),
        ("in/", "2026/04/*.mp4", ["in/2026/04/"]),
        ("in/", "2026/0{4,5}/*.mp4", ["in/2026/0"]),
        ("in", "2026/0{4,5}/*.mp4", ["in/2026/0", "in2026/0"]),
        ("in/", "/2026/*", ["in//2026/", "in/2026/"]),
        ("in/", "{2026,archive}/*", ["in/"]),
        ("", r"a\*b/?", ["a*b/"]),
        ("", "/a/?", ["/a/", "a/"]),
        ("", "//a*", ["//a"]),
        ("", "**/x", [""]),
    ],
)
async def test_the_head_of_a_pattern_narrows_the_listing(prefix: str, pattern: str, listed: list[str]) -> None:
    shelf = Shelf.of(KEYS)
    await browse(shelf, prefix, pattern, recursive=True)
    assert shelf.listed == [(start, "") for start in listed]


async def test_a_slash_in_the_pattern_contradicts_not_recursive() -> None:
    with pytest.raises(InvalidArguments) as caught:
        await browse(Shelf(), "", "a/*", recursive=False)
    assert [violation.field for violation in caught.value.violations] == ["pattern"]


async def test_folder_markers_are_no_files_but_keys_with_content_are() -> None:
    markers = {"empty/": b"", "hadoop_$folder$": b""}
    shelf = Shelf({**markers, "empty": b"", "full/": b"1", "/": b"1", "x_$folder$": b"1"})
    files = await browse(shelf, "", "*", recursive=True)
    names = [("/", ""), ("empty", "empty"), ("full/", "full"), ("x_$folder$", "x_$folder$")]
    assert [(file.path, file.name) for file in files] == names


async def test_a_listing_that_takes_too_long_is_a_fault_that_says_how_to_ask_for_less() -> None:
    with pytest.raises(StorageFault) as caught:
        await browse(Shelf(slow={"list"}), "", "*", recursive=True, limits=Limits(browse=0.05))
    fault = caught.value
    assert (fault.code, fault.retryable) == ("storage_listing_too_long", False)
    assert fault.message == "The listing did not finish within 0.05 seconds."
    assert "longer prefix" in fault.hint


@pytest.mark.parametrize(
    ("key", "name", "extension"),
    [
        ("a/Video.MP4", "Video.MP4", ".mp4"),
        ("a.b/c", "c", ""),
        (".mp4", ".mp4", ""),
        ("a/.hidden.mov", ".hidden.mov", ".mov"),
        ("archive.tar.gz", "archive.tar.gz", ".gz"),
        ("ends.", "ends.", ""),
        ("dir.d/", "dir.d", ".d"),
    ],
)
async def test_a_file_tells_its_name_and_extension(key: str, name: str, extension: str) -> None:
    (file,) = await browse(Shelf.of([key]), "", "*", recursive=True)
    assert (file.path, file.name, file.extension) == (key, name, extension)
    assert (file.size_bytes, file.last_modified, file.content_type) == (7, TIME, None)


async def test_files_are_sorted_by_code_point(emulator: Emulator, open_emulated: Callable[..., Storage]) -> None:
    keys = [
        "B.mp4",
        "a.mp4",
        "a/b.mp4",
        "z.mp4",
        "\N{LATIN SMALL LETTER E WITH ACUTE}.mp4",
        "\uff5e.mp4",
        "\U0001f3ac.mp4",
    ]
    bucket = emulator.new_bucket()
    for key in reversed(keys):
        emulator.put(key, bucket=bucket)
    files = await browse(open_emulated(bucket), "", "*.mp4", recursive=True)
    assert [file.path for file in files] == keys


async def test_narrowed_and_flat_listings_work_with_every_provider(
    emulator: Emulator, open_emulated: Callable[..., Storage]
) -> None:
    bucket = emulator.new_bucket()
    for key in ("in/2026/a.mp4", "in/2026/deep/b.mp4", "in/c.mp4", "d.mp4"):
        emulator.put(key, bucket=bucket)
    emulator.put("in/", b"", bucket=bucket)
    storage = open_emulated(bucket)
    assert [file.path for file in await browse(storage, "in/", "2026/*.mp4", recursive=True)] == ["in/2026/a.mp4"]
    assert [file.path for file in await browse(storage, "in/", "*.mp4", recursive=False)] == ["in/c.mp4"]


_paths = st.lists(st.text("ab.", max_size=3), min_size=1, max_size=4).map("/".join).filter(bool)
_patterns = st.text("ab.*?/", min_size=1, max_size=8)


@given(st.sets(_paths, max_size=8), st.text("ab/", max_size=3), _patterns)
async def test_narrowing_finds_what_listing_all_would(keys: set[str], prefix: str, pattern: str) -> None:
    files = await browse(Shelf.of(keys), prefix, pattern, recursive=True)
    glob = read_glob(pattern.removeprefix("/"))
    has_slash = pattern.startswith("/") or prefix[-1:] not in ("", "/")
    below = {key: key[len(prefix) :].removeprefix("/" * has_slash) for key in keys if key.startswith(prefix)}
    names = {key: key.rstrip("/").split("/")[-1] for key in below}
    wanted = [key for key in below if glob.matches((below if "/" in pattern else names)[key])]
    assert [file.path for file in files] == sorted(wanted)
