"""The one room that knows both the client and the embedded API: it picks the transport and opens what must be open.

Both are imported when the first call comes, so that a server starts without them.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

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
    from mcp_server.origins import Origins

    async with aclosing(await Service.open(settings)) as service:
        yield create_app(service, authenticate=authenticate, origins=Origins.of(settings))


def _ignored(_: int) -> None:
    """Nobody wants to know the status of an answer."""


@asynccontextmanager
async def open_client(
    settings: Settings, *, for_callers: bool = False, seen: Callable[[int], object] = _ignored
) -> AsyncGenerator[VideoVector]:
    """A client of the configured API: of the embedded one in this process when neither key nor URL is set.

    `for_callers` makes that one ask for keys too. `seen` is told the HTTP status of every answer, 0 for none.
    """
    from mcp_server.client import VideoVector
    from mcp_server.tls import tls_context

    if not settings.is_embedded:
        async with VideoVector(
            api_key=settings.api_key,
            base_url=settings.api_url,
            timeout=settings.timeout / 1000,
            max_retries=settings.max_retries,
            max_concurrent=settings.upstream_limit,
            verify=tls_context(settings, trust_env=True),
            seen=seen,
        ) as client:
            yield client
        return
    async with open_api(settings, authenticate=for_callers) as app, _embedded(settings, app, seen) as client:
        yield client


def _embedded(settings: Settings, app: Starlette, seen: Callable[[int], object]) -> VideoVector:
    """A client of an API in this process."""
    import httpx

    from mcp_server.client import VideoVector

    return VideoVector(
        base_url="http://localhost/api/v2",
        timeout=settings.timeout / 1000,
        max_retries=0,
        max_concurrent=settings.upstream_limit,
        transport=httpx.ASGITransport(app=app, raise_app_exceptions=False),
        seen=seen,
        probe="/ready",
    )


def verify_credentials(settings: Settings) -> None:
    """Raises ConfigurationError when the file of named credentials cannot be used as it is."""
    from mcp_server.credentials.book import CredentialBook

    CredentialBook.of(settings).verify()


def backing(settings: Settings, ask: Ask, desk: Desk | None, keys: Sequence[bytes] = ()) -> Backing:
    """What the tools of a server with these settings stand on; without a desk no page can be shown.

    `keys`, of all processes that serve the same clients, seal cursors; without any, the operator's do. Raises
    ConfigurationError for tools that there are not.
    """
    from mcp_server.authority import Authority
    from mcp_server.changes import Changes
    from mcp_server.credentials.book import CredentialBook
    from mcp_server.errands import Site
    from mcp_server.intake import Intake
    from mcp_server.reception import Reception
    from mcp_server.sealed_cursors import CursorSeal
    from mcp_server.tools import Backing

    destination = "the Connectors API on this computer, which seals it" if settings.is_embedded else settings.api_url
    book = CredentialBook.of(settings)
    opened = settings.open_browser == "yes"
    changes = Changes()
    return Backing(
        Site(changes.told_by(ask), settings.secrets, destination, CursorSeal(keys or settings.sealing_keys)),
        Intake(book, inline=settings.inline_secrets == "allow", pages=desk is not None),
        Reception(desk, open_browser=opened, withheld=book.environment_variables) if desk else None,
        Authority.of(settings),
        changes,
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
