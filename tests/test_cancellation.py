"""Calls that are given up: their HTTP requests stop, other calls do not, and the server goes on."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from anyio.abc import ByteStream, SocketAttribute

from tests.materials import ARGUMENTS
from tests.sessions import Json, connected, speaking

BOUND_SECONDS = 60

pytestmark = pytest.mark.anyio


@dataclass
class Hanging:
    """An HTTP server that takes requests and never answers; it notices who goes."""

    url: str = ""
    asked: anyio.Event = field(default_factory=anyio.Event)
    gone: anyio.Event = field(default_factory=anyio.Event)

    @property
    def settings(self) -> dict[str, str]:
        """The environment of a server for which this is the API; no time-out ends a call for it."""
        key = f"sk_live_{secrets.token_hex(24)}"
        return {"VIDEOVECTOR_API_KEY": key, "VIDEOVECTOR_BASE_URL": self.url, "VIDEOVECTOR_TIMEOUT": "600000"}

    async def take(self, stream: ByteStream) -> None:
        """Read until the other end closes."""
        async with stream:
            try:
                while await stream.receive():
                    self.asked.set()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                self.gone.set()


@asynccontextmanager
async def hanging() -> AsyncGenerator[Hanging]:
    """The server, on a free port."""
    server = Hanging()
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        port = listener.extra_attributes[SocketAttribute.local_port]()
        server.url = f"http://127.0.0.1:{port}/api/v2"
        tasks.start_soon(listener.serve, server.take)
        yield server
        tasks.cancel_scope.cancel()


GIVEN_UP = ["create_gcs_connector", "list_connectors", "delete_connector"]


@pytest.mark.parametrize("tool", GIVEN_UP)
async def test_a_call_that_its_client_gives_up_stops_its_http_request(tool: str, era: str) -> None:
    with anyio.fail_after(BOUND_SECONDS):
        async with hanging() as api, connected(era, api.settings) as session:
            async with anyio.create_task_group() as calls:
                calls.start_soon(session.client.call_tool, tool, ARGUMENTS[tool])
                await api.asked.wait()
                calls.cancel_scope.cancel()
            await api.gone.wait()
            assert "connector_id: is required" in await session.refused("get_connector")


async def test_a_cancellation_of_another_call_stops_nothing(tmp_path: Path) -> None:
    with anyio.fail_after(BOUND_SECONDS):
        async with hanging() as api:
            with speaking(api.settings, tmp_path) as lines:
                await anyio.to_thread.run_sync(lines.initialize)
                cancelled = lines.request("tools/call", {"name": "list_connectors"})
                await api.asked.wait()
                lines.send(cancellation(cancelled + 1))
                refused = await anyio.to_thread.run_sync(lines.call, "get_connector")
                assert refused["isError"]
                assert not api.gone.is_set()
                lines.send(cancellation(cancelled))
                await api.gone.wait()
                assert await anyio.to_thread.run_sync(lines.end) == 0
    answered = [json.loads(line).get("id") for line in lines.heard.splitlines()]
    assert cancelled not in answered


def cancellation(request_id: int) -> Json:
    return {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": request_id}}


async def test_the_end_of_stdin_ends_a_call_under_way_and_the_server(tmp_path: Path) -> None:
    with anyio.fail_after(BOUND_SECONDS):
        async with hanging() as api:
            with speaking(api.settings, tmp_path) as lines:
                await anyio.to_thread.run_sync(lines.initialize)
                lines.request("tools/call", {"name": "list_connectors"})
                await api.asked.wait()
                assert await anyio.to_thread.run_sync(lines.end) == 0
                await api.gone.wait()
            assert lines.errors.read_bytes() == b""
