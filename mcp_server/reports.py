"""How far a call has come, reported to the client that asked to be told. Who counts, and what, is known elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
from anyio.lowlevel import checkpoint

from mcp_server.progress import told_to

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext
    from mcp.server.session import ServerSession
    from mcp_types import CallToolRequestParams

INTERVAL_SECONDS = 0.5
ResultT = TypeVar("ResultT")


class Report:
    """How many files a call has seen, told to its client at most twice a second; nothing of what is over sooner."""

    def __init__(self, session: ServerSession) -> None:
        self._session = session
        self._files = 0
        self._grown = anyio.Event()

    def add(self, files: int) -> None:
        """So many more were seen."""
        self._files += files
        self._grown.set()

    async def send(self) -> None:
        """Without end. It waits for the client, which the work does not."""
        while True:
            await anyio.sleep(INTERVAL_SECONDS)
            await self._grown.wait()
            self._grown = anyio.Event()
            await self._session.report_progress(self._files, message=f"{self._files:,} files seen")


async def reported(
    context: ServerRequestContext[Any, Any], params: CallToolRequestParams, work: Callable[[], Awaitable[ResultT]]
) -> ResultT:
    """The result of the work, which raises nothing; until it is there, a client that gave a progress token is told."""
    if (params.meta or {}).get("progress_token") is None:
        return await work()
    report = Report(context.session)
    results: list[ResultT] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(report.send)
        with told_to(report.add):
            results.append(await work())
        tasks.cancel_scope.cancel()
    await checkpoint()
    return results[0]
