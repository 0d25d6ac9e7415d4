"""The endpoints of both transports around a small MCP server: what they take, and what they refuse in which words."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import anyio
import httpx
import pytest
from anyio.lowlevel import checkpoint
from mcp.server.lowlevel import Server
from mcp_types import CallToolResult, TextContent
from starlette.routing import BaseRoute

from mcp_server.http_server import endpoints
from mcp_server.http_server.app import create_app, sse_routes, streamable_routes
from mcp_server.http_server.border import BoundedBodies
from mcp_server.http_server.call_meter import CallMeter
from mcp_server.http_server.drain import Drain
from mcp_server.http_server.endpoints import HttpWithSse, StreamableHttp
from mcp_server.http_server.metrics import Metrics
from mcp_server.origins import Origins
from tests.http_server.draining import plain_client, running

pytestmark = pytest.mark.anyio
STREAM = "application/json, text/event-stream"
PING: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
ABOUT = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}}
INITIALIZE: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": ABOUT}


@asynccontextmanager
async def serving(routes: list[BaseRoute]) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of a server with these routes."""
    async with running(create_app(routes, Origins())) as server, plain_client() as http:
        http.base_url = server.url
        yield http
    await checkpoint()


@asynccontextmanager
async def streamable(*, stateful: bool = False) -> AsyncGenerator[httpx.AsyncClient]:
    endpoint = StreamableHttp(Server("small"), stateful=stateful)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(endpoint.running())
        yield await stack.enter_async_context(serving(streamable_routes(endpoint, "/mcp", BoundedBodies)))
    await checkpoint()


@asynccontextmanager
async def session(http: httpx.AsyncClient, accept: str = STREAM) -> AsyncGenerator[dict[str, str]]:
    """The headers of a session that was opened."""
    opened = await http.post("/mcp", json=INITIALIZE, headers={"Accept": accept})
    assert opened.status_code == 200
    yield {"Accept": accept, "Mcp-Session-Id": opened.headers["mcp-session-id"]}


async def test_without_sessions_there_is_no_stream_to_wait_on_and_nothing_to_end() -> None:
    async with streamable() as http:
        for method in ("GET", "DELETE", "PUT"):
            refused = await http.request(method, "/mcp", headers={"Accept": STREAM})
            assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
            assert refused.json()["error"] == "method_not_allowed"
        assert (await http.post("/mcp", json=PING)).json()["result"] == {}
    await checkpoint()


@pytest.mark.parametrize("accept", ["*/*", STREAM])
async def test_a_session_ends_when_its_client_says_so_whatever_it_accepts_then(accept: str) -> None:
    async with streamable(stateful=True) as http, session(http) as headers:
        assert (await http.post("/mcp", json=PING, headers=headers)).status_code == 200
        ended = await http.delete("/mcp", headers={**headers, "Accept": accept})
        assert ended.status_code == 200
        assert (await http.post("/mcp", json=PING, headers=headers)).status_code == 404
    await checkpoint()


async def test_a_session_has_one_stream_of_its_own() -> None:
    async with (
        streamable(stateful=True) as http,
        session(http) as headers,
        http.stream("GET", "/mcp", headers=headers) as stream,
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert (await http.get("/mcp", headers=headers)).status_code == 409
    await checkpoint()


async def test_a_client_that_takes_no_stream_can_have_no_session() -> None:
    async with streamable(stateful=True) as http:
        refused = await http.post("/mcp", json=INITIALIZE, headers={"Accept": "application/json"})
        assert refused.status_code == 406
    await checkpoint()


async def test_a_session_too_many_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "MAX_SESSIONS", 2)
    async with streamable(stateful=True) as http, session(http), session(http) as headers:
        refused = await http.post("/mcp", json=INITIALIZE, headers={"Accept": STREAM})
        assert refused.status_code == 503
        await http.delete("/mcp", headers=headers)
        async with session(http) as another:
            assert (await http.post("/mcp", json=PING, headers=another)).status_code == 200
    await checkpoint()


SECRET = secrets.token_hex(12)
PARSE, INVALID = (-32700, "The body is no JSON."), (-32600, "The body is no JSON-RPC message.")
MALFORMED = {
    "nothing": (b"", PARSE),
    "half": (json.dumps(PING).encode()[:-1], PARSE),
    "text": (SECRET.encode(), PARSE),
    "octets": (b"\xff\xfe", PARSE),
    "a list": (b"[]", INVALID),
    "a batch": (json.dumps([PING]).encode(), INVALID),
    "a text": (json.dumps(SECRET).encode(), INVALID),
    "other params": (json.dumps({**PING, "params": SECRET}).encode(), INVALID),
    "no version": (json.dumps({"id": SECRET, "method": "ping"}).encode(), INVALID),
    "depth": (b"[" * 100_000, PARSE),
}


def assert_refused(refused: httpx.Response, error: tuple[int, str]) -> None:
    code, message = error
    said = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}
    assert (refused.status_code, refused.json()) == (400, said)


async def test_what_is_no_message_is_refused_without_a_word_of_it(caplog: pytest.LogCaptureFixture) -> None:
    async with streamable() as http:
        for version in ({}, {"MCP-Protocol-Version": "2025-11-25"}, {"MCP-Protocol-Version": "2026-07-28"}):
            for body, error in MALFORMED.values():
                headers = {"Content-Type": "application/json", "Accept": STREAM, **version}
                assert_refused(await http.post("/mcp", content=body, headers=headers), error)
    await checkpoint()
    assert not caplog.records


async def test_neither_is_what_a_stream_is_told(caplog: pytest.LogCaptureFixture) -> None:
    endpoint = HttpWithSse(Server("small"))
    async with serving(sse_routes(endpoint, BoundedBodies)) as http, http.stream("GET", "/sse") as stream:
        lines = stream.aiter_lines()
        assert await anext(lines) == "event: endpoint"
        path = (await anext(lines)).removeprefix("data: ")
        for body, error in MALFORMED.values():
            assert_refused(await http.post(path, content=body, headers={"Content-Type": "application/json"}), error)
        for wrong in (SECRET, f"{SECRET}\n", "0" * 31, "0" * 33, ""):
            refused = await http.post("/messages/", params={"session_id": wrong}, json=PING)
            assert_refused(refused, (-32600, "session_id is none that this server gave out."))
        assert (await http.post(path, json=INITIALIZE)).status_code == 202
        with anyio.fail_after(10):
            said = [line async for line in until(lines, "data: {")]
        assert json.loads(said[-1].removeprefix("data: "))["result"]["serverInfo"]["name"] == "small"
    await checkpoint()
    assert not caplog.records


async def until(lines: AsyncIterator[str], beginning: str) -> AsyncGenerator[str]:
    """The lines up to one that begins so."""
    async for line in lines:
        yield line
        if line.startswith(beginning):
            return


async def test_a_stream_is_opened_by_get_and_told_by_post() -> None:
    async with serving(sse_routes(HttpWithSse(Server("small")), BoundedBodies)) as http:
        for method in ("POST", "HEAD", "DELETE"):
            refused = await http.request(method, "/sse")
            assert (refused.status_code, refused.headers["allow"]) == (405, "GET")
        assert (await http.get("/messages/")).status_code == 405
        assert (await http.post("/messages/", params={"session_id": "0" * 32}, json=PING)).status_code == 404
        assert (await http.post("/messages/", json=PING)).status_code == 400
    await checkpoint()


async def test_a_call_of_a_stream_is_answered_before_the_stream_ends() -> None:
    drain, began, may_end = Drain(), anyio.Event(), anyio.Event()

    async def call(*_: object) -> CallToolResult:
        began.set()
        await may_end.wait()
        return CallToolResult(content=[TextContent(type="text", text="called")])

    small = Server[Any]("small", on_call_tool=call)
    small.middleware.append(CallMeter(Metrics(["wait"]), drain))
    app = create_app(sse_routes(HttpWithSse(small), BoundedBodies), Origins())
    async with running(app, drain=drain) as server, plain_client() as http:
        async with http.stream("GET", f"{server.url}/sse") as stream:
            lines = stream.aiter_lines()
            path = [line async for line in until(lines, "data: ")][-1].removeprefix("data: ")
            initialized = {"jsonrpc": "2.0", "method": "notifications/initialized"}
            for message in (INITIALIZE, initialized, {**PING, "method": "tools/call", "params": {"name": "wait"}}):
                assert (await http.post(f"{server.url}{path}", json=message)).status_code == 202
            await began.wait()
            server.server.end()
            await server.refused()
            may_end.set()
            said = await heard(lines)
        await server.ended.wait()
    await checkpoint()
    assert "called" in "".join(said)


async def heard(lines: AsyncIterator[str]) -> list[str]:
    """The lines of a stream up to its end, which is that of its connection."""
    said: list[str] = []
    with suppress(httpx.RemoteProtocolError):
        async for line in lines:
            said.append(line)  # noqa: PERF401 - they are wanted although it ends so
    await checkpoint()
    return said
