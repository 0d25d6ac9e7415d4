"""Small applications on a server that drains, in the event loop of the test. No test lives here."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import httpx
import pytest
import trustme
from anyio.abc import ByteStream
from anyio.lowlevel import checkpoint
from anyio.streams.tls import TLSStream
from sse_starlette.sse import EventSourceResponse
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from mcp_server.http_server import draining_server
from mcp_server.http_server.drain import Drain
from mcp_server.http_server.draining_server import DrainingServer, OwedAnswers
from mcp_server.http_server.listening import Listening

LOOPS = {
    "uvloop": ("asyncio", {"use_uvloop": True}),
    "asyncio": ("asyncio", {"use_uvloop": False}),
}
LARGE = b"x" * 8 * 1024 * 1024


@dataclass
class Work:
    """An application whose calls end when the test lets them. Its paths say how it answers."""

    began: anyio.Event = field(default_factory=anyio.Event)
    may_end: anyio.Event = field(default_factory=anyio.Event)
    ended: anyio.Event = field(default_factory=anyio.Event)
    seen: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen += 1
        answers = {"/call": self._call, "/events": self._events, "/wait": self._stream, "/large": self._large}
        try:
            await (await answers.get(scope["path"], self._plain)())(scope, receive, send)
        finally:
            self.ended.set()
            await checkpoint()

    async def _plain(self) -> Response:
        return PlainTextResponse("plain")

    async def _large(self) -> Response:
        self.began.set()
        return Response(LARGE)

    async def _call(self) -> Response:
        self.began.set()
        await self.may_end.wait()
        return PlainTextResponse("called")

    async def _events(self) -> Response:
        """An answer as older clients get it: it has begun when the call has, and ends with it."""

        async def events() -> AsyncGenerator[str]:
            yield "first"
            self.began.set()
            await self.may_end.wait()
            yield "last"

        return EventSourceResponse(events())

    async def _stream(self) -> Response:
        """A stream on which nothing comes."""

        async def events() -> AsyncGenerator[str]:
            yield "open"
            await anyio.sleep_forever()

        return EventSourceResponse(events())


@dataclass(frozen=True)
class Running:
    """A server that serves, and what says when it has ended."""

    server: DrainingServer
    drain: Drain
    url: str
    port: int
    ended: anyio.Event

    async def connected(self, context: ssl.SSLContext | None = None) -> ByteStream:
        """A connection of its own."""
        stream = await anyio.connect_tcp("127.0.0.1", self.port)
        return await TLSStream.wrap(stream, hostname="127.0.0.1", ssl_context=context) if context else stream

    async def refused(self) -> None:
        """Wait until it takes no more connections."""
        with suppress(OSError):
            while True:
                async with await anyio.connect_tcp("127.0.0.1", self.port):
                    await checkpoint()
        await checkpoint()


@asynccontextmanager
async def running(
    app: ASGIApp, listening: Listening | None = None, seconds: float = 20.0, drain: Drain | None = None
) -> AsyncGenerator[Running]:
    """The application on a server that has begun to serve; it is told to end with the block at the latest."""
    drain, ready, ended = drain or Drain(), anyio.Event(), anyio.Event()
    listening = listening or Listening("127.0.0.1", 0)
    with listening.open_socket() as opened, pytest.MonkeyPatch.context() as patch:
        patch.setattr(draining_server, "LINGER_SECONDS", 0.05)
        server = DrainingServer(listening.config(OwedAnswers(app, drain)), drain, seconds, ready.set)

        async def serve() -> None:
            await server.serve([opened])
            ended.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve)
            await ready.wait()
            try:
                yield Running(server, drain, listening.url(opened), opened.getsockname()[1], ended)
            finally:
                server.end()
    await checkpoint()


@dataclass(frozen=True)
class Identity:
    """A certificate of this machine, as files, and those who trust it."""

    cert: Path
    key: Path
    context: ssl.SSLContext

    @classmethod
    def made(cls, folder: Path) -> Identity:
        """A new one."""
        authority = trustme.CA()
        issued = authority.issue_cert("127.0.0.1", "localhost", "::1")
        issued.private_key_pem.write_to_path(str(folder / "key.pem"))
        for pem in issued.cert_chain_pems:
            pem.write_to_path(str(folder / "cert.pem"), append=True)
        context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
        return cls(folder / "cert.pem", folder / "key.pem", context)


def plain_client(context: ssl.SSLContext | None = None) -> httpx.AsyncClient:
    """A client that keeps its connections and knows no proxy."""
    return httpx.AsyncClient(trust_env=False, verify=context or False, timeout=30)


def request(method: str, path: str, *lines: str, body: str = "") -> bytes:
    """A request as it is sent."""
    head = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *lines]
    length = [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([*head, *length, "", body]).encode()


async def heard(stream: ByteStream) -> bytes:
    """All that comes until the other side closes; after a reset, what came before it."""
    received = bytearray()
    with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
        while True:
            received += await stream.receive()
    await checkpoint()
    return bytes(received)


async def heard_until(stream: ByteStream, end: bytes) -> bytes:
    """All that comes until it ends so."""
    received = bytearray()
    while not received.endswith(end):
        received += await stream.receive()
    return bytes(received)
