"""The MCP server's endpoints on the SDK's transports: Streamable HTTP, and the older pair of HTTP and SSE."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from mcp.server.lowlevel import Server
from mcp.server.sse import SseServerTransport
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from mcp_server.http_server.messages import WellFormed

BODY_BYTES = 1024 * 1024
MAX_SESSIONS = 1_000
IDLE_SECONDS = 30 * 60
MESSAGES_PATH = "/messages/"


class StreamableHttp:
    """Streamable HTTP of every version: event streams for clients that take them, else JSON.

    Without sessions, unless `stateful`: a request then needs nothing that another process knows.
    """

    def __init__(self, server: Server[Any], *, stateful: bool) -> None:
        def manager(*, json_response: bool) -> StreamableHTTPSessionManager:
            return StreamableHTTPSessionManager(
                server,
                json_response=json_response,
                stateless=not stateful,
                session_idle_timeout=IDLE_SECONDS,
                max_request_body_size=BODY_BYTES,
                max_sessions=MAX_SESSIONS,
            )

        self._stateful = stateful
        self._streaming = manager(json_response=False)
        # A session belongs to the manager that opened it, and not every request of a session says what it accepts.
        self._plain = self._streaming if stateful else manager(json_response=True)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Requests are served inside of this; its end ends what still runs."""
        async with AsyncExitStack() as stack:
            for manager in dict.fromkeys((self._streaming, self._plain)):
                await stack.enter_async_context(manager.run())
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises HTTPException (405) for what only a session has: a stream of its own, and an end."""
        if not (self._stateful or scope["method"] == "POST"):
            raise HTTPException(405, headers={"Allow": "POST"})
        takes_streams = "text/event-stream" in Headers(scope=scope).get("accept", "").lower()
        manager = self._streaming if takes_streams else self._plain
        await WellFormed(manager.asgi_app)(scope, receive, send)


class HttpWithSse:
    """The transport of 2024-11-05: one event stream a client, and a path to which it posts its messages."""

    def __init__(self, server: Server[Any]) -> None:
        self._server = server
        self._transport = SseServerTransport(MESSAGES_PATH, max_request_body_size=BODY_BYTES)
        self.message = WellFormed(self._transport.handle_post_message)
        """One message of a client that has a stream; its answer goes there."""

    async def stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The event stream of one client, for as long as it stays; raises HTTPException (405) for anything but GET."""
        if scope["method"] != "GET":
            raise HTTPException(405, headers={"Allow": "GET"})
        async with self._transport.connect_sse(scope, receive, send) as (incoming, outgoing):
            await self._server.run(incoming, outgoing, self._server.create_initialization_options())
