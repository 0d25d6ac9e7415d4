"""The reference: the SDK's low-level server with one tool, as its documentation shows it, and nothing else."""

from __future__ import annotations

from typing import Any

import anyio
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
)


async def list_tools(_: ServerRequestContext[Any], __: PaginatedRequestParams | None) -> ListToolsResult:
    """One tool."""
    return ListToolsResult(tools=[Tool(name="hello", input_schema={"type": "object", "properties": {}})])


async def call_tool(_: ServerRequestContext[Any], __: CallToolRequestParams) -> CallToolResult:
    """A greeting."""
    return CallToolResult(content=[TextContent(type="text", text="hello")])


async def main() -> None:
    """Serve stdin and stdout."""
    server = Server[Any]("bare", version="1", on_list_tools=list_tools, on_call_tool=call_tool)
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


if __name__ == "__main__":
    anyio.run(main)
