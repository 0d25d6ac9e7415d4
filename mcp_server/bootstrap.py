"""The one room that knows both the client and the embedded API: it picks the transport and opens what must be open.

Both are imported when the first call comes, so that a server starts without them.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from mcp_server.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from starlette.applications import Starlette

    from mcp_server.client import VideoVector
    from mcp_server.credentials.tickets import Desk
    from mcp_server.operation import AnswerT, Ask, Operation, RequestT
    from mcp_server.settings import Settings
    from mcp_server.tools import Backing


@asynccontextmanager
async def open_api(settings: Settings, *, authenticate: bool) -> AsyncGenerator[Starlette]:
    """The embedded API with its database and storage open; with `authenticate` it asks for an API key.

    Raises ConfigurationError for a database or key that cannot be used.
    """
    from mcp_server.embedded.app import create_app
    from mcp_server.embedded.service import Service

    async with aclosing(await Service.open(settings)) as service:
        yield create_app(service, authenticate=authenticate)


@asynccontextmanager
async def open_client(settings: Settings) -> AsyncGenerator[VideoVector]:
    """A client of the configured API: the real one when there is an API key, else the embedded one in this process."""
    import httpx

    from mcp_server.client import VideoVector
    from mcp_server.tls import tls_context

    seconds = settings.timeout / 1000
    if settings.api_key is not None:
        async with VideoVector(
            api_key=settings.api_key,
            base_url=settings.base_url,
            timeout=seconds,
            max_retries=settings.max_retries,
            verify=tls_context(settings, trust_env=True),
        ) as client:
            yield client
        return
    async with open_api(settings, authenticate=False) as app:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        base_url = "http://localhost/api/v2"
        async with VideoVector(base_url=base_url, timeout=seconds, max_retries=0, transport=transport) as client:
            yield client


async def serve_api(settings: Settings, host: str, port: int, announce: Callable[[str], object]) -> None:
    """Serve the embedded API over HTTP until the process is told to end; port 0 takes a free one.

    Raises ConfigurationError when the port cannot be had.
    """
    import signal
    import socket

    import uvicorn

    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        raise ConfigurationError(f"--port: cannot listen on {host} port {port}: {error}") from None
    with listener:
        async with open_api(settings, authenticate=True) as app:
            config = uvicorn.Config(
                app,
                access_log=False,
                server_header=False,
                log_config=None,
                lifespan="off",
                timeout_graceful_shutdown=10,
            )
            where = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}/api/v2"
            announce(f"Connectors API on {where} (any key of the form sk_live_ and 48 hex digits)")
            # uvicorn ends on SIGTERM by itself and then raises it again, when the files are still to be closed.
            signal.signal(signal.SIGTERM, _already_ending)
            await uvicorn.Server(config).serve(sockets=[listener])


def _already_ending(*_: object) -> None:
    """Nothing is left to do for the signal."""


def verify_credentials(settings: Settings) -> None:
    """Raises ConfigurationError when the file of named credentials cannot be used as it is."""
    from mcp_server.credentials.book import CredentialBook

    CredentialBook.of(settings).verify()


def backing(settings: Settings, ask: Ask, desk: Desk) -> Backing:
    """What the tools of a server with these settings stand on."""
    from mcp_server.credentials.book import CredentialBook
    from mcp_server.errands import Site
    from mcp_server.intake import Intake
    from mcp_server.reception import Reception
    from mcp_server.tools import Backing

    destination = settings.base_url if settings.api_key else "the Connectors API on this computer, which seals it"
    book = CredentialBook.of(settings)
    return Backing(
        Site(ask, settings.secrets, destination),
        Intake(book, inline=settings.inline_secrets == "allow"),
        Reception(desk, open_browser=settings.open_browser == "yes", withheld=book.environment_variables),
    )


class LazyClient:
    """One client for the life of a server, opened by its first call; a failed opening is tried again by the next."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = anyio.Lock()
        self._stack = AsyncExitStack()
        self._client: VideoVector | None = None

    async def ask(self, operation: Operation[RequestT, AnswerT], request: RequestT) -> AnswerT:
        """As `VideoVector.ask`; raises ConfigurationError too."""
        async with self._lock:
            client = self._client or await self._open()
        return await client.ask(operation, request)

    async def _open(self) -> VideoVector:
        self._client = await self._stack.enter_async_context(open_client(self._settings))
        return self._client

    async def aclose(self) -> None:
        """Close what was opened."""
        await self._stack.aclose()
