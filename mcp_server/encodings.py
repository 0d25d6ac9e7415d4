"""What a text says when it is unfolded and its base64 and hex are decoded, wherever in it they may begin.

A text is decoded as a whole, once for each place in a group where an encoding may begin: it costs the same whatever
the text is, and what was no encoding turns into noise. No secret is known here.
"""

from __future__ import annotations

import re
from binascii import a2b_base64, unhexlify
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from itertools import accumulate, compress, count, islice

from mcp_server.escapes import Reading, layers

_HEX_DIGITS = b"0123456789abcdefABCDEF"
_BASE64_CHARS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_FOLDS = bytes(range(0x21)) + b"\\\"'\x7f"
_LOOSE = _FOLDS + b"+"
_BETWEEN_HEX = _LOOSE + b":-,"
_CHUNK = 64


def _table(kept: bytes, other: bytes) -> bytes:
    return bytes(code if code in kept else other[0] for code in range(256))


_HEX = _table(_HEX_DIGITS, b"0")
_BASE64 = bytes.maketrans(b"-_", b"+/").translate(_table(_BASE64_CHARS, b"A"))
_KINDS = bytes(
    ord("a") if 0x20 <= code < 0x7F or code in b"\t\r\n" else ord("b") if code > 0x7F else 0 for code in range(256)
)
_GROUP_START = re.compile(rb"[A-Za-z0-9+/_-]*$")
_GROUP_END = re.compile(rb"[A-Za-z0-9+/_-]*={0,2}")


class Without(Reading):
    """A reading without certain octets: those that folding, quoting or a form may add, drop or change."""

    def __init__(self, before: Reading, dropped: bytes = _LOOSE) -> None:
        super().__init__(before.octets.translate(None, dropped))
        self.before = before
        self._dropped = dropped

    @cached_property
    def _kept(self) -> bytes:
        return bytes(code not in self._dropped for code in range(256))

    @cached_property
    def _counts(self) -> list[int]:
        """How many octets are left of the first chunks before; made for the first find."""
        octets = self.before.octets
        chunks = (octets[start : start + _CHUNK] for start in range(0, len(octets), _CHUNK))
        return list(accumulate((len(chunk.translate(None, self._dropped)) for chunk in chunks), initial=0))

    def _place(self, position: int) -> int:
        """Where an octet stood before."""
        chunk = bisect_right(self._counts, position) - 1
        start = chunk * _CHUNK
        kept = self.before.octets[start : start + _CHUNK].translate(self._kept)
        return next(islice(compress(count(start), kept), position - self._counts[chunk], None))

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where the octets, at least one, stood in the reading before."""
        if len(self.octets) == len(self.before.octets):
            return start, end
        return self._place(start), self._place(end - 1) + 1

    def span(self, start: int, end: int) -> tuple[int, int]:
        return self.before.span(*self.place(start, end))


class Base64(Reading):
    """Octets that a reading decodes to as base64, standard or URL-safe, whose groups of four begin at an offset."""

    LEAST = 7
    """Letters in twelve characters."""

    def __init__(self, before: Reading, octets: bytes, offset: int) -> None:
        super().__init__(octets)
        self._before = before
        self._offset = offset

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The whole groups, as far as they are base64."""
        octets = self._before.octets
        first, last = self._offset + start // 3 * 4, self._offset + (end - 1) // 3 * 4
        head, tail = _GROUP_START.search(octets[first : first + 4]), _GROUP_END.match(octets, last, last + 4)
        return self._before.span(first + (head.start() if head else 0), tail.end() if tail else last)


def base64_readings(reading: Reading) -> Iterator[Base64]:
    """The reading decoded with groups that begin at its first octet, the second, the third and the fourth.

    These are the same bits, shifted: to shift them takes less than to decode them again.
    """
    letters = reading.octets.translate(_BASE64)
    octets = a2b_base64(letters + b"A" * (-len(letters) % 4))
    yield Base64(reading, octets, 0)
    bits = int.from_bytes(octets, "big")
    for offset in (1, 2, 3):
        yield Base64(reading, (bits << 8 - 2 * offset).to_bytes(len(octets) + 1, "big")[offset:], offset)


class Hex(Reading):
    """A reading decoded as pairs of hex digits that begin at an offset."""

    LEAST = 6

    def __init__(self, before: Reading, offset: int) -> None:
        digits = before.octets[offset:].translate(_HEX)
        super().__init__(unhexlify(digits[: len(digits) // 2 * 2]))
        self._before = before
        self._offset = offset

    def span(self, start: int, end: int) -> tuple[int, int]:
        return self._before.span(self._offset + 2 * start, self._offset + 2 * end)


class Words(Reading):
    """What in a decoded reading may be text: its runs of more than a few letters."""

    def __init__(self, before: Base64 | Hex) -> None:
        self._runs = list(_runs(before.octets.translate(_KINDS), before.LEAST))
        self._starts = list(accumulate((end - start for start, end in self._runs), initial=0))
        super().__init__(b"".join(before.octets[start:end] for start, end in self._runs))
        self._before = before

    def _place(self, position: int) -> int:
        run = bisect_right(self._starts, position) - 1
        return self._runs[run][0] + position - self._starts[run]

    def span(self, start: int, end: int) -> tuple[int, int]:
        return self._before.span(self._place(start), self._place(end - 1) + 1)


def _runs(kinds: bytes, least: int) -> Iterator[tuple[int, int]]:
    """From and to a control character, where there are enough letters between."""
    end = 0
    found = kinds.find(b"a" * least)
    while found >= 0:
        start = kinds.rfind(b"\0", end, found) + 1 or end
        end = kinds.find(b"\0", found)
        end = len(kinds) if end < 0 else end
        yield start, end
        found = kinds.find(b"a" * least, end)


def _decoded(reading: Reading) -> Iterator[Base64 | Hex]:
    unfolded = Without(reading, _FOLDS)
    yield from base64_readings(unfolded)
    spaceless = Without(reading, _BETWEEN_HEX)
    yield from (Hex(spaceless, offset) for offset in range(2))


def decodings(reading: Reading, depth: int = 2) -> Iterator[Reading]:
    """What the reading says when it is decoded, and what that says, escapes undone, when it is decoded again."""
    for decoded in _decoded(reading):
        yield decoded
        words = Words(decoded)
        if words.octets:
            *_, last = inner = list(layers(words))
            yield from inner
            yield from decodings(last, depth - 1) if depth > 1 else ()
