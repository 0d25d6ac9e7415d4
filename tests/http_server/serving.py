"""The server over HTTP as a process of its own, and clients of it. No test lives here."""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import httpx2
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from tests.emulators.processes import free_port
from tests.sessions import COMMAND, DATA_DIR, Session, environment

START_SECONDS = 60


def unknown_key() -> str:
    """A well-formed API key that no API gave to anybody."""
    return f"sk_live_{secrets.token_hex(24)}"


@dataclass(frozen=True)
class Served:
    """A running server: where it is, its process, and the file of its stderr."""

    url: str
    process: subprocess.Popen[bytes]
    errors: Path

    def said(self) -> str:
        """What it wrote on stderr until now."""
        return self.errors.read_text(encoding="utf-8", errors="replace")

    def ended(self) -> int:
        """Its exit status after SIGTERM."""
        self.process.terminate()
        return self.process.wait(timeout=40)


def started(served: Served) -> Served:
    """The server, as soon as it answers."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if served.process.poll() is not None:
            raise RuntimeError(f"ended with status {served.process.returncode}: {served.said()}")
        try:
            httpx.get(f"{served.url}/health", trust_env=False)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return served
    raise TimeoutError(served.said())


@contextmanager
def serving(
    folder: Path, *flags: str, settings: Mapping[str, str] | None = None, command: str = ""
) -> Generator[Served]:
    """A server on a free port of this machine, with a data folder of its own unless the settings name another."""
    port = free_port()
    errors = folder / f"stderr-{port}.txt"
    transport = () if command or "--transport" in flags else ("--transport", "http")
    given = {DATA_DIR: str(folder / "data"), **(settings or {})}
    with (
        errors.open("wb") as sink,
        subprocess.Popen(
            [*COMMAND, *([command] if command else []), *transport, "--port", str(port), *flags],
            env=environment(given),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
        ) as process,
    ):
        try:
            yield started(Served(f"http://127.0.0.1:{port}", process, errors))
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(timeout=40)
                finally:
                    process.kill()


@asynccontextmanager
async def client_of(
    served: Served, mode: str = "auto", *, headers: Mapping[str, str] | None = None, **options: Any
) -> AsyncGenerator[Client]:
    """A client over Streamable HTTP; mode `sse` is one over the older transport."""
    given = dict(headers or {})
    if mode == "sse":
        async with Client(sse_client(f"{served.url}/sse", headers=given), mode="legacy", **options) as client:
            yield client
        return
    http = httpx2.AsyncClient(headers=given, timeout=60, trust_env=False)
    async with http:
        transport = streamable_http_client(f"{served.url}/mcp", http_client=http)
        async with Client(transport, mode=mode, **options) as client:
            yield client


@asynccontextmanager
async def session_of(served: Served, mode: str, **options: Any) -> AsyncGenerator[Session]:
    """The same, held to the server's promises."""
    async with client_of(served, mode, **options) as client:
        listed = (await client.list_tools()).tools
        yield Session(client, {tool.name: tool.model_dump(by_alias=True, exclude_none=True) for tool in listed})
