"""Octets with one layer of JSON, Python, percent and HTML escapes undone, each octet knowing where it stood.

No secret is known here.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from html.entities import html5

MAX_LAYERS = 4
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}"
    rb"|u\{[0-9a-fA-F]{1,8}\}|x[0-9a-fA-F]{2}|\\(?:\\\\){0,63}|[\"'/bfnrt])"
    rb"|%[0-9a-fA-F]{2}"
    rb"|&(?:#[0-9]{1,9}|#[xX][0-9a-fA-F]{1,8}|[A-Za-z][A-Za-z0-9]{1,23});"
)
_FOLDS = (re.compile(rb"[ \t]*\r?\n[ \t]*"), re.compile(rb"\\\r?\n[ \t]*\\?"))
_BROKEN = re.compile(rb"(?:%[0-9a-fA-F]?|\\[uUx]?[0-9a-fA-F]{0,7}|&#?[0-9A-Za-z]{0,23})\\?[ \t]{0,8}\r?\n")
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


class Reading:
    """Octets that were read out of a text; this one is the text itself."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where in the text the octets from start to end stood."""
        return start, end


def _utf8(number: int, escape: bytes) -> bytes:
    """The character of that number; the escape itself if there is none."""
    return chr(number).encode(errors="surrogatepass") if number < 0x110000 else escape


def _from_backslash(escape: bytes) -> bytes:
    kind, digits = escape[1:2], escape[2:].strip(b"{}")
    if kind == b"\\":
        return escape[len(escape) // 2 :]
    if kind == b"x":
        return bytes.fromhex(digits.decode())
    if b"\\u" in digits:
        return bytes.fromhex(escape.replace(b"\\u", b"").decode()).decode("utf-16-be").encode()
    return _utf8(int(digits, 16), escape) if kind in b"uU" else _LETTERS.get(kind, kind)


def _from_entity(escape: bytes) -> bytes:
    body = escape[1:-1].decode()
    if body[0] != "#":
        return html5.get(f"{body};", escape.decode()).encode()
    return _utf8(int(body[2:], 16) if body[1] in "xX" else int(body[1:]), escape)


@lru_cache(maxsize=1024)
def _meaning(escape: bytes) -> bytes:
    """The octets that one escape stands for."""
    if escape[0] == ord("%"):
        return bytes.fromhex(escape[1:].decode())
    return _from_entity(escape) if escape[0] == ord("&") else _from_backslash(escape)


def _nothing(_: bytes) -> bytes:
    return b""


@dataclass
class _Places:
    """Where each replaced part began and ended, before and after."""

    before: list[int]
    after: list[int]

    def start(self, position: int) -> int:
        """Where an octet began: of a replaced part, where that did."""
        last = bisect_right(self.after, position) - 1
        return self.before[last] + (0 if last % 2 else position - self.after[last])

    def end(self, position: int) -> int:
        """Where the octet before the position ended: of a replaced part, where that did."""
        last = bisect_right(self.after, position - 1) - 1
        return self.before[last + 1] if last % 2 else self.before[last] + position - self.after[last]


class Replaced(Reading):
    """Another reading with what a pattern finds in it replaced by what it means."""

    def __init__(self, before: Reading, pattern: re.Pattern[bytes], meaning: Callable[[bytes], bytes]) -> None:
        super().__init__(pattern.sub(lambda found: meaning(found[0]), before.octets))
        self._before = before
        self._pattern = pattern
        self._meaning = meaning

    @cached_property
    def _places(self) -> _Places:
        """Made for the first find: most texts hold nothing to find."""
        places = _Places([0], [0])
        for found in self._pattern.finditer(self._before.octets):
            start = places.after[-1] + found.start() - places.before[-1]
            places.after += (start, start + len(self._meaning(found[0])))
            places.before += found.span()
        return places

    def span(self, start: int, end: int) -> tuple[int, int]:
        return self._before.span(self._places.start(start), self._places.end(end))


def _has_any(octets: bytes) -> bool:
    """Whether an escape can be in them; that none can is sooner seen than found by the expression."""
    return b"\\" in octets or b"%" in octets or b"&" in octets


def layers(reading: Reading) -> Iterator[Reading]:
    """The reading, and up to four more, in each of which one more layer of escapes is undone."""
    yield reading
    for _ in range(MAX_LAYERS if _has_any(reading.octets) else 0):
        deeper = Replaced(reading, _ESCAPE, _meaning)
        if deeper.octets == reading.octets:
            return
        reading = deeper
        yield reading


def joined_layers(reading: Reading) -> Iterator[Reading]:
    """The same of the reading with its lines joined, as text and as YAML, if an escape is broken by a line's end."""
    if _has_any(reading.octets) and _BROKEN.search(reading.octets):
        for fold in _FOLDS:
            yield from layers(Replaced(reading, fold, _nothing))
