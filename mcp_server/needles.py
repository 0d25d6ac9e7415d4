"""What to look for when a secret is known: its forms, and of a key file or a PEM block only what is secret of it.

Where to look is no business of this room.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate

from mcp_server.encodings import Without
from mcp_server.escapes import Reading, layers

MIN_LOOSE = 8
_MIN_CUT = 6
_MIN_INSIDE = 12
_MIN_INSIDE_LINES = 24
"""What is from the middle of a private key must be longer: there, two keys may say the same about their kind."""
_MIN_BODY = 12
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?P<body>.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$)", re.DOTALL
)
_PLUS = bytes.maketrans(b"+", b" ")
"""A form writes a blank as a plus."""
_PRINTABLE = re.compile(rb"[\t\n\r\x20-\x7e]+")


def loose(octets: bytes) -> bytes:
    """The octets without those that an echo may drop."""
    return Without(Reading(octets)).octets


def _shared(one: bytes, other: bytes) -> int:
    """How many octets at the start of both are the same."""
    longest = min(len(one), len(other))
    size = min(16, longest)
    while size < longest and one[:size] == other[:size]:
        size = min(4 * size, longest)
    different = int.from_bytes(one[:size], "big") ^ int.from_bytes(other[:size], "big")
    return size - (different.bit_length() + 7) // 8


@dataclass(frozen=True, repr=False)
class Needle:
    """One form of a secret: all of it, and its octets without those that an echo may drop."""

    name: str
    secret: Without
    octets: bytes
    edges: frozenset[int]
    printable: bool

    @classmethod
    def of(cls, name: str, secret: bytes) -> Needle:
        whole = Without(Reading(secret.translate(_PLUS)))
        edges = accumulate((len(loose(line)) for line in secret.splitlines()), initial=0)
        printable = _PRINTABLE.fullmatch(secret) is not None
        return cls(name, whole, whole.octets, frozenset(edges), printable)

    def agreeing(self, text: bytes, at: int, offset: int) -> tuple[int, int]:
        """How far, before and after a position, the text agrees with the needle around an offset."""
        before = _shared(text[max(0, at - offset) : at][::-1], self.octets[:offset][::-1]) if offset else 0
        return before, _shared(text[at : at - offset + len(self.octets)], self.octets[offset:])

    def is_told_by(self, start: int, end: int) -> bool:
        """Whether that part of it is enough to be kept secret."""
        if start in self.edges or end in self.edges:
            return end - start >= _MIN_CUT
        return end - start >= (_MIN_INSIDE if len(self.edges) == 2 else _MIN_INSIDE_LINES)

    def widened(self, reading: Without, offset: int, first: int, last: int) -> tuple[int, int, int]:
        """A find in the reading before, with the dropped octets beside it that the secret has too, and its length."""
        start, end = reading.place(first, last)
        begin, finish = self.secret.place(offset, offset + last - first)
        text, secret = reading.before.octets, self.secret.before.octets
        if len(secret) == len(self.octets):
            return start, end, finish - begin
        before = _shared(text[max(0, start - begin) : start].translate(_PLUS)[::-1], secret[:begin][::-1])
        after = _shared(text[end : end + len(secret) - finish].translate(_PLUS), secret[finish:])
        return start - before, end + after, before + finish - begin + after


def _private_key_in(secret: str) -> str | None:
    """The private key of a key file, given as the text of a JSON object."""
    with suppress(ValueError, RecursionError):
        key: dict[str, object] = json.loads(secret)
        private_key = key.get("private_key")
        return private_key if isinstance(private_key, str) else None
    return None


def _secret_parts(secret: str, name: str) -> Iterator[tuple[str, str]]:
    """What is secret of a secret, named: of a key file its private key, of a PEM block its body."""
    private_key = _private_key_in(secret) if secret.lstrip().startswith("{") else None
    text, name = (secret, name) if private_key is None else (private_key, "private_key")
    *_, plain = layers(Reading(text.encode(errors="surrogatepass")))
    block = _PRIVATE_KEY.search(plain.octets.decode(errors="replace"))
    body = block["body"].strip() if block else ""
    if len(body) >= _MIN_BODY:
        yield body, "private_key"
    if len(body) < _MIN_BODY or not text.lstrip().startswith(("-----BEGIN", "{")):
        yield text, name


def _written(secret: str) -> Iterator[bytes]:
    """The octets of a secret, as UTF-8 or where they can as Latin-1, and the same with the escapes in them undone."""
    utf8 = secret.encode(errors="surrogatepass")
    latin = (bytes((ord(char),)) if ord(char) < 256 else char.encode(errors="surrogatepass") for char in secret)
    for octets in {utf8, utf8 if secret.isascii() else b"".join(latin)}:
        yield octets
        undone = (reading.octets for reading in layers(Reading(octets)))
        yield from (form for form in undone if len(loose(form)) >= MIN_LOOSE)


def forms(secrets: Mapping[str, str]) -> dict[bytes, str]:
    """All that must not be seen of the named secrets, each with its name."""
    parts = [part for secret, name in secrets.items() if secret.strip() for part in _secret_parts(secret, name)]
    return {form: name for part, name in parts for form in _written(part) if form.strip()}
