"""The memory that a listing takes does not grow with it, whatever it is: measured in a process of its own."""

from __future__ import annotations

import gzip
import itertools
import json
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from mcp_server.listings import MAX_STREAMED_BYTES
from tests.client.listing import array, listed
from tests.client.raw_api import Peer, http, listening

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process's memory is read where Linux writes it"),
]

MOST_MIB = 48
MANY = 210_000
"""More than are kept: 43 MB, which took 300 MiB as text and objects."""

_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
_FILE = (
    json.dumps({**listed(0), "path": "incoming/2026/clip-%07d.mp4", "name": "clip-%07d.mp4"})
    .encode()
    .replace(b'"size_bytes": 0', b'"size_bytes": %d')
)
_ENTRY = json.dumps(listed(1)).encode()


def _listing() -> Iterator[bytes]:
    """The array, a thousand files at a time."""
    yield b"["
    for first in range(0, MANY, 1000):
        separator = b", " if first else b""
        yield separator + b", ".join(_FILE % (number, number, number) for number in range(first, first + 1000))
    yield b"]"


def _packed(pieces: Iterator[bytes]) -> Iterator[bytes]:
    packing = zlib.compressobj(1, wbits=zlib.MAX_WBITS | 16)
    yield from map(packing.compress, pieces)
    yield packing.flush()


def _endless(before: bytes, wave: bytes) -> Iterator[bytes]:
    yield before
    yield from itertools.repeat(wave * (65_536 // len(wave) + 1))


async def told_of(pieces: Iterator[bytes], *lines: str) -> dict[str, Any]:
    """What a process says that browses an API which answers so."""

    async def act(peer: Peer) -> None:
        await peer.request()
        await peer.send(http())
        await peer.request()
        await peer.send(_HEAD + "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n")
        for piece in filter(None, pieces):
            await peer.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        await peer.send(b"0\r\n\r\n")

    async with listening() as api:
        api.act = act
        command = [sys.executable, "-m", "tests.client.growth", api.url, "browse"]
        process = await anyio.run_process(command, stderr=None, cwd=Path(__file__).parents[2])
    told: dict[str, Any] = json.loads(process.stdout)
    return told


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_a_listing_of_any_length_takes_little(encoding: str) -> None:
    pieces = _listing() if encoding == "identity" else _packed(_listing())
    told = await told_of(pieces, f"Content-Encoding: {encoding}")
    assert (told["code"], told["files"]) == ("", MANY)
    assert told["growth"] < MOST_MIB


HOSTILE: dict[str, tuple[Callable[[], Iterator[bytes]], str]] = {
    "a text without end": (lambda: _endless(b'[{"path": "', b"x"), "unexpected_answer"),
    "an entry of 100 MB": (lambda: itertools.chain(_endless(b'[{"a": [', b"1,")), "unexpected_answer"),
    "brackets without end": (lambda: _endless(b"", b"["), "unexpected_answer"),
    "nested entries without end": (lambda: _endless(b'[{"a": [', b'{"a": 1}, '), "unexpected_answer"),
    "large paths": (
        lambda: _endless(
            b"[" + _ENTRY, b', {"path": "%s", "name": "", "size_bytes": 1, "last_modified": ""}' % (b"x" * 5000)
        ),
        "unexpected_answer",
    ),
    "blanks without end": (lambda: _endless(b"[", b" "), "unexpected_answer"),
}


@pytest.mark.parametrize(("pieces", "code"), HOSTILE.values(), ids=HOSTILE)
async def test_what_is_meant_to_fill_the_memory_does_not(pieces: Callable[[], Iterator[bytes]], code: str) -> None:
    told = await told_of(pieces())
    assert told["code"] == code
    assert told["growth"] < MOST_MIB


async def test_a_bomb_does_not_either() -> None:
    bomb = gzip.compress(b"[" + b" " * 2**28, compresslevel=1)
    told = await told_of(iter([bomb]), "Content-Encoding: gzip")
    assert told["code"] == "unexpected_answer"
    assert told["growth"] < MOST_MIB


def test_the_bound_of_a_listing_is_more_than_a_million_files() -> None:
    assert len(array(1000)) * 1000 * 2 < MAX_STREAMED_BYTES
