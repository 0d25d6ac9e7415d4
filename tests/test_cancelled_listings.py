"""A listing that its client gives up stops at the API: no more of it is read, and nothing further is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest
from anyio.lowlevel import checkpoint
from mcp import Client

from tests.client.listing import CONNECTOR_ID
from tests.http_server.serving import client_of, serving
from tests.sessions import ERAS, connected, modern, speaking
from tests.slow_listings import SlowApi, client_over_http, slow_api

pytestmark = pytest.mark.anyio
GUARD_SECONDS = 60
SOON_SECONDS = 20
BROWSE = "browse_connector_files"
QUERY = {"connector_id": CONNECTOR_ID}


async def stopped(api: SlowApi) -> None:
    """Wait for the API's connection to be closed, which must be soon, and see that no other one takes its place."""
    given_up = anyio.current_time()
    with anyio.fail_after(GUARD_SECONDS):
        await api.gone.wait()
    assert api.gone_at - given_up < SOON_SECONDS
    sent, asked = api.files, len(api.requests)
    with anyio.move_on_after(4 * api.interval):
        await anyio.sleep_forever()
    assert (api.files, len(api.requests)) == (sent, asked)
    assert asked == 1


@pytest.mark.parametrize("era", ERAS)
async def test_over_stdio(era: str) -> None:
    async with slow_api() as api, connected(era, api.settings) as session:
        async with anyio.create_task_group() as calls:
            calls.start_soon(session.client.call_tool, BROWSE, QUERY)
            await api.began.wait()
            calls.cancel_scope.cancel()
        await stopped(api)
        assert "connector_id: is required" in await session.refused("get_connector")
    await checkpoint()


@pytest.mark.parametrize("progress", [False, True])
async def test_by_a_notification(tmp_path: Path, *, progress: bool) -> None:
    meta = {"_meta": {"progressToken": "token"}} if progress else {}
    async with slow_api() as api:
        with speaking(api.settings, tmp_path) as lines:
            await anyio.to_thread.run_sync(lines.initialize)
            number = lines.request("tools/call", {"name": BROWSE, "arguments": QUERY, **meta})
            await api.began.wait()
            cancelled = {"method": "notifications/cancelled", "params": {"requestId": number}}
            lines.send({"jsonrpc": "2.0", **cancelled})
            await stopped(api)
            assert await anyio.to_thread.run_sync(lines.end) == 0
    await checkpoint()


@pytest.mark.parametrize(
    ("flags", "era"),
    [
        (("--transport", "http"), "2026-07-28"),
        (("--transport", "http", "--stateful"), "legacy"),
        (("--transport", "http", "--stateful"), "2026-07-28"),
        (("--transport", "sse"), "sse"),
    ],
)
async def test_over_http(flags: tuple[str, ...], era: str, tmp_path: Path) -> None:
    async with client_over_http(tmp_path, flags, era) as (client, api):
        await _given_up(client, api)
        await stopped(api)


async def test_over_http_without_sessions_an_older_client_stops_it_when_it_goes(tmp_path: Path) -> None:
    """Its cancellation is a request of its own, which names a number that every client uses."""
    async with slow_api() as api:
        with serving(tmp_path, settings=api.settings) as served:
            async with client_of(served, "legacy") as client:
                await _given_up(client, api)
                assert not api.gone.is_set()
            await stopped(api)
    await checkpoint()


async def _given_up(client: Client, api: SlowApi) -> None:
    async with anyio.create_task_group() as calls:
        calls.start_soon(client.call_tool, BROWSE, QUERY)
        await api.began.wait()
        calls.cancel_scope.cancel()
    await checkpoint()


@pytest.mark.parametrize("accept", ["application/json", "application/json, text/event-stream"])
@pytest.mark.parametrize("params", [{}, modern()], ids=ERAS)
async def test_when_the_http_client_goes_away(accept: str, params: dict[str, Any], tmp_path: Path) -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {**params, "name": BROWSE, "arguments": QUERY}}
    headers = {"Accept": accept, "MCP-Protocol-Version": ERAS[1] if params else "2025-11-25"}
    named = {"Mcp-Method": "tools/call", "Mcp-Name": BROWSE} if params else {}
    async with slow_api() as api:
        with serving(tmp_path, settings=api.settings) as served:

            async def post() -> None:
                async with httpx.AsyncClient(trust_env=False, timeout=GUARD_SECONDS) as http:
                    answer = await http.post(f"{served.url}/mcp", json=call, headers={**headers, **named})
                    raise AssertionError(answer.text)

            async with anyio.create_task_group() as calls:
                calls.start_soon(post)
                await api.began.wait()
                calls.cancel_scope.cancel()
            await stopped(api)
    await checkpoint()
