"""An API below HTTP: connections whose every octet is a test's, in the event loop of the test. No test is here."""

from __future__ import annotations

import json
import re
import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import anyio
import anyio.abc
import anyio.lowlevel
from anyio.streams.tls import TLSListener

from tests.client.calling import GUARD_SECONDS
from tests.materials import ANSWERS

LISTING = json.dumps(ANSWERS["list_connectors"]).encode()
GONE = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, ssl.SSLError)


def http(body: bytes = LISTING, *lines: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """A response with its headers; `length` is what it says of its body, rightly by default."""
    head = (f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *lines, "", "")
    return "\r\n".join(head).encode() + body


class Peer:
    """One connection as the API has it."""

    def __init__(self, stream: anyio.abc.ByteStream) -> None:
        self._stream = stream
        self._read = b""

    async def request(self) -> bytes:
        """The next request, whole; raises EndOfStream when the client is gone."""
        head = await self._until(lambda text: text.partition(b"\r\n\r\n")[0] if b"\r\n\r\n" in text else None)
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        size = len(head) + 4 + (int(length[1]) if length else 0)
        whole = await self._until(lambda text: text[:size] if len(text) >= size else None)
        self._read = self._read[size:]
        return whole

    async def _until(self, found: Callable[[bytes], bytes | None]) -> bytes:
        while (part := found(self._read)) is None:
            self._read += await self._stream.receive()
        return part

    async def send(self, octets: bytes) -> None:
        await self._stream.send(octets)

    async def drip(self, octets: bytes) -> None:
        """One octet at a time, without end."""
        while True:
            for octet in octets:
                await self.send(bytes((octet,)))
                with anyio.move_on_after(0.01):
                    await anyio.sleep_forever()

    async def hang_up(self) -> None:
        await self._stream.aclose()

    async def reset(self) -> None:
        """End the connection with a reset instead of an end."""
        attribute = self._stream.extra
        attribute(anyio.abc.SocketAttribute.raw_socket).setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        await self._stream.aclose()

    async def gone(self) -> None:
        """Wait until the client goes away."""
        with suppress(*GONE):
            while True:
                await self._stream.receive()


Act = Callable[[Peer], Awaitable[object]]


class RawApi:
    """Does to each connection what `act` says, and then, or without it, answers every request rightly."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.act: Act | None = None
        self.requests: list[bytes] = []
        self.connections = 0
        self.open_connections = 0

    async def serve(self, stream: anyio.abc.ByteStream) -> None:
        self.connections += 1
        self.open_connections += 1
        try:
            async with stream:
                with suppress(*GONE):
                    peer = Peer(stream)
                    await (self.act or self.answer)(peer)
                    await self.answer(peer)
        finally:
            self.open_connections -= 1

    async def has_open(self, number: int) -> None:
        """Wait until so many connections are open."""
        while self.open_connections != number:
            await anyio.lowlevel.checkpoint()

    async def answer(self, peer: Peer) -> None:
        """Every request of the connection gets a listing."""
        while True:
            self.requests.append(await peer.request())
            await peer.send(http())


ApiT = TypeVar("ApiT", bound=RawApi)


@asynccontextmanager
async def answering(
    make: Callable[[str], ApiT], tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncGenerator[ApiT]:
    """An API made from its URL, on a free port of the loopback interface, until the end of the block."""
    tcp = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = tcp.extra_attributes[anyio.abc.SocketAttribute.local_port]()
    listener = TLSListener(tcp, tls, standard_compatible=False) if tls else tcp
    api = make(f"{'https' if tls else 'http'}://{host}:{port}")
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, api.serve)
        yield api
        tasks.cancel_scope.cancel()
    await anyio.lowlevel.checkpoint()


@asynccontextmanager
async def listening(tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncGenerator[RawApi]:
    """The server for so long as a test may take."""
    async with answering(RawApi, tls, host) as api:
        with anyio.fail_after(GUARD_SECONDS):
            yield api
