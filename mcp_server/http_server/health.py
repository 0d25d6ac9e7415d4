"""What monitoring asks of a process: whether it is alive, whether to send it requests, what it counted."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mcp_server import __version__
from mcp_server.http_server.drain import Drain
from mcp_server.http_server.metrics import Metrics
from mcp_server.http_server.single_flight import SingleFlight

PROBE_SECONDS = 5.0
REMEMBERED_SECONDS = 1.0

Probe = Callable[[], Awaitable[bool]]


class Readiness:
    """Whether what the server stands on answers, asked at most once a second and known within 5."""

    def __init__(self, probe: Probe, clock: Callable[[], float] = time.monotonic) -> None:
        self._probe = probe
        self._clock = clock
        self._asking = SingleFlight[str]()
        self._known: tuple[float, str] | None = None

    async def trouble(self) -> str:
        """Why no requests should come; empty when they may."""
        if self._known is not None and self._clock() < self._known[0]:
            return self._known[1]
        return await self._asking.outcome("", self._asked)

    async def _asked(self) -> str:
        answered = False
        with anyio.move_on_after(PROBE_SECONDS):
            answered = await self._probe()
        await anyio.lowlevel.checkpoint()
        trouble = "" if answered else "The Connectors API or its database does not answer."
        self._known = self._clock() + REMEMBERED_SECONDS, trouble
        return trouble


def health_routes(readiness: Readiness, drain: Drain, metrics: Metrics) -> list[Route]:
    """`/health`, `/ready` and `/metrics`."""

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok", "version": __version__})

    async def ready(_: Request) -> Response:
        trouble = "This process is ending." if drain.draining else await readiness.trouble()
        return JSONResponse({"status": trouble or "ok"}, 503 if trouble else 200)

    async def figures(_: Request) -> Response:
        content, media_type = metrics.exposition()
        return Response(content, headers={"Content-Type": media_type})

    return [Route("/health", health), Route("/ready", ready), Route("/metrics", figures)]
