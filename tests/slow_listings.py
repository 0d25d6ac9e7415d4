"""An API without pages whose listings take their time: it sends files as long as it is told to. No test is here."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from anyio.lowlevel import checkpoint
from mcp import Client

from tests.client.listing import listed
from tests.client.raw_api import GONE, Peer, RawApi, answering
from tests.http_server.serving import client_of, serving

PART = 500
"""Files sent at a time."""

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


class SlowApi(RawApi):
    """Answers each request with an array that ends when `may_end` is set, and then with the next as soon."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.act = self._list
        self.interval = 0.05
        self.files = 0
        self.began = anyio.Event()
        self.may_end = anyio.Event()
        self.gone = anyio.Event()
        self.gone_at = 0.0

    @property
    def settings(self) -> dict[str, str]:
        """The environment of a server for which this is the API."""
        key = f"sk_live_{secrets.token_hex(24)}"
        return {"VIDEOVECTOR_API_KEY": key, "VIDEOVECTOR_BASE_URL": self.url, "VIDEOVECTOR_TIMEOUT": "600000"}

    async def _list(self, peer: Peer) -> None:
        try:
            while True:
                self.requests.append(await peer.request())
                await self._answer(peer)
        except GONE:
            self.gone_at = anyio.current_time()
            self.gone.set()
            await checkpoint()

    async def _answer(self, peer: Peer) -> None:
        await peer.send(_HEAD)
        opening = b"["
        while not self.may_end.is_set():
            await peer.send(_chunk(opening + b", ".join(_file(self.files + number) for number in range(PART))))
            self.files += PART
            opening = b", "
            self.began.set()
            with anyio.move_on_after(self.interval):
                await self.may_end.wait()
        await peer.send(_chunk(b"]") + _chunk(b""))


def _file(number: int) -> bytes:
    return json.dumps(listed(number)).encode()


def _chunk(octets: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(octets), octets)


@asynccontextmanager
async def slow_api() -> AsyncGenerator[SlowApi]:
    """On a free port of the loopback interface, until the end of the block."""
    async with answering(SlowApi) as api:
        yield api


@asynccontextmanager
async def client_over_http(folder: Path, flags: Sequence[str], era: str) -> AsyncGenerator[tuple[Client, SlowApi]]:
    """A client of a server with these flags, whose API is slow."""
    async with slow_api() as api:
        with serving(folder, *flags, settings=api.settings) as served:
            async with client_of(served, era) as client:
                yield client, api
    await checkpoint()
