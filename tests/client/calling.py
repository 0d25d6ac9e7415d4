"""An API on a socket that answers by a script, and the client that asks it. No test is here."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, cast

import anyio.to_thread
import httpx

from mcp_server import wire
from mcp_server.client import VideoVector
from tests.materials import ANSWERS, API_KEY, ROWS, arguments

GUARD_SECONDS = 100.0
REPEATED = ("list_connectors", "get_connector", "create_s3_connector", "create_gcs_connector", "test_connector")
SENT_ONCE = ("update_connector", "delete_connector", "browse_connector_files")


@dataclass
class Received:
    """One request as the server saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: tuple[str, int]


@dataclass
class Scripted:
    """One answer; `hang_up` closes the connection instead."""

    status: int = 200
    body: bytes = b"[]"
    headers: dict[str, str] = field(default_factory=dict[str, str])
    hang_up: bool = False
    hold: bool = False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def api(self) -> LocalApi:
        return cast("_Server", self.server).api

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as in the base class
        """Nothing is logged."""

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.api.received.append(Received(self.command, self.path, headers, body, self.client_address))
        answer = self.api.script.pop(0) if self.api.script else self.api.last
        if answer.hold:
            self._hold()
        elif answer.hang_up:
            self.close_connection = True
        else:
            self._send(answer)

    do_GET = do_POST = do_PATCH = do_DELETE = _any  # noqa: N815 - the names that http.server calls

    def _hold(self) -> None:
        """Answer nothing until the client goes away."""
        self.api.holding.set()
        self.close_connection = True
        if self.connection.recv(1) == b"":
            self.api.gone.set()

    def _send(self, answer: Scripted) -> None:
        self.send_response(answer.status)
        for name, value in {"Content-Type": "application/json", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    api: LocalApi

    def handle_error(self, request: object, client_address: object) -> None:
        """Silent: a client that has heard enough closes the connection."""


class LocalApi:
    """A server on a free port that answers by its script, then always with `last`."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.received: list[Received] = []
        self.script: list[Scripted] = []
        self.last = Scripted()
        self.holding = threading.Event()
        self.gone = threading.Event()

    def answers_for(self, name: str, *before: Scripted) -> None:
        """What the operation expects, after some other answers."""
        self.script = list(before)
        self.last = Scripted(body=json.dumps(ANSWERS[name]).encode())

    def keys(self) -> list[str | None]:
        return [request.headers.get("idempotency-key") for request in self.received]


@contextmanager
def running() -> Generator[LocalApi]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.api = LocalApi(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.api
        finally:
            server.shutdown()
            thread.join()


async def asked(client: VideoVector, name: str, /, **changes: Any) -> Any:
    return await client.ask(ROWS[name], wire.parse(ROWS[name], arguments(name, **changes)))


class Located(Protocol):
    """An API that listens somewhere."""

    @property
    def url(self) -> str: ...


def client_of(api: Located, **options: Any) -> VideoVector:
    settings: dict[str, Any] = {"api_key": API_KEY, "base_url": api.url, "timeout": GUARD_SECONDS, **options}
    return VideoVector(verify=False, **settings)


Answer = Callable[[httpx.Request], httpx.Response]


def scripted(answer: Answer, **options: Any) -> VideoVector:
    settings: dict[str, Any] = {"api_key": API_KEY, "transport": httpx.MockTransport(answer), **options}
    return VideoVector(**settings)


def answering(content: bytes | str, status: int = 200, /, **headers: str) -> Answer:
    return lambda _: httpx.Response(status, content=content, headers=headers)


async def happened(event: threading.Event) -> bool:
    return await anyio.to_thread.run_sync(event.wait, GUARD_SECONDS)
