"""Escapes are undone, and what was found in a reading is found again in the text."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mcp_server.escapes import readings

ENCODERS: dict[str, Callable[[str], str]] = {
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON, not ASCII": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "percent": lambda text: urllib.parse.quote(text, safe=""),
}


@pytest.mark.parametrize("inner", ENCODERS)
@pytest.mark.parametrize("outer", ENCODERS)
@hypothesis_settings(deadline=None, derandomize=True, database=None)
@given(before=st.text(max_size=20), needle=st.text(min_size=1, max_size=20), after=st.text(max_size=20))
@example(before="é\\", needle='a"/\\\n%41 🎬', after="\\u0041%zz%")
def test_what_is_found_in_a_reading_stood_where_it_was_encoded(
    inner: str, outer: str, before: str, needle: str, after: str
) -> None:
    def encoded(text: str) -> str:
        text = text.encode("utf-8", errors="replace").decode()
        return ENCODERS[outer](ENCODERS[inner](text))

    text = encoded(before) + encoded(needle) + encoded(after)
    wanted = needle.encode("utf-8", errors="replace").decode()
    spans = {
        reading.span(start, start + len(wanted))
        for reading in readings(text)
        for start in range(len(reading.text))
        if reading.text.startswith(wanted, start)
    }
    assert (len(encoded(before)), len(encoded(before) + encoded(needle))) in spans


def test_a_text_without_escapes_has_one_reading() -> None:
    assert [reading.text for reading in readings("No such bucket: media")] == ["No such bucket: media"]


@pytest.mark.parametrize(
    "odd", ["\\", "\\u12", "\\ud83c", "%", "%4", "%zz", "%ff", "%e2%82", "%c0%80", "%ed%a0%80", "\\q"]
)
def test_a_broken_escape_is_no_error(odd: str) -> None:
    for reading in readings(f"a{odd}b"):
        assert reading.span(0, 1)[0] == 0
        assert reading.span(len(reading.text), len(reading.text)) == (len(odd) + 2, len(odd) + 2)
