"""Secrets to look for, the net that finds them in what a process left behind, and a server that repeats what it hears.

Nothing here uses the redaction of the package: the net must not have its holes. No test lives here.
"""

from __future__ import annotations

import base64
import gzip
import json
import secrets
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import reduce
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from tests.emulators.http_server import Reply

SECRET_FIELDS = ("aws_secret_access_key", "client_secret", "credentials_json")


def odd_secret() -> str:
    """A secret with every character that some encoding changes, made anew."""
    return f"{secrets.token_hex(8)}/+=\"\\ &<%é~!*'(){secrets.token_hex(8)}"


def secrets_in(arguments: Mapping[str, Any]) -> Iterator[str]:
    """Every secret in the arguments of a call; a key file is one, and its private key, and each line of that."""
    for name in SECRET_FIELDS:
        value: object = arguments.get(name)
        text = value if isinstance(value, str) else json.dumps(value)
        if name in arguments:
            yield text
        with suppress(ValueError, KeyError, TypeError):
            yield from _lines(str(json.loads(text)["private_key"]))


def _lines(private_key: str) -> Iterator[str]:
    yield private_key
    yield from (line for line in private_key.splitlines() if len(line) >= 16 and "-----" not in line)


def forms(secret: str) -> Iterator[bytes]:
    """The secret as it may be written: raw, in JSON (in JSON, in JSON), percent-encoded, in base64 at any offset."""
    yield secret.encode()
    for depth in (1, 2, 3):
        for choices in product((True, False), repeat=depth):
            yield reduce(
                lambda text, ascii_only: json.dumps(text, ensure_ascii=ascii_only)[1:-1], choices, secret
            ).encode()
    for percent in (quote(secret, safe=""), quote(secret), quote_plus(secret), quote(secret, safe="!'()*~")):
        yield percent.encode()
        yield percent.replace("%2F", "%2f").replace("%2B", "%2b").replace("%3D", "%3d").encode()
    for offset in range(3):
        text = base64.b64encode(bytes(offset) + secret.encode())
        core = text[4 if offset else 0 : (offset + len(secret.encode())) // 3 * 4]
        yield from (core, core.translate(bytes.maketrans(b"+/", b"-_")))


@dataclass
class Net:
    """The secrets that were sent, and where none may be."""

    sought: set[str] = field(default_factory=set[str])

    def remember(self, arguments: Mapping[str, Any]) -> None:
        """Look for the secrets of this call from now on."""
        self.sought.update(secret for secret in secrets_in(arguments) if len(secret) >= 8)

    def found_in(self, text: bytes) -> list[str]:
        """The secrets that the text holds in any form."""
        return [secret for secret in self.sought if any(form in text for form in forms(secret))]

    def found_below(self, folder: Path) -> dict[str, list[str]]:
        """The same for each file of a folder."""
        files = {path.name: self.found_in(path.read_bytes()) for path in folder.rglob("*") if path.is_file()}
        return {name: found for name, found in files.items() if found}


# ---- a server that repeats what it hears -------------------------------------------------------------------------


def _envelope(text: str) -> bytes:
    details = {"hint": text, "fields": [{"field": text, "rule": text}], "retryable": False}
    return json.dumps({"error": {"code": text, "message": text, "details": details, "request_id": text}}).encode()


def _message(text: str) -> bytes:
    return json.dumps({"error": {"code": "echo", "message": text}}).encode()


def _fastapi(text: str) -> bytes:
    fault = {"type": "string_too_short", "loc": ["body", text], "msg": text, "input": text, "ctx": {"value": text}}
    return json.dumps({"detail": [fault]}).encode()


def _answer(text: str, target: str) -> bytes:
    """An answer of the documented shape, to any operation, with the text wherever a text may be."""
    names = ("connector_id", "name", "provider", "status", "bucket", "last_test_error", "error_message", "message")
    times = {"path": text, "size_bytes": 1, "last_modified": text, "content_type": text}
    one = {**dict.fromkeys(names, text), "success": True, "checked": [text], "scopes": [text], **times, "secret": text}
    return json.dumps([one] if target.endswith(("/connectors", "/browse")) else one).encode()


Echo = Callable[[str, str], Reply]
"""From what was heard, as text, and the request's target."""

ECHOES: Mapping[str, Echo] = {
    "raw": lambda text, _: Reply(400, text.encode()),
    "an envelope": lambda text, _: Reply(422, _envelope(text)),
    "JSON in JSON": lambda text, _: Reply(422, _envelope(json.dumps(text))),
    "percent-encoded": lambda text, _: Reply(400, _envelope(quote(text, safe=""))),
    "percent-encoded but for slashes": lambda text, _: Reply(400, _envelope(quote(text))),
    "percent-encoded by a browser": lambda text, _: Reply(400, _envelope(quote(text, safe="!'()*~"))),
    "percent-encoded as a form": lambda text, _: Reply(400, _envelope(quote_plus(text))),
    "base64": lambda text, _: Reply(400, _message(base64.b64encode(text.encode()).decode())),
    "base64, one later": lambda text, _: Reply(400, _message(base64.b64encode(b"x" + text.encode()).decode())),
    "base64, two later": lambda text, _: Reply(400, _message(base64.b64encode(b"xx" + text.encode()).decode())),
    "base64 for URLs": lambda text, _: Reply(400, _message(base64.urlsafe_b64encode(text.encode()).decode())),
    "FastAPI's faults": lambda text, _: Reply(422, _fastapi(text)),
    "FastAPI's text": lambda text, _: Reply(404, json.dumps({"detail": text}).encode()),
    "unauthenticated": lambda text, _: Reply(401, _message(text)),
    "forbidden": lambda text, _: Reply(403, _message(text)),
    "a conflict": lambda text, _: Reply(409, _message(text)),
    "too many requests": lambda text, _: Reply(429, _message(text), {"Retry-After": "0"}),
    "a failure": lambda text, _: Reply(500, _envelope(text)),
    "a failing proxy": lambda text, _: Reply(502, f"<html><pre>{text}</pre></html>".encode()),
    "a page": lambda text, _: Reply(200, f"<html><pre>{text}</pre></html>".encode()),
    "another shape": lambda text, _: Reply(200, json.dumps({"connector_id": [text]}).encode()),
    "the documented shape": lambda text, target: Reply(200, _answer(text, target)),
    "a redirect": lambda text, _: Reply(302, text.encode(), {"Location": f"/{quote(text)}"}),
    "a header": lambda text, _: Reply(400, b"{}", {"X-Request-ID": quote(text, safe="")}),
    "compressed": lambda text, _: Reply(400, gzip.compress(_envelope(text)), {"Content-Encoding": "gzip"}),
    "UTF-16": lambda text, _: Reply(400, _envelope(text).decode().encode("utf-16")),
    "nothing": lambda _, __: Reply(200),
    "no answer": lambda _, __: Reply(0),
}


@dataclass
class Parrot:
    """What a running server repeats, and how; while `waits`, it answers nobody."""

    url: str = ""
    echo: Echo = ECHOES["raw"]
    waits: bool = False
    heard: bytearray = field(default_factory=bytearray)
    released: threading.Event = field(default_factory=threading.Event)

    def reply(self, said: bytes, target: str) -> Reply:
        """The answer to a request as it came."""
        self.heard += said
        if self.waits:
            self.released.wait()
            return Reply(0)
        return self.echo(said.decode(errors="replace"), target)


def _handler(parrot: Parrot) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
            """Silent."""

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            reply = parrot.reply(f"{self.requestline}\n{self.headers}\n".encode() + body, self.path)
            self.close_connection = True
            if reply.status:
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - the names are the library's

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Silent: a client that has heard enough closes the connection."""


@contextmanager
def repeating() -> Generator[Parrot]:
    """The server on a free port of the loopback interface."""
    parrot = Parrot()
    with _Server(("127.0.0.1", 0), _handler(parrot)) as server:
        parrot.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield parrot
        finally:
            parrot.released.set()
            server.shutdown()
            thread.join()
