"""Every character that there is: which can be seen, and which a terminal, a page or a model would hide or pile up."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.characters import all_seen, is_seen, meant_by, with_escapes, written_out
from mcp_server.presentation import visible

HIDDEN_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"}
# Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties, and the glyphs that are blank.
IGNORABLE = [
    *((each, each) for each in (0xAD, 0x34F, 0x61C, 0x3164, 0xFEFF, 0xFFA0, 0x2800, 0x16FE4, 0x1D159)),
    *((0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F)),
    *((0xFE00, 0xFE0F), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)),
]


def test_of_all_characters_those_are_seen_that_have_a_glyph() -> None:
    ignorable = {code for first, last in IGNORABLE for code in range(first, last + 1)}
    wrong = [
        f"U+{code:04X}"
        for code in range(sys.maxunicode + 1)
        if is_seen(char := chr(code))
        is (char != " " and (code in ignorable or unicodedata.category(char) in HIDDEN_CATEGORIES))
    ]
    assert wrong == []


@pytest.mark.parametrize(("first", "last"), IGNORABLE, ids=[f"U+{first:04X}" for first, _ in IGNORABLE])
def test_what_is_ignored_is_written_out_wherever_it_stands(first: int, last: int) -> None:
    for code in {first, last}:
        for text in (f"{chr(code)}b", f"a{chr(code)}", f"ä{chr(code)}b"):
            assert not all_seen(text)
            assert chr(code) not in visible(text)
            assert all_seen(visible(text))


MARKS = "\u0301\u0336\u20dd\u1ab0\u1dc0\ufe20\u0489"


@pytest.mark.parametrize("mark", MARKS)
def test_marks_stand_on_a_letter_and_only_four_of_them(mark: str) -> None:
    assert visible(f"e{mark * 4}") == f"e{mark * 4}"
    written = mark.encode("unicode_escape").decode()
    assert visible(f"e{mark * 6}x") == f"e{mark * 4}{written * 2}x"
    assert visible(f"{mark}e") == f"{written}e"
    assert visible(f"a/{mark}e") == f"a/{written}e"


@pytest.mark.parametrize(
    "text", ["Phở bò.mp4", "Pho\u031b\u0309 bo\u0300.mp4", "हिन्दी", "ภาษาไทย", "עִבְרִית", "قُرْآن", "한국어", "🎬👍🏽"]
)
def test_the_marks_of_a_language_stay(text: str) -> None:
    assert visible(text) == text


def test_each_character_that_is_not_seen_is_written_as_wanted() -> None:
    assert written_out("a\u200b\u0301b\x00", lambda char: f"<{ord(char):x}>") == "a<200b>\u0301b<0>"


# ---- names, which are asked with as they are shown ---------------------------------------------------------------

_odd = st.sampled_from("\\xuU0259acdefn/ \n\x7f\u200b\ufe0f\u0301\U000e0041\u2764")
_names = st.text(_odd | st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(_names)
def test_what_a_name_is_shown_as_tells_the_name(name: str) -> None:
    assert all_seen(with_escapes(name))
    assert meant_by(with_escapes(name)) == name


SHOWN = {
    "\u2764\ufe0f Favourites/": "\u2764\\ufe0f Favourites/",
    "2026\u00a0April/": r"2026\xa0April/",
    "line\nend": r"line\x0aend",
    "\U000e0041": r"\U000e0041",
    "\u0301e": r"\u0301e",
    r"literal\u200b": r"literal\x5cu200b",
    r"literal\x5c": r"literal\x5cx5c",
    r"share\new\x41\unite\u2764\ud800\x00\Uffffffff": r"share\new\x41\unite\u2764\ud800\x00\Uffffffff",
}


@pytest.mark.parametrize(("name", "shown"), SHOWN.items(), ids=map(ascii, SHOWN))
def test_a_name_is_shown_so_and_read_back(name: str, shown: str) -> None:
    assert with_escapes(name) == shown
    assert meant_by(shown) == name


def test_in_a_pattern_a_backslash_that_is_read_back_stands_for_itself() -> None:
    assert meant_by(r"a\x5cu200b*\ufe0f\*", backslash=r"\\") == "a" + r"\\" + "u200b*\ufe0f" + r"\*"
