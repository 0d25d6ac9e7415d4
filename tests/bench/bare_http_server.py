"""The reference over HTTP: the SDK's low-level server whose one tool makes the same request of the same API.

Run as a module with the API's URL, a port and the number of processes.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult, PaginatedRequestParams, TextContent, Tool
from starlette.applications import Starlette

API = "BARE_SERVER_API"
TOOL = Tool(name="list_connectors", input_schema={"type": "object", "properties": {}})


@asynccontextmanager
async def connected(_: Server[httpx.AsyncClient]) -> AsyncGenerator[httpx.AsyncClient]:
    """One client for all calls."""
    async with httpx.AsyncClient(base_url=os.environ[API], trust_env=False) as client:
        yield client


async def list_tools(_: ServerRequestContext[Any], __: PaginatedRequestParams | None) -> ListToolsResult:
    """One tool."""
    return ListToolsResult(tools=[TOOL])


async def call_tool(context: ServerRequestContext[Any], _: CallToolRequestParams) -> CallToolResult:
    """The list as text and as structure."""
    connectors = (await context.lifespan_context.get("/connectors")).json()
    data = {"total": len(connectors), "connectors": connectors}
    return CallToolResult(content=[TextContent(type="text", text=json.dumps(data))], structured_content=data)


def create_app() -> Starlette:
    """Streamable HTTP without sessions, as the SDK makes it."""
    server = Server[httpx.AsyncClient](
        "bare", version="1", lifespan=connected, on_list_tools=list_tools, on_call_tool=call_tool
    )
    return server.streamable_http_app(stateless_http=True)


if __name__ == "__main__":
    os.environ[API] = sys.argv[1]
    uvicorn.run(
        "tests.bench.bare_http_server:create_app",
        factory=True,
        port=int(sys.argv[2]),
        workers=int(sys.argv[3]),
        log_level="critical",
        access_log=False,
    )
