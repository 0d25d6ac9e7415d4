"""An array of files that comes in pieces is read as the whole would be, and what is none is told soon."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server import file_arrays
from mcp_server.file_arrays import MAX_ENTRY_BYTES, MAX_SIZE, MAX_TEXT_LENGTH, PIECE_BYTES, FileArray, NoFiles
from tests.materials import CLOUD_FILE, Json

Row = tuple[str, int, str, str | None]
LONG = "x" * (MAX_TEXT_LENGTH + 1)
TRICKY = '}, {"path": "not one", \\"},{'


def read(text: bytes, step: int = PIECE_BYTES) -> list[Row]:
    """The files in the text, which comes in pieces of so many octets."""
    array = FileArray()
    parts = [array.add(text[at : at + step]) for at in range(0, len(text), step)]
    return [row for part in (*parts, array.end()) for row in zip(*part, strict=True)]


def entry(**changes: Any) -> Json:
    return {**CLOUD_FILE, **changes}


def rows(entries: list[Json]) -> list[Row]:
    return [(each["path"], each["size_bytes"], each["last_modified"], each.get("content_type")) for each in entries]


_TEXTS = st.one_of(st.sampled_from([TRICKY, "},{", '"', "\\", "[{", "}]", "ü😀", ""]), st.text(max_size=20))
_ENTRIES = st.builds(
    entry,
    path=_TEXTS,
    name=_TEXTS,
    size_bytes=st.integers(0, MAX_SIZE),
    content_type=st.none() | _TEXTS,
    owner=st.sampled_from([None, {"id": {"id": 1}}, [{"a": 1}, {"a": 2}]]),
)


def cut(text: bytes, step: int) -> list[Row] | None:
    """The files in a text that is tried after each few octets, None where it has none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_arrays, "PIECE_BYTES", step)
        return whole(text, step)


def whole(text: bytes, step: int = PIECE_BYTES) -> list[Row] | None:
    try:
        return read(text, step)
    except NoFiles:
        return None


_SOME = settings(max_examples=60)


@_SOME
@given(st.lists(_ENTRIES, max_size=6), st.integers(5, 200), st.sampled_from([None, 2]))
def test_however_it_is_cut_the_same_files_come(entries: list[Json], step: int, indent: int | None) -> None:
    text = json.dumps(entries, indent=indent, ensure_ascii=step % 2 == 0).encode(errors="replace")
    assert cut(text, step) == rows(json.loads(text))


@_SOME
@given(st.binary(max_size=60), st.integers(0, 400), st.integers(5, 50))
def test_what_is_not_taken_as_a_whole_is_not_taken_in_pieces(junk: bytes, where: int, step: int) -> None:
    array = json.dumps([entry(path=TRICKY), entry(path="b")]).encode()
    text = array[:where] + junk + array[where:]
    assert cut(text, step) == whole(text)


def test_files_come_before_the_array_is_whole() -> None:
    entries = [entry(path=f"{number:05}") for number in range(2000)]
    text = json.dumps(entries).encode()
    array = FileArray()
    first = array.add(text[:PIECE_BYTES])
    assert len(first.paths) > 500
    assert array.add(b" ").paths == []
    assert list(first.paths) == [each["path"] for each in entries[: len(first.paths)]]


def test_entries_with_many_parts_are_cut_well_too() -> None:
    tags = [{"key": str(number), "value": "}, {"} for number in range(20)]
    entries = [entry(path=f"{number:05}", tags=tags) for number in range(1000)]
    assert read(json.dumps(entries).encode()) == rows(entries)


@pytest.mark.parametrize("times", [5, 40, 100, 330])
@pytest.mark.parametrize("looks_like", ["},{", '},{"', "}, {"])
def test_objects_named_like_ends_of_entries_do_not_end_a_listing(times: int, looks_like: str) -> None:
    entries = [entry(path=looks_like * times + str(number), name=looks_like * times) for number in range(1000)]
    assert read(json.dumps(entries).encode()) == rows(entries)


@pytest.mark.parametrize("field", ["path", "name", "size_bytes", "last_modified"])
def test_an_entry_that_lacks_something_is_none(field: str) -> None:
    lacking = {name: value for name, value in CLOUD_FILE.items() if name != field}
    with pytest.raises(NoFiles):
        read(json.dumps([CLOUD_FILE, lacking]).encode())


@pytest.mark.parametrize(
    "changes",
    [
        *({"path": wrong} for wrong in (None, 1, [1], {"a": 1}, LONG)),
        *({"size_bytes": wrong} for wrong in (-1, 1.5, "many", None, [1], MAX_SIZE + 1, 10**400)),
        *({"last_modified": wrong} for wrong in (None, 0, {"a": 1}, LONG)),
        *({"content_type": wrong} for wrong in (1, [1], LONG)),
        {"extension": None},
        {"name": 7},
    ],
)
@pytest.mark.parametrize("number", [1, 2000])
def test_what_is_of_another_type_or_beyond_its_bounds_is_none(changes: Json, number: int) -> None:
    with pytest.raises(NoFiles):
        read(json.dumps([entry(**changes), *[CLOUD_FILE] * number]).encode())


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"{}",
        b'{"files": []}',
        b"[",
        b"[1]",
        b"[[]]",
        b"[{}]",
        b"<html>",
        b"[] []",
        b'[{"path": "\xff"}]',
        json.dumps([entry(path="\ud800")]).encode(),
        b"[" * 10_000 + b"]" * 10_000,
        b"\xef\xbb\xbf[]",
    ],
)
def test_what_is_no_array_of_files_is_none(text: bytes) -> None:
    with pytest.raises(NoFiles):
        read(text)


ENDLESS = {
    "blanks": b" ",
    "a text": b'[{"path": "' + b"x" * 100,
    "brackets": b"[",
    "numbers": b"[1,",
    "an entry's other fields": b'[{"a": [1, 2, 3], "b": {"c": 1}, ',
    "entries in an entry": b'[{"a": [{"b": 1}, {"b": 2}, ',
    "broken UTF-8": b'[{"path": "\xff"}, ',
}


@pytest.mark.parametrize("text", ENDLESS.values(), ids=ENDLESS)
def test_an_entry_without_end_is_given_up_soon(text: bytes) -> None:
    start, again = text[:1], text[1:] or text
    array, taken = FileArray(), len(start)
    array.add(start)
    piece = (again * (PIECE_BYTES // len(again) + 1))[:PIECE_BYTES]

    def add() -> None:
        nonlocal taken
        while taken < 100 * MAX_ENTRY_BYTES:
            taken += len(piece)
            array.add(piece)

    with pytest.raises(NoFiles):
        add()
    assert taken <= MAX_ENTRY_BYTES + 2 * PIECE_BYTES


@pytest.mark.parametrize(
    ("said", "read_as"),
    [
        ("2026-04-01T12:00:00Z", "2026-04-01T12:00:00Z"),
        ("2026-04-01T12:00:00", "2026-04-01T12:00:00Z"),
        ("2026-04-01 12:00:00", "2026-04-01T12:00:00Z"),
        ("2026-04-01T12:00:00+00:00", "2026-04-01T12:00:00Z"),
        ("2026-04-01T12:00:00.987654Z", "2026-04-01T12:00:00Z"),
        ("2026-04-01T12:00:00.5+02:00", "2026-04-01T10:00:00Z"),
        ("2026-04-01T12:00:00-0130", "2026-04-01T13:30:00Z"),
        ("2026-04-01T12:00", "2026-04-01T12:00:00Z"),
        ("2026-04-01", "2026-04-01T00:00:00Z"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
        ("last week", "last week"),
        ("", ""),
    ],
)
def test_times_are_written_alike_so_that_they_can_be_compared(said: str, read_as: str) -> None:
    assert [row[2] for row in read(json.dumps([entry(last_modified=said)]).encode())] == [read_as]
