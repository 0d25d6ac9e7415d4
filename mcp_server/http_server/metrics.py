"""What Prometheus is told of one server: calls, answers of the API, requests. No label holds what a user sent."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mcp_server.settings import lasting_variable, variable

SHARED = "PROMETHEUS_MULTIPROC_DIR"
UNKNOWN = "unknown"
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - in it, a folder of an unknown name is made
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

# The library has no types here. Neither has its mark_process_dead, which `forget_process` is.
_collect_shared: Callable[[CollectorRegistry], object] = MultiProcessCollector
_measure_process: Callable[..., object] = ProcessCollector

Outcome = Literal["ok", "tool_error", "refused", "failed"]


def _memory() -> str | None:
    """A folder that takes no disk: writing to a mapped file of a full disk ends a process."""
    return str(SHARED_MEMORY) if os.access(SHARED_MEMORY, os.W_OK) else None


@contextmanager
def shared_folder() -> Generator[None]:
    """The processes that are started meanwhile keep their figures in one folder, so that each can tell those of all."""
    made = tempfile.TemporaryDirectory(prefix=f"videovector-metrics-{os.getpid()}-", dir=_memory())
    with made as folder, lasting_variable(SHARED, folder):
        yield


def forget_process(pid: int | None) -> None:
    """What runs in a process that died runs no more; what it counted stays counted."""
    folder = variable(SHARED)
    if folder is not None:
        for figures in Path(folder).glob(f"gauge_live*_{pid}.db"):
            figures.unlink()


def abandon_folder() -> None:
    """Remove the shared folder: a process does so when the one that made it was killed."""
    folder = variable(SHARED)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


class CallRecord:
    """One call; `outcome` is what became of it, `failed` unless somebody says otherwise."""

    outcome: Outcome = "failed"


class Metrics:
    """The figures of this process, or of all that share a folder. Labels are the given tools, statuses and outcomes."""

    def __init__(self, tools: Iterable[str]) -> None:
        self._tools = frozenset(tools)
        self._registry = own = CollectorRegistry()
        self._calls = Counter("videovector_tool_calls", "Tool calls", ["tool", "outcome"], registry=own)
        self._seconds = Histogram(
            "videovector_tool_call_seconds", "Time of calls", ["tool"], registry=own, buckets=BUCKETS
        )
        self._in_flight = Gauge(
            "videovector_tool_calls_in_flight", "Calls that run", registry=own, multiprocess_mode="livesum"
        )
        self._requests = Counter(
            "videovector_mcp_requests", "Resources read, prompts, completions", ["method", "outcome"], registry=own
        )
        self._api = Counter("videovector_api_answers", "Answers of the Connectors API", ["status"], registry=own)
        _measure_process(registry=own)
        self._http = Counter("videovector_http_requests", "Requests over HTTP", ["status"], registry=own)
        # The library checks labels whenever they are named.
        self._calls_of, self._seconds_of = cache(self._calls.labels), cache(self._seconds.labels)
        self._api_of, self._http_of = cache(self._api.labels), cache(self._http.labels)

    @contextmanager
    def call(self, tool: object) -> Generator[CallRecord]:
        """Around one call of a tool."""
        label = tool if isinstance(tool, str) and tool in self._tools else UNKNOWN
        record, began = CallRecord(), time.perf_counter()
        self._in_flight.inc()
        try:
            yield record
        finally:
            self._in_flight.dec()
            self._seconds_of(label).observe(time.perf_counter() - began)
            self._calls_of(label, record.outcome).inc()

    @contextmanager
    def request(self, method: str) -> Generator[CallRecord]:
        """Around one request that is no call; the method is one of a few that the caller did not make up."""
        record = CallRecord()
        try:
            yield record
        finally:
            self._requests.labels(method, record.outcome).inc()

    def api_answered(self, status: int) -> None:
        """The API answered with this HTTP status; 0: it did not."""
        self._api_of(str(status) if status else "none").inc()

    def answered(self, status: int) -> None:
        """This server answered a request with this HTTP status."""
        self._http_of(f"{status // 100}xx").inc()

    def exposition(self) -> tuple[bytes, str]:
        """The text for Prometheus, and its media type."""
        registry = self._registry
        if variable(SHARED) is not None:
            registry = CollectorRegistry()
            _collect_shared(registry)
        return generate_latest(registry), CONTENT_TYPE_LATEST


class CountedAnswers:
    """Counts answers by the class of their status."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def said(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.answered(message["status"])
            await send(message)

        await self._app(scope, receive, said)
