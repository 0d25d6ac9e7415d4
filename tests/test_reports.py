"""Progress of a listing, told while it runs to the clients that asked to be told, and to no others."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import anyio
import anyio.to_thread
import httpx
import pytest
from anyio.lowlevel import checkpoint
from mcp import Client
from mcp.server.session import ServerSession
from mcp_types import CallToolRequestParams

from mcp_server import progress, reports
from mcp_server.reports import INTERVAL_SECONDS, Report, reported
from tests.client.listing import CONNECTOR_ID
from tests.http_server.serving import serving
from tests.sessions import ERAS, Lines, connected, modern, speaking
from tests.slow_listings import SlowApi, client_over_http, slow_api

pytestmark = pytest.mark.anyio
GUARD_SECONDS = 60
BROWSE = "browse_connector_files"
QUERY = {"connector_id": CONNECTOR_ID}


class Clock:
    """Time that passes when a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[float] = []
        self._passed = anyio.Event()
        monkeypatch.setattr(anyio, "sleep", self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        await self._passed.wait()

    async def passes(self) -> None:
        """One interval."""
        passed, self._passed = self._passed, anyio.Event()
        passed.set()
        await anyio.wait_all_tasks_blocked()


class Session:
    """Takes reports, or leaves them lying."""

    def __init__(self, *, reads: bool = True) -> None:
        self.heard: list[tuple[float, str | None]] = []
        self._reads = reads

    async def report_progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        self.heard.append((progress, message))
        assert total is None
        await (checkpoint() if self._reads else anyio.sleep_forever())


@asynccontextmanager
async def _sending(session: Session) -> AsyncGenerator[Report]:
    report = Report(cast("ServerSession", session))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(report.send)
        await anyio.wait_all_tasks_blocked()
        yield report
        tasks.cancel_scope.cancel()
    await checkpoint()


async def test_files_are_reported_once_an_interval_and_only_if_there_are_more(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, session = Clock(monkeypatch), Session()
    async with _sending(session) as report:
        for _ in range(1000):
            report.add(123)
        await anyio.wait_all_tasks_blocked()
        assert session.heard == []
        await clock.passes()
        assert session.heard == [(123_000, "123,000 files seen")]
        report.add(1)
        await anyio.wait_all_tasks_blocked()
        await clock.passes()
        await clock.passes()
        assert session.heard[1:] == [(123_001, "123,001 files seen")]
        report.add(1)
        await anyio.wait_all_tasks_blocked()
        assert session.heard[2:] == [(123_002, "123,002 files seen")]
    assert set(clock.asked) == {INTERVAL_SECONDS}


def _call(session: Session, work: Callable[[], Any], token: str | None) -> Any:
    params = CallToolRequestParams(name=BROWSE)
    params.meta = {} if token is None else {"progress_token": token}
    return reported(cast("Any", SimpleNamespace(session=session)), params, work)


async def test_a_client_that_does_not_read_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, session = Clock(monkeypatch), Session(reads=False)

    async def work() -> str:
        for _ in range(3):
            progress.seen(10)
            await anyio.wait_all_tasks_blocked()
            await clock.passes()
        return "result"

    with anyio.fail_after(GUARD_SECONDS):
        assert await _call(session, work, "token") == "result"
    assert session.heard == [(10, "10 files seen")]


@pytest.mark.parametrize("token", [None, "token"])
async def test_without_a_token_nobody_listens(token: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, session = Clock(monkeypatch), Session()

    async def work() -> str:
        await anyio.wait_all_tasks_blocked()
        progress.seen(1)
        await clock.passes()
        return "result"

    assert await _call(session, work, token) == "result"
    assert session.heard == ([] if token is None else [(1, "1 files seen")])
    progress.seen(1)
    await clock.passes()
    assert len(session.heard) < 2


# ---- over the transports ---------------------------------------------------------------------------------------------


async def _heard(client: Client, api: SlowApi) -> None:
    """Browse, with an ear for progress, until the second report; then the rest of the listing."""
    told: list[tuple[float, float, float | None, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append((anyio.current_time(), progress, total, message))
        await checkpoint()
        if len(told) == 3:
            api.may_end.set()

    began = anyio.current_time()
    with anyio.fail_after(GUARD_SECONDS):
        result = await client.call_tool(BROWSE, QUERY, progress_callback=hear)
    assert result.structured_content["total_files"] == api.files
    counts = [files for _, files, _, _ in told]
    assert len(told) >= 3
    assert counts == sorted(set(counts))
    assert counts[-1] <= api.files
    assert [(total, message) for _, _, total, message in told] == [
        (None, f"{int(files):,} files seen") for files in counts
    ]
    assert all(told[at][0] - began >= (at + 0.9) * INTERVAL_SECONDS for at in range(len(told)))


@pytest.mark.parametrize("era", ERAS)
async def test_over_stdio(era: str) -> None:
    async with slow_api() as api, connected(era, api.settings) as session:
        await _heard(session.client, api)


@pytest.mark.parametrize(
    ("flags", "era"),
    [
        *((("--transport", "http"), era) for era in ERAS),
        (("--transport", "http", "--stateful"), "legacy"),
        (("--transport", "sse"), "sse"),
    ],
)
async def test_over_http(flags: tuple[str, ...], era: str, tmp_path: Path) -> None:
    async with client_over_http(tmp_path, flags, era) as (client, api):
        await _heard(client, api)


async def test_an_answer_that_is_json_alone_has_no_progress_and_is_right(tmp_path: Path) -> None:
    params = {"name": BROWSE, "arguments": QUERY, "_meta": {"progressToken": 7}}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    async with slow_api() as api, httpx.AsyncClient(trust_env=False, timeout=GUARD_SECONDS) as http:
        with serving(tmp_path, settings=api.settings) as served:

            async def end() -> None:
                with anyio.move_on_after(2 * INTERVAL_SECONDS):
                    await anyio.sleep_forever()
                api.may_end.set()

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(end)
                answer = await http.post(f"{served.url}/mcp", json=call, headers={"Accept": "application/json"})
                assert answer.json()["result"]["structuredContent"]["total_files"] == api.files


@pytest.mark.parametrize("token", [None, "token", 7])
@pytest.mark.parametrize("era", ERAS)
async def test_who_gives_no_token_hears_nothing_and_nobody_after_the_result(
    token: str | int | None, era: str, tmp_path: Path
) -> None:
    params = modern() if era == ERAS[1] else {}
    if token is not None:
        params = {**params, "_meta": {**params.get("_meta", {}), "progressToken": token}}
    async with slow_api() as api:
        with speaking(api.settings, tmp_path) as lines:
            if era == ERAS[0]:
                await anyio.to_thread.run_sync(lines.initialize)
            asked = anyio.current_time()
            number = lines.request("tools/call", {**params, "name": BROWSE, "arguments": QUERY})
            await api.began.wait()
            with anyio.move_on_after(3 * INTERVAL_SECONDS):
                await anyio.sleep_forever()
            api.may_end.set()
            await anyio.to_thread.run_sync(lambda: _read_until(lines, number))
            seconds = anyio.current_time() - asked
            assert await anyio.to_thread.run_sync(lines.end) == 0
        frames = [json.loads(line) for line in lines.heard.splitlines()]
    notices = [frame["params"] for frame in frames if frame.get("method") == "notifications/progress"]
    assert "result" in frames[-1]
    assert bool(notices) == (token is not None)
    assert len(notices) <= seconds / INTERVAL_SECONDS + 1
    assert {notice["progressToken"] for notice in notices} <= {token}
    assert all(notice["progress"] <= api.files for notice in notices)
    await checkpoint()


def _read_until(lines: Lines, number: int) -> None:
    while lines.receive().get("id") != number:
        pass


async def test_a_listing_that_is_over_at_once_is_not_reported() -> None:
    told: list[float] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append(progress)
        await checkpoint()

    async with slow_api() as api, connected(ERAS[0], api.settings) as session:
        api.may_end.set()
        await session.client.call_tool(BROWSE, QUERY, progress_callback=hear)
    assert told == []
    assert reports.INTERVAL_SECONDS == 0.5
