"""Which characters of an outside text cannot be seen, or cover others: how a terminal, a page or a model is deceived.

Those are the control, bidirectional, ignorable, private and unassigned ones, tags, every blank but the space, and
combining marks with nothing to stand on or too many in a pile.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U00016fe4\U0001d159"
    "\U000e0100-\U000e01ef]"
)
"""What Python calls printable although nothing is printed."""

_MARK = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_COVERING = re.compile(rf"(?:\A|(?<=/)){_MARK}|(?<={_MARK}{{4}}){_MARK}")
"""No language piles more than four; the first of a text, or of a name in a path, would stand on what is before it."""


def all_seen(text: str) -> bool:
    """Whether every character of the text can be seen; of the blanks only the space can."""
    if text.isascii():
        return text.isprintable()
    return text.isprintable() and not _BLANK.search(text) and not _COVERING.search(text)


_ESCAPE = re.compile(r"\\(?:x(?P<x>[\da-f]{2})|u(?P<u>[\da-f]{4})|U(?P<U>[\da-f]{8}))")


def written_out(text: str, escape: Callable[[str], str]) -> str:
    """The text with the escape of each character that cannot be seen or covers others."""
    apart = _COVERING.sub(lambda mark: escape(mark[0]), text)
    return "".join(char if is_seen(char) else escape(char) for char in apart)


def is_seen(char: str) -> bool:
    """Whether the character by itself can be seen."""
    return char.isprintable() and not _BLANK.match(char)


def with_escapes(name: str) -> str:
    """The name with an escape for each character that cannot be seen, so that `meant_by` tells the name again."""
    literal = _ESCAPE.sub(lambda found: found[0].replace("\\", r"\x5c") if _char_of(found) else found[0], name)
    return literal if all_seen(literal) else written_out(literal, _escape_of)


def meant_by(text: str, backslash: str = "\\") -> str:
    """The name that is shown as the text; one that has nothing to read back is itself. NUL stays written out."""

    def read(found: re.Match[str]) -> str:
        char = _char_of(found)
        return {"": found[0], "\\": backslash}.get(char, char)

    return _ESCAPE.sub(read, text)


def _escape_of(char: str) -> str:
    """Never with a letter for a line end: `folder\\name` is a path of somebody's."""
    code = ord(char)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _char_of(escape: re.Match[str]) -> str:
    """The character that a name is shown with this escape for; empty where there is none."""
    code = int(escape[escape.lastgroup or 0], 16)
    if not code or code > sys.maxunicode or 0xD800 <= code <= 0xDFFF:
        return ""
    char = chr(code)
    return "" if is_seen(char) and char != "\\" and not re.match(_MARK, char) else char
