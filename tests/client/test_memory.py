"""An answer that is meant to fill the memory does not: measured in a process of its own."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from tests.client.raw_api import Peer, http, listening

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process's memory is read where Linux writes it"),
]

MOST_MIB = 100
GIGABYTE = 2**30
_WAVE = b" " * 2**16
_CHUNK = b"10000\r\n" + _WAVE + b"\r\n"
_HEAD = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def _zeros(size: int) -> bytes:
    return gzip.compress(bytes(size), compresslevel=1)


def _bomb(encoding: str, pack: Callable[[], bytes]) -> Callable[[], tuple[bytes, bytes]]:
    return lambda: (http(pack(), f"Content-Encoding: {encoding}"), b"")


FLOODS: dict[str, tuple[Callable[[], tuple[bytes, bytes]], str]] = {
    "a gigabyte": (lambda: (_HEAD + f"Content-Length: {GIGABYTE}\r\n\r\n".encode(), _WAVE), "answer_too_large"),
    "chunks without end": (lambda: (_CHUNKED, _CHUNK), "answer_too_large"),
    "headers without end": (lambda: (_HEAD, b"X-More: yes\r\n" * 1000), "unreachable"),
    "a gzip bomb": (_bomb("gzip", lambda: _zeros(2**28)), "answer_too_large"),
    "a bomb in a bomb": (_bomb("gzip, gzip", lambda: gzip.compress(_zeros(2**28))), "unexpected_answer"),
}


@pytest.mark.parametrize(("flood", "code"), FLOODS.values(), ids=FLOODS)
async def test_memory_stays_flat_whatever_is_answered(flood: Callable[[], tuple[bytes, bytes]], code: str) -> None:
    before, wave = flood()

    async def act(peer: Peer) -> None:
        await peer.request()
        await peer.send(http())
        await peer.request()
        await peer.send(before)
        while wave:
            await peer.send(wave)

    async with listening() as api:
        api.act = act
        command = [sys.executable, "-m", "tests.client.growth", api.url]
        process = await anyio.run_process(command, stderr=None, cwd=Path(__file__).parents[2])
    told = json.loads(process.stdout)
    assert told["code"] == code
    assert told["growth"] < MOST_MIB
