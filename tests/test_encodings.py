"""Encodings are undone wherever they begin, and what was found in a reading is found again in the text."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis.strategies import binary

from mcp_server.encodings import Hex, Without, base64_readings, decodings
from mcp_server.escapes import Reading

PLAIN = b"what is said here"
ENCODERS: tuple[Callable[[bytes], bytes], ...] = (
    base64.b64encode,
    base64.urlsafe_b64encode,
    base64.b16encode,
    lambda octets: octets.hex().encode(),
)


def _places(text: bytes) -> set[bytes]:
    """What of the text stands where some reading of it has the plain words."""
    readings = [reading for reading in decodings(Reading(text)) if PLAIN in reading.octets]
    starts = [(reading, reading.octets.find(PLAIN)) for reading in readings]
    return {text[slice(*reading.span(start, start + len(PLAIN)))] for reading, start in starts}


@pytest.mark.parametrize("before", [b"", b"a", b"ab", b"abc"])
@pytest.mark.parametrize("encode", ENCODERS)
def test_what_is_encoded_is_read_wherever_it_begins(before: bytes, encode: Callable[[bytes], bytes]) -> None:
    encoded = encode(PLAIN)
    assert _places(before + encoded + b" and so on") == {encoded}


@pytest.mark.parametrize("inside", [b"<", b"<>", b"<->"])
def test_of_a_longer_text_whole_groups_are_found(inside: bytes) -> None:
    encoded = base64.b64encode(inside + PLAIN + b"\xff!\xff")
    (found,) = _places(b'"' + encoded + b'"')
    assert found in encoded
    assert PLAIN in base64.b64decode(found)


@pytest.mark.parametrize("encode", ENCODERS)
def test_what_is_encoded_twice_is_read(encode: Callable[[bytes], bytes]) -> None:
    encoded = base64.b64encode(encode(PLAIN))
    assert _places(b"x " + encoded) == {encoded}


def test_escapes_inside_are_undone() -> None:
    assert _places(b"x " + base64.b64encode(PLAIN.replace(b" ", b"%20"))) != set()


def test_wrapped_and_spaced_encodings_are_read() -> None:
    wrapped = base64.b64encode(PLAIN)[:11] + b"\r\n   " + base64.b64encode(PLAIN)[11:]
    assert _places(wrapped) == {wrapped}
    assert _places(PLAIN.hex(":").encode()) == {PLAIN.hex(":").encode()}


def test_what_ends_within_a_group_is_no_longer_than_it_is() -> None:
    _, reading, *_ = base64_readings(Reading(b'"YWJjZA", x'))
    assert reading.octets.startswith(b"abcd")
    assert reading.span(0, 4) == (1, 7)
    _, padded, *_ = base64_readings(Reading(b'"YWJjZA==, x'))
    assert padded.span(0, 4) == (1, 9)
    late, *_ = base64_readings(Reading(b'."YWJjZA'))
    assert late.span(2, 5) == (2, 8)


@given(octets=binary(min_size=4, max_size=300))
def test_each_offset_reads_what_decoding_from_there_would(octets: bytes) -> None:
    letters = base64.b64encode(octets)
    for offset, reading in enumerate(base64_readings(Reading(letters))):
        rest = letters[offset:].replace(b"=", b"A")
        expected = base64.b64decode(rest[: len(rest) // 4 * 4])
        assert reading.octets[: len(expected)] == expected
        assert len(reading.octets) - len(expected) <= 3


def test_pairs_of_digits_are_read_from_either() -> None:
    assert Hex(Reading(b"0616263"), 1).octets == b"abc"
    assert Hex(Reading(b"0616263"), 1).span(1, 2) == (3, 5)


def test_what_is_left_without_some_octets_stood_where_it_stood() -> None:
    text = b"a b\n" * 100
    reading = Without(Reading(text))
    assert reading.octets == b"ab" * 100
    assert [text[slice(*reading.span(at, at + 1))] for at in range(200)] == [b"a", b"b"] * 100
