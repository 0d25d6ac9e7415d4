"""The search for known secrets in every reading of a text. Its cost does not depend on how many secrets there are.

A secret is found by any four octets of it, from which a find grows as far as the text agrees: even a cut one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, compress, count

from mcp_server.encodings import Base64, Hex, Without, decodings
from mcp_server.escapes import Reading, joined_layers
from mcp_server.needles import MIN_LOOSE, Needle, forms, loose

_MIN_CUT = 12
"""A secret cut to fewer characters tells nothing."""

_MIN_KEPT = 2
"""A cut with fewer octets that an echo keeps is hardly more than blanks or quotes."""

_SHORT = 24
"""A secret with fewer octets may repeat itself in all of them: it is sought as a whole as well."""

_QUOTES = b"\"'\\"
_MOST_QUOTES = 6

Span = tuple[int, int, str]
"""From, to, and the name of what is there."""


def _fours(octets: bytes, shift: int) -> memoryview[int]:
    """Each four octets from the shift on as one number."""
    return memoryview(octets)[shift : shift + max(0, len(octets) - shift) // 4 * 4].cast("I")


def _places(octets: bytes) -> dict[int, int]:
    """Where each four octets stand, if more than once about where they do first."""
    shifted = ((shift, [*enumerate(_fours(octets, shift))]) for shift in (3, 2, 1, 0))
    return {four: 4 * number + shift for shift, numbered in shifted for number, four in reversed(numbered)}


class _Fours:
    """Needles by each four octets of them."""

    def __init__(self, needles: Sequence[Needle]) -> None:
        self._places = [(needle, _places(needle.octets)) for needle in needles]
        self._all = frozenset[int]().union(*(places for _, places in self._places))

    def spans(self, reading: Reading, shifts: Sequence[int] = (0,)) -> Iterator[tuple[Span, bool]]:
        """Where in the text needles stand, and whether they are whole or at least not cut short."""
        unfolded = Without(reading)
        for needle, offset, start, end in self._finds(unfolded.octets, shifts):
            if needle.is_told_by(offset, offset + end - start):
                first, last, length = needle.widened(unfolded, offset, start, end)
                is_long = length >= _MIN_CUT or end - start == len(needle.octets)
                yield (*reading.span(first, last), needle.name), is_long

    def _finds(self, octets: bytes, shifts: Sequence[int]) -> Iterator[tuple[Needle, int, int, int]]:
        """A needle, where in it the find begins, and from and to where in the octets it stands."""
        for shift in shifts if self._all else ():
            done = 0
            fours = _fours(octets, shift)
            if self._all.isdisjoint(fours):
                continue
            for number in compress(count(), map(self._all.__contains__, fours)):
                at = 4 * number + shift
                if at < done:
                    continue
                for needle, offset in self._holding(fours[number]):
                    before, after = needle.agreeing(octets, at, offset)
                    done = max(done, at + after)
                    yield needle, offset - before, at - before, at + after

    def _holding(self, four: int) -> Iterator[tuple[Needle, int]]:
        """Needles with these octets, and where they have them."""
        return ((needle, places[four]) for needle, places in self._places if four in places)


def _exactly(forms: Mapping[bytes, str], reading: Reading) -> Iterator[Span]:
    for form, name in forms.items():
        at = reading.octets.find(form)
        while at >= 0:
            yield (*reading.span(at, at + len(form)), name)
            at = reading.octets.find(form, at + len(form))


def _length(text: bytes, span: Span) -> int:
    """How much of a text a cut secret takes, with the quotes that it begins or ends with: they were cut with it."""
    start, end, _ = span
    before, after = text[max(0, start - _MOST_QUOTES) : start], text[end : end + _MOST_QUOTES]
    unopened = before.rstrip(_QUOTES)
    opening = len(before) - len(unopened)
    opening += opening > 0 and unopened.endswith((b"b", b"r", b"u"))
    closing = len(after) - len(after.lstrip(_QUOTES))
    return len(b" ".join(text[start:end].split())) + max(opening, closing)


def _sparse_cuts(form: bytes) -> Iterator[bytes]:
    """The shortest cuts of it that may have too few octets to be found by four of them, if they tell enough."""
    for cut in (form[:_MIN_CUT], form[-_MIN_CUT:]):
        if len(cut) == _MIN_CUT and _MIN_KEPT <= len(loose(cut)) < MIN_LOOSE:
            yield from (cut, cut.replace(b" ", b"+"))


class Sieve:
    """All that is looked for in the texts of a call."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        found = forms(secrets)
        needles = [Needle.of(name, form) for form, name in found.items() if len(loose(form)) >= MIN_LOOSE]
        self._short = {form: name for form, name in found.items() if len(loose(form)) < _SHORT}
        self._needles = _Fours(needles)
        self._odd = _Fours([needle for needle in needles if not needle.printable])
        blank = {form: name for form, name in self._short.items() if len(form) >= MIN_LOOSE > len(loose(form))}
        self._blank = {cut: name for form, name in found.items() for cut in _sparse_cuts(form)} | blank
        self._short |= self._blank
        self._any = bool(needles or self._blank)

    def spans(self, readings: Sequence[Reading]) -> Iterator[Span]:
        """Where in the text, the first reading, these and what the last says decoded hold a secret."""
        for reading in readings:
            yield from _exactly(self._short, reading)
        if self._any:
            yield from self._written(readings)
            yield from self._decoded(readings[-1])

    def _written(self, readings: Sequence[Reading]) -> Iterator[Span]:
        text = readings[0].octets
        for reading in chain(readings, joined_layers(readings[0])):
            for span, is_long in self._needles.spans(reading):
                if is_long or _length(text, span) >= _MIN_CUT:
                    yield span

    def _decoded(self, reading: Reading) -> Iterator[Span]:
        for decoded in decodings(reading):
            is_noise = isinstance(decoded, Base64 | Hex)
            yield from _exactly(self._blank, decoded)
            finds = self._odd.spans(decoded) if is_noise else self._needles.spans(decoded, shifts=(0, 2))
            yield from (span for span, _ in finds)
