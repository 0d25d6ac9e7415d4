"""SIGTERM under load, twenty times: every call that was accepted is answered, and nothing is done twice."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from anyio.lowlevel import checkpoint
from anyio.streams.memory import MemoryObjectReceiveStream

from tests.embedded.bodies import s3_body
from tests.http_server.serving import Served, serving
from tests.sessions import DATA_DIR

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(400)]
ENDINGS = 20
CALLERS = 8
ANSWERS_BEFORE = 12
MOST_PER_CALLER = 200


@dataclass
class Load:
    """Callers that create connectors, each under a key of its own, and what they heard."""

    body: dict[str, Any] = field(default_factory=s3_body)
    answered: dict[str, str] = field(default_factory=dict[str, str])
    unanswered: list[str] = field(default_factory=list[str])
    numbered: int = 0

    def next_key(self) -> str:
        """One that got no answer before, else a new one."""
        if self.unanswered:
            return self.unanswered.pop()
        self.numbered += 1
        return f"connector-create-s3:{self.numbered}"

    async def call_until_refused(self, http: httpx.AsyncClient, url: str, enough: anyio.Event) -> None:
        """One call after another, until the server takes none any more."""
        for _ in range(MOST_PER_CALLER):
            key = self.next_key()
            try:
                answer = await http.post(url, json=self._message(key))
            except httpx.TransportError:
                self.unanswered.append(key)
                return
            assert answer.status_code == 200, answer.text
            result = answer.json()["result"]
            assert not result.get("isError"), result
            self.answered[key] = result["structuredContent"]["connector_id"]
            if len(self.answered) % ANSWERS_BEFORE == 0:
                enough.set()

    def _message(self, key: str) -> dict[str, Any]:
        params = {"name": "create_s3_connector", "arguments": {**self.body, "idempotency_key": key}}
        return {"jsonrpc": "2.0", "id": key, "method": "tools/call", "params": params}


async def end_under_load(served: Served, load: Load) -> int | None:
    """The exit status of a server that got SIGTERM while calls ran."""
    enough = anyio.Event()
    async with httpx.AsyncClient(timeout=30, trust_env=False) as http, anyio.create_task_group() as tasks:
        for _ in range(CALLERS):
            tasks.start_soon(load.call_until_refused, http, f"{served.url}/mcp", enough)
        await enough.wait()
        await anyio.to_thread.run_sync(served.ended)
    await checkpoint()
    return served.process.returncode


@asynccontextmanager
async def servers(folder: Path, data_dir: Path) -> AsyncGenerator[MemoryObjectReceiveStream[Served]]:
    """Servers of one data folder, each started while the one before it is in use; every fourth has two processes."""
    to_test, from_here = anyio.create_memory_object_stream[Served](0)

    async def start(stack: ExitStack) -> None:
        async with to_test:
            for number in range(ENDINGS):
                workers = "2" if number % 4 == 1 else "1"
                starting = serving(folder, "--workers", workers, settings={DATA_DIR: str(data_dir)})
                await to_test.send(await anyio.to_thread.run_sync(stack.enter_context, starting))

    with ExitStack() as stack:
        async with from_here, anyio.create_task_group() as tasks:
            tasks.start_soon(start, stack)
            yield from_here
        await checkpoint()


def recorded(data_dir: Path) -> dict[str, str]:
    """The key of every creation that was done, with the connector's id."""
    with closing(sqlite3.connect(data_dir / "connectors.db")) as database:
        rows = database.execute("SELECT idempotency_key, json_extract(answer, '$.connector_id') FROM keyed_requests")
        return dict(rows.fetchall())


def connectors(data_dir: Path) -> list[str]:
    with closing(sqlite3.connect(data_dir / "connectors.db")) as database:
        return [row[0] for row in database.execute("SELECT connector_id FROM connectors")]


async def test_no_accepted_call_is_lost_and_no_connector_is_created_twice(tmp_path: Path) -> None:
    load, data_dir, ended = Load(), tmp_path / "data", 0
    async with servers(tmp_path, data_dir) as started:
        async for served in started:
            assert await end_under_load(served, load) == 0
            assert recorded(data_dir) == load.answered
            ended += 1
    await checkpoint()
    assert ended == ENDINGS
    assert sorted(connectors(data_dir)) == sorted(load.answered.values())
    assert len(load.answered) >= ENDINGS * ANSWERS_BEFORE / 2
