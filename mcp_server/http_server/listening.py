"""Where a server listens and how its connections are bounded. What it answers is not known here."""

from __future__ import annotations

import asyncio
import socket
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import uvicorn
from starlette.types import ASGIApp

from mcp_server.errors import ConfigurationError
from mcp_server.settings import Settings

MAX_CONNECTIONS = 1_024
KEEP_ALIVE_SECONDS = 75
HEAD_BYTES = 32 * 1024
UNREAD_SECONDS = 30
"""How long a client may leave an answer unread before it is cut off, on Linux."""

OPEN_FILES = 4 * MAX_CONNECTIONS


@dataclass(frozen=True)
class Listening:
    """An address, the number of processes that share it, and the files of TLS."""

    host: str
    port: int
    workers: int = 1
    tls_cert: Path | None = None
    tls_key: Path | None = None

    @classmethod
    def of(cls, settings: Settings, default_port: int) -> Listening:
        """Raises ConfigurationError for half of a TLS identity, and for one that cannot be used."""
        if (settings.tls_cert is None) != (settings.tls_key is None):
            raise ConfigurationError("--tls-cert and --tls-key go together: give both, or neither.")
        port = default_port if settings.port is None else settings.port
        listening = cls(settings.host, port, settings.workers, settings.tls_cert, settings.tls_key)
        listening.check_tls()
        return listening

    def check_tls(self) -> None:
        """Raises ConfigurationError when the files are no certificate chain and its key."""
        import ssl

        if self.tls_cert is None:
            return
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.tls_cert, self.tls_key, _no_password)
        except (OSError, ssl.SSLError, ValueError):
            raise ConfigurationError(
                "--tls-cert and --tls-key must be PEM files of a certificate chain and its key without a password."
            ) from None

    def open_socket(self) -> socket.socket:
        """Bound and listening; port 0 takes a free one.

        Raises ConfigurationError when the address cannot be had.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            opened = socket.create_server((self.host, self.port), family=family, backlog=2 * MAX_CONNECTIONS)
        except OSError as error:
            raise ConfigurationError(
                f"--port: cannot listen on {self.host} port {self.port}: {error.strerror}"
            ) from None
        if sys.platform == "linux":  # its connections inherit it
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_SECONDS * 1000)
        return opened

    def url(self, opened: socket.socket) -> str:
        """Where the server is, without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls_cert else 'http'}://{host}:{opened.getsockname()[1]}"

    def config(self, app: ASGIApp) -> uvicorn.Config:
        """uvicorn's settings for one process."""
        return uvicorn.Config(
            app,
            http=_protocol(),
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            h11_max_incomplete_event_size=HEAD_BYTES,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            ssl_certfile=self.tls_cert,
            ssl_keyfile=self.tls_key,
        )


def allow_connections() -> None:
    """Let this process have all of its connections open, if the system allows that: many give 1,024 files."""
    if find_spec("resource") is None:
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))


def _protocol() -> type[asyncio.Protocol] | Literal["h11"]:
    """httptools where it exists, with our bounds; h11 bounds the size of a head by itself, and not its time."""
    if find_spec("httptools") is None:
        return "h11"
    from mcp_server.http_server.bounded_protocol import BoundedProtocol

    return BoundedProtocol


def _no_password() -> str:
    """Nobody is there to type one."""
    raise ValueError
