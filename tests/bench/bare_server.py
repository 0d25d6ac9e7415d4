"""The reference: the SDK's low-level server whose one tool makes the same request of the same API, and nothing else.

Run with the API's URL it serves stdin and stdout.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult, PaginatedRequestParams, TextContent, Tool

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


def bare_server() -> Server[httpx.AsyncClient]:
    """As the SDK's documentation makes one."""
    return Server[httpx.AsyncClient](
        "bare", version="1", lifespan=connected, on_list_tools=list_tools, on_call_tool=call_tool
    )


async def main() -> None:
    """Serve stdin and stdout."""
    server = bare_server()
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


if __name__ == "__main__":
    os.environ[API] = sys.argv[1]
    anyio.run(main)
