"""Texts with their JSON or percent escapes undone, each knowing where its characters stood. No secret is known here."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_JSON = re.compile(r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL)
_TAIL = "%[89ab][0-9a-f]"
_PERCENT = re.compile(
    f"%(?:[0-7][0-9a-f]|[cd][0-9a-f]{_TAIL}|e[0-9a-f](?:{_TAIL}){{2}}|f[0-7](?:{_TAIL}){{3}})", re.IGNORECASE
)
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


def _from_json(escape: str) -> str:
    """The character of one JSON escape, which may be a pair of surrogates."""
    if escape[1] != "u" or len(escape) == 2:
        return _LETTERS.get(escape[1], escape[1])
    return bytes.fromhex(escape.replace("\\u", "")).decode("utf-16-be", errors="surrogatepass")


def _from_percent(escape: str) -> str:
    """The character of one percent-encoded UTF-8 sequence; of an impossible one, the replacement character."""
    octets = bytes.fromhex(escape.replace("%", ""))
    try:
        return octets.decode(errors="surrogatepass")
    except ValueError:
        return "\ufffd"


@dataclass(frozen=True)
class Reading:
    """A text in which one layer of escapes was undone; every escape became one character."""

    text: str
    before: Reading | None
    positions: list[int]
    origins: list[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where a part of this text stood in the text that was first given."""
        if self.before is None:
            return start, end
        return self.before.span(self._origin(start), self._origin(end))

    def _origin(self, position: int) -> int:
        last = bisect_right(self.positions, position) - 1
        return position if last < 0 else self.origins[last] + position - self.positions[last]


def _undone(before: Reading, pattern: re.Pattern[str], character: Callable[[str], str]) -> Reading:
    """The reading in which what the pattern finds is its character. Linear in the text."""
    pieces: list[str] = []
    positions: list[int] = []
    origins: list[int] = []
    read, done = 0, 0
    for found in pattern.finditer(before.text):
        pieces += (before.text[done : found.start()], character(found[0]))
        read += found.start() - done
        positions += (read, read + 1)
        origins += found.span()
        read, done = read + 1, found.end()
    pieces.append(before.text[done:])
    return Reading("".join(pieces), before, positions, origins)


def readings(text: str, depth: int = 2) -> Iterator[Reading]:
    """The text as it is and, where it has escapes, with up to two layers of them undone, JSON's or percent's."""
    yield from _deeper(Reading(text, None, [], []), depth)


def _deeper(reading: Reading, depth: int) -> Iterator[Reading]:
    yield reading
    if depth and "\\" in reading.text:
        yield from _deeper(_undone(reading, _JSON, _from_json), depth - 1)
    if depth and "%" in reading.text:
        yield from _deeper(_undone(reading, _PERCENT, _from_percent), depth - 1)
