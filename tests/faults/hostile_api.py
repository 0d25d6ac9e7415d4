"""An API whose answer to get_connector is hostile, as the id says, and right to all else. No test is here."""

from __future__ import annotations

import gzip
from collections.abc import Awaitable, Callable
from functools import cache, partial

from tests.client.raw_api import Peer, RawApi, http

Act = Callable[[Peer], Awaitable[object]]
GIGABYTE = 2**30
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_WAVE = b" " * 2**20
_DEPTH = 100_000


async def _drip(before: bytes, drops: bytes, peer: Peer) -> None:
    await peer.send(before)
    await peer.drip(drops)


async def _flood(before: bytes, wave: bytes, peer: Peer) -> None:
    await peer.send(before)
    for _ in range(GIGABYTE // len(_WAVE)):
        await peer.send(wave)


async def _stop(before: bytes, octets: bytes, peer: Peer) -> None:
    await peer.send(before + octets)
    await peer.gone()


async def _cut(octets: bytes, peer: Peer) -> None:
    await peer.send(octets)
    await peer.hang_up()


async def _reset(octets: bytes, peer: Peer) -> None:
    await peer.send(octets)
    await peer.reset()


async def _answer(octets: bytes, peer: Peer) -> None:
    await peer.send(octets)


@cache
def _bomb() -> bytes:
    return gzip.compress(bytes(2**27))


async def _packed(peer: Peer) -> None:
    await peer.send(http(_bomb(), "Content-Encoding: gzip"))


async def _wide(peer: Peer) -> None:
    await peer.send(http(b'{"connector_id": [%s1]}' % (b"1," * 2**24)))


SILENCES: dict[str, Act] = {
    "answers_never": Peer.gone,
    "drips_its_head": partial(_drip, _HEAD, b"X: y\r\n"),
    "stops_after_32_mebibytes": partial(_stop, _HEAD + b"Content-Length: %d\r\n\r\n" % GIGABYTE, bytes(2**25)),
    "drips_its_body": partial(_drip, _HEAD + b"Content-Length: 1000000\r\n\r\n", b" "),
}
BREAKS: dict[str, Act] = {
    "resets_at_once": partial(_reset, b""),
    "resets_in_the_head": partial(_reset, _HEAD),
    "resets_in_the_body": partial(_reset, http()[:-5]),
    "hangs_up_in_the_body": partial(_cut, http()[:-5]),
    "speaks_no_http": partial(_cut, b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
}
FLOODS: dict[str, Act] = {
    "says_a_gigabyte": partial(_flood, _HEAD + b"Content-Length: %d\r\n\r\n" % GIGABYTE, _WAVE),
    "sends_chunks_without_end": partial(
        _flood, _HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"100000\r\n" + _WAVE + b"\r\n"
    ),
    "packs_a_bomb": _packed,
    "counts_to_16_millions": _wide,
}
SHAPES: dict[str, Act] = {
    "nests_deeply": partial(_answer, http(b"[" * _DEPTH + b"]" * _DEPTH)),
    "nests_a_field_deeply": partial(_answer, http(b'{"connector_id": %s1%s}' % (b"[" * _DEPTH, b"]" * _DEPTH))),
    "shows_a_page": partial(_answer, http(b"<html>Welcome</html>", "Content-Type: text/html")),
    "shows_a_picture": partial(_answer, http(b"\x89PNG\r\n\x1a\n\0\0", "Content-Type: image/png")),
    "says_nothing": partial(_answer, http(b"")),
}
_FAULTS = {**SILENCES, **BREAKS, **FLOODS, **SHAPES}


class HostileApi(RawApi):
    """`elsewhere` is where it redirects to: creations, and what is asked for by an id of redirect_ and a status."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        _bomb()  # takes a second, in which nobody is answered
        self.elsewhere = ""
        self.redirects_creations_with = 307
        self.answers_probes = True
        self.act = self._as_asked

    async def _as_asked(self, peer: Peer) -> None:
        while True:
            asked = (await peer.request()).split(maxsplit=2)[1].decode()
            await self._act(asked.rpartition("/")[2])(peer)

    def _act(self, name: str) -> Act:
        if name == "validate" and not self.answers_probes:
            return Peer.gone
        if name == "s3":
            return self._redirect(self.redirects_creations_with)
        if name.startswith("redirect_"):
            return self._redirect(int(name.partition("_")[2]))
        return _FAULTS.get(name, partial(_answer, http()))

    def _redirect(self, status: int) -> Act:
        return partial(_answer, http(b"", f"Location: {self.elsewhere}/connectors", status=f"{status} Elsewhere"))
