"""Escapes are undone, and what was found in a reading is found again in the text."""

from __future__ import annotations

import html
import json
import urllib.parse
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mcp_server.escapes import MAX_LAYERS, Reading, joined_layers, layers

ENCODERS: dict[str, Callable[[str], str]] = {
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON, not ASCII": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "percent": lambda text: urllib.parse.quote(text, safe=""),
    "HTML": html.escape,
    "bytes": lambda text: repr(text.encode())[2:-1],
}


@pytest.mark.parametrize("inner", ENCODERS)
@pytest.mark.parametrize("outer", ENCODERS)
@hypothesis_settings(derandomize=True, database=None, max_examples=30)
@given(
    before=st.text(alphabet="aé🎬/<\n ", max_size=20),
    needle=st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\\&%"), min_size=1, max_size=20),
    after=st.text(alphabet='xé"/ ', max_size=20),
)
@example(before="é", needle='a"/\n🎬', after="zz%")
def test_what_is_found_in_a_reading_stood_where_it_was_encoded(
    inner: str, outer: str, before: str, needle: str, after: str
) -> None:
    def encoded(text: str) -> bytes:
        return ENCODERS[outer](ENCODERS[inner](text)).encode()

    text, wanted = encoded(before) + encoded(needle) + encoded(after), needle.encode()
    spans = {
        reading.span(start, start + len(wanted))
        for reading in layers(Reading(text))
        for start in range(len(reading.octets))
        if reading.octets.startswith(wanted, start)
    }
    assert (len(encoded(before)), len(encoded(before) + encoded(needle))) in spans


@pytest.mark.parametrize(
    ("escaped", "plain"),
    [
        ("\\u0041\\x42\\U00000043\\u{44}", "ABCD"),
        ("\\ud83c\\udfac", "🎬"),
        ("\\n\\t\\/\\\"\\'", "\n\t/\"'"),
        ("%41%c3%a9", "Aé"),
        ("&lt;&#65;&#x42;&#0067;&#X0044;&sol;", "<ABCD/"),
        ("\\xc3\\xa9", "é"),
    ],
)
def test_each_kind_of_escape_is_undone(escaped: str, plain: str) -> None:
    assert [reading.octets.decode() for reading in layers(Reading(escaped.encode()))] == [escaped, plain]


def test_a_text_without_escapes_has_one_reading() -> None:
    assert [reading.octets for reading in layers(Reading(b"No such bucket"))] == [b"No such bucket"]
    assert not list(joined_layers(Reading(b"No such\nbucket")))


def test_no_more_than_some_layers_are_undone() -> None:
    nested = b"&" + b"amp;" * 20
    assert len(list(layers(Reading(nested)))) == MAX_LAYERS + 1


def test_backslashes_are_halved_in_every_layer() -> None:
    for reading in layers(Reading(b"\\" * 1_000 + b"end")):
        assert reading.span(len(reading.octets) - 3, len(reading.octets)) == (1_000, 1_003)


@pytest.mark.parametrize(
    "odd", ["\\", "\\u12", "%", "%4", "%zz", "\\q", "&", "&;", "&nosuch;", "&#x110000;", "\\U00110000", "&#1114112;"]
)
def test_a_broken_escape_stays_as_it_is(odd: str) -> None:
    assert [reading.octets.decode() for reading in layers(Reading(f"x{odd}y".encode()))] == [f"x{odd}y"]


@pytest.mark.parametrize("broken", ["%4\n1", "%\r\n  41", "\\u00\n41", "&#6\n  5;", "\\u00\\\n  \\41"])
def test_an_escape_broken_by_the_end_of_a_line_is_undone(broken: str) -> None:
    texts = [reading.octets for reading in joined_layers(Reading(f"<{broken}>".encode()))]
    assert b"<A>" in texts
