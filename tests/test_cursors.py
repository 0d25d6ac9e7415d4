"""Cursors: they lead on in the listing that they were made for, and nowhere else."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server import cursors, wire
from mcp_server.cursors import cursor_of, position_in, position_of
from mcp_server.errors import InvalidArguments
from mcp_server.fields import Sort
from mcp_server.file_operations import BROWSE_CONNECTOR_FILES, BrowseConnectorFiles
from mcp_server.resources import CloudFile
from tests.materials import CLOUD_FILE, Json, arguments

FILE = CloudFile.model_validate(CLOUD_FILE)
SORTS: tuple[Sort, ...] = ("path", "size", "time")


def request(**changes: Any) -> BrowseConnectorFiles:
    return wire.parse(BROWSE_CONNECTOR_FILES, arguments("browse_connector_files", **changes))


def refusal(asked: BrowseConnectorFiles) -> str:
    with pytest.raises(InvalidArguments) as caught:
        position_in(asked)
    assert [violation.field for violation in caught.value.violations] == ["cursor"]
    return str(caught.value)


def packed(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).rstrip(b"=").decode()


def known_digest() -> str:
    """What a cursor of the plain request begins with."""
    cursor = cursor_of(request(), ("", "a"))
    digest: str = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))[0]
    return digest


@pytest.mark.parametrize("sort", SORTS)
def test_a_cursor_leads_to_where_it_was_made(sort: Sort) -> None:
    position = position_of(FILE, sort)
    assert position_in(request(sort=sort, cursor=cursor_of(request(sort=sort), position))) == position


def test_a_position_is_what_the_order_looks_at_and_the_path() -> None:
    places = [position_of(FILE, sort) for sort in SORTS]
    assert places == [("", FILE.path), (FILE.size_bytes, FILE.path), (FILE.last_modified, FILE.path)]


def test_a_request_without_a_cursor_begins_at_the_beginning() -> None:
    assert position_in(request()) is None


@settings(derandomize=True, database=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=1024))
def test_any_key_can_be_the_last_of_a_page(key: str) -> None:
    cursor = cursor_of(request(), ("", key))
    assert position_in(request(cursor=cursor)) == ("", key)


OTHERS: tuple[Json, ...] = (
    {"connector_id": "conn_124"},
    {"prefix": "a"},
    {"pattern": "*.mp4"},
    {"recursive": False},
    {"sort": "time"},
    {"sort": "size"},
)


@pytest.mark.parametrize("other", OTHERS)
def test_a_cursor_of_another_listing_is_refused_with_what_to_do(other: Json) -> None:
    cursor = cursor_of(request(), ("", "a"))
    assert "repeat the call's other arguments as they were" in refusal(request(cursor=cursor, **other))


def test_the_size_of_a_page_and_its_details_may_change_on_the_way() -> None:
    cursor = cursor_of(request(), ("", "a"))
    assert position_in(request(cursor=cursor, limit=1_000, details=True)) == ("", "a")


def test_a_cursor_of_another_day_is_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    cursor = cursor_of(request(), ("", "a"))
    now = int(time.time())
    monkeypatch.setattr(time, "time", lambda: now + cursors.VALID_SECONDS + 1)
    assert "more than a day old: leave it out to begin anew" in refusal(request(cursor=cursor))


@pytest.mark.parametrize("issued", [-(10**400), 0])
def test_a_cursor_of_no_time_at_all_is_stale(issued: int) -> None:
    assert "more than a day old" in refusal(request(cursor=packed(known_digest(), issued, "", "a")))


def test_a_cursor_of_an_api_whose_clock_is_ahead_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    cursor = cursor_of(request(), ("", "a"))
    now = int(time.time())
    monkeypatch.setattr(time, "time", lambda: now - 600)
    assert position_in(request(cursor=cursor)) == ("", "a")


def test_the_longest_key_of_the_widest_characters_can_be_the_last_of_a_page() -> None:
    key = "\U0001f3ac" * 1_024
    assert position_in(request(cursor=cursor_of(request(), ("", key)))) == ("", key)


NO_CURSORS = {
    "a word": "conn_123",
    "half of one": cursor_of(request(), ("", "a"))[:-7],
    "no text": base64.urlsafe_b64encode(b"\xff\xfe\xfd").decode().rstrip("="),
    "an object": base64.urlsafe_b64encode(b'{"a":1}').decode().rstrip("="),
    "too few parts": packed("a", 1, "b"),
    "too many parts": packed("a", 1, "b", "c", "d"),
    "parts of other kinds": packed(1, "a", [], {}),
    "what nests deeply": base64.urlsafe_b64encode(b"[" * 3_000).decode().rstrip("="),
    "a single character": "a",
    "half of a character": packed(known_digest(), 1, "", "\ud83c"),
}


@pytest.mark.parametrize("cursor", NO_CURSORS.values(), ids=NO_CURSORS)
def test_what_is_no_cursor_is_told_so(cursor: str) -> None:
    assert "must be a next_cursor, as it was given" in refusal(request(cursor=cursor))


@pytest.mark.parametrize("cursor", ["a b", "ä", "a" * 16_385, "a+b"])
def test_what_cannot_be_one_is_refused_as_an_argument(cursor: str) -> None:
    with pytest.raises(InvalidArguments, match="a next_cursor"):
        request(cursor=cursor)


def test_totals_have_no_pages() -> None:
    with pytest.raises(InvalidArguments, match="cursor: cannot go with summary"):
        request(summary=True, cursor=cursor_of(request(), ("", "a")))
