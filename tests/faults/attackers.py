"""Clients that break HTTP, never finish it or never listen, over raw sockets. No test is here."""

from __future__ import annotations

import itertools
import json
import socket
import struct
from collections.abc import AsyncGenerator, Generator, Iterable, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import anyio
import anyio.abc
from anyio import BrokenResourceError, ClosedResourceError, EndOfStream

from tests.faults.calls import Json, message
from tests.http_server.serving import Served

GONE = (BrokenResourceError, ClosedResourceError, EndOfStream, OSError)
DROP_SECONDS = 0.5
_LINGER_NOT = struct.pack("ii", 1, 0)
_SMALL_WINDOW = 4096
LIST_TOOLS: Json = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


def request(asked: Json | None = None, path: str = "/mcp", *headers: str, extra: int = 0) -> bytes:
    """A whole request, by default a call of a tool; its head says that the body is longer by so many octets."""
    body = json.dumps(asked or message("list_connectors", {})).encode()
    head = (
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        *headers,
        "Content-Type: application/json",
        "Accept: application/json",
        f"Content-Length: {len(body) + extra}",
    )
    return "\r\n".join((*head, "", "")).encode() + body


def _address(served: Served) -> tuple[str, int]:
    where = urlsplit(served.url)
    return str(where.hostname), where.port or 0


@dataclass(frozen=True)
class Attacker:
    """One connection to a server."""

    stream: anyio.abc.SocketStream

    async def send(self, octets: bytes) -> None:
        """As far as the server takes them."""
        with suppress(*GONE):
            await self.stream.send(octets)

    async def heard(self) -> bytes:
        """All that the server says until it ends the connection."""
        said = bytearray()
        with suppress(*GONE):
            while True:
                said += await self.stream.receive()
        return bytes(said)

    async def dripped(self, octets: Iterable[int]) -> bytes:
        """All that the server says while these come, an octet at a time."""
        said = b""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._drip, octets)
            said = await self.heard()
            tasks.cancel_scope.cancel()
        return said

    async def _drip(self, octets: Iterable[int]) -> None:
        for octet in octets:
            await self.send(bytes((octet,)))
            await anyio.sleep(DROP_SECONDS)

    async def silent(self) -> bytes:
        """Say nothing."""
        return await self.heard()

    async def slow_head(self) -> bytes:
        """Send a head without end."""
        head = b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nX-More: "
        return await self.dripped(itertools.chain(head, itertools.repeat(ord("a"))))

    async def slow_body(self, begun: bytes) -> bytes:
        """Send the body of a request without end."""
        await self.send(begun)
        return await self.dripped(itertools.repeat(ord(" ")))

    async def greedy(self) -> bytes:
        """Ask without end, and read no answer, until the connection is ended."""
        with suppress(*GONE):
            while True:
                await self.stream.send(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 100)
        return b""

    def reset(self) -> None:
        """From now on, the end of the connection is a reset."""
        raw = self.stream.extra_attributes[anyio.abc.SocketAttribute.raw_socket]()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)


@asynccontextmanager
async def attacking(served: Served) -> AsyncGenerator[Attacker]:
    """A connection, gone afterwards."""
    host, port = _address(served)
    async with await anyio.connect_tcp(host, port) as stream:
        yield Attacker(stream)


@contextmanager
def deaf(served: Served, number: int) -> Generator[Sequence[socket.socket]]:
    """Connections that asked for far more than fits on the way, and read none of it."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_WINDOW)
            each.connect(_address(served))
            each.sendall(request(LIST_TOOLS) * 12)
        yield sockets
