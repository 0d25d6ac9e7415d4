"""Every tool call is counted, timed and waited for; other requests are not."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from mcp import Client, MCPError
from mcp.server.lowlevel import Server
from mcp_types import INVALID_PARAMS, CallToolResult, ListToolsResult, TextContent, Tool

from mcp_server.http_server.call_meter import CallMeter
from mcp_server.http_server.drain import Drain
from mcp_server.http_server.metrics import Metrics
from tests.http_server.test_metrics import calls

pytestmark = pytest.mark.anyio
NAMES = ("ok", "tool_error", "refused", "failed")


class Metered:
    """A server whose tools end as they are called, and what is known of its calls."""

    def __init__(self) -> None:
        self.drain = Drain()
        self.metrics = Metrics(NAMES)
        self.in_flight: list[int] = []
        self.may_end = anyio.Event()
        self.may_end.set()

    async def call(self, _: object, params: Any) -> CallToolResult:
        self.in_flight.append(self.drain.in_flight)
        await self.may_end.wait()
        if params.name == "refused":
            raise MCPError(INVALID_PARAMS, "Refused.")
        if params.name == "failed":
            raise ValueError("Failed.")
        text = TextContent(type="text", text="done")
        return CallToolResult(content=[text], is_error=params.name == "tool_error")

    async def listed(self, *_: object) -> ListToolsResult:
        return ListToolsResult(tools=[Tool(name=name, input_schema={"type": "object"}) for name in NAMES])

    @asynccontextmanager
    async def client(self, mode: str) -> AsyncGenerator[Client]:
        server = Server[Any]("metered", on_call_tool=self.call, on_list_tools=self.listed)
        server.middleware.append(CallMeter(self.metrics, self.drain))
        async with Client(server, mode=mode) as client:
            yield client
        await checkpoint()


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_a_call_is_counted_with_its_outcome(mode: str) -> None:
    metered = Metered()
    async with metered.client(mode) as client:
        await client.call_tool("ok")
        assert (await client.call_tool("tool_error")).is_error
        for name in ("refused", "failed"):
            with pytest.raises(MCPError):
                await client.call_tool(name)
    assert calls(metered.metrics) == {
        f'videovector_tool_calls_total{{outcome="{name}",tool="{name}"}}': 1 for name in NAMES
    }
    assert (metered.in_flight, metered.drain.in_flight) == ([1, 1, 1, 1], 0)


async def test_an_end_waits_for_calls_and_for_nothing_else() -> None:
    metered, went_on = Metered(), anyio.Event()
    metered.may_end = anyio.Event()

    async def end() -> None:
        await metered.drain.idle()
        went_on.set()

    async with metered.client("legacy") as client, anyio.create_task_group() as tasks:
        await client.list_tools()
        assert metered.drain.in_flight == 0
        tasks.start_soon(client.call_tool, "ok")
        while not metered.in_flight:
            await checkpoint()
        tasks.start_soon(end)
        await anyio.wait_all_tasks_blocked()
        assert not went_on.is_set()
        metered.may_end.set()
        await went_on.wait()
    await checkpoint()
    assert list(calls(metered.metrics).values()) == [1]
