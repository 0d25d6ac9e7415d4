"""Serves the pages on a free port of 127.0.0.1, only while a ticket is open.

uvicorn and the pages are imported by the first ticket: a server starts without them.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
from anyio.abc import TaskGroup

from mcp_server.credentials.tickets import Clock, Desk
from mcp_server.errors import ConnectorError

if TYPE_CHECKING:
    from mcp_server.credentials.page_server import PageServer

ANSWER_SECONDS = 10
LAST_ANSWER_SECONDS = 1
"""How long an answer may still take when the last ticket is settled, and when this process ends."""

_log = logging.getLogger(__name__)


@asynccontextmanager
async def open_desk(clock: Clock = time.monotonic) -> AsyncGenerator[Desk]:
    """A desk whose pages are on this machine. Enter and leave it in one task: a task group lives in it."""
    async with anyio.create_task_group() as tasks:
        yield Listener(tasks, clock).desk
        tasks.cancel_scope.cancel()


class Listener:
    """Opens when the desk issues a ticket, closes when none is open any more, and opens again on another port."""

    def __init__(self, tasks: TaskGroup, clock: Clock) -> None:
        self.desk = Desk(self.address, clock)
        self._tasks = tasks
        self._server: PageServer | None = None
        self._address = ""

    def address(self) -> str:
        """Where it listens, from now on if not before.

        Raises ConnectorError when no port can be had.
        """
        if self._server is None:
            door = _open_door()
            try:
                self._listen(door)
            except BaseException:
                door.close()
                raise
        return self._address

    def _listen(self, door: socket.socket) -> None:
        """The address is known only when all that answers there is."""
        address = f"http://127.0.0.1:{door.getsockname()[1]}"
        server = _server(self.desk, address)
        self._tasks.start_soon(self._serve, server, door)
        self._server, self._address = server, address

    async def _serve(self, server: PageServer, door: socket.socket) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._run, server, door)
            try:
                await self.desk.emptied()
            except anyio.get_cancelled_exc_class():
                server.config.timeout_graceful_shutdown = LAST_ANSWER_SECONDS
                raise
            finally:
                self._leave(server)
                server.over.set()

    async def _run(self, server: PageServer, door: socket.socket) -> None:
        """To its end, which closes the door: who wants it to end sets `over`. A failure ends the pages, and no more."""
        with anyio.CancelScope(shield=True):
            try:
                await server.serve(sockets=[door])
            except Exception as error:  # noqa: BLE001 - the other tasks are the assistant's; the text may hold a secret
                _log.error("The pages' server failed: %s", type(error).__name__)
                self._leave(server)
                self.desk.give_up()

    def _leave(self, server: PageServer) -> None:
        """The next ticket is for another address, unless another server is there already."""
        if self._server is server:
            self._server = None


def _open_door() -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", 0))
    except OSError as error:
        raise ConnectorError(
            f"No page for the credentials can be opened on this machine: {error.strerror}.",
            hint="Try again, or name credentials that the operator keeps.",
            code="page_unavailable",
        ) from None


def _server(desk: Desk, origin: str) -> PageServer:
    import uvicorn

    from mcp_server.credentials.page_app import create_page_app
    from mcp_server.credentials.page_server import PageServer

    return PageServer(
        uvicorn.Config(
            create_page_app(desk, origin),
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",  # a trace would hold the link
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            headers=[("Connection", "close")],
            limit_concurrency=32,
            backlog=32,
            h11_max_incomplete_event_size=32 * 1024,
            timeout_graceful_shutdown=ANSWER_SECONDS,
        )
    )
