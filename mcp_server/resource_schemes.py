"""Which room reads a resource of MCP, by the scheme of its URI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, ReadResourceResult

from mcp_server import connector_resources
from mcp_server.apps import connectors as connectors_app
from mcp_server.tools import Backing

Read = Callable[[Backing, str], Awaitable[ReadResourceResult]]
"""Reads the resource of a URI for the caller of a backing; raises MCPError when it cannot."""

READERS: Mapping[str, Read] = {"connectors": connector_resources.read, "ui": connectors_app.read}


async def read(backing: Backing, uri: str) -> ReadResourceResult:
    """What a resource holds; raises MCPError for a URI that is none, which is not quoted."""
    reader = READERS.get(uri.partition("://")[0])
    if reader is None:
        schemes = ", ".join(f"{scheme}://" for scheme in READERS)
        raise MCPError(INVALID_PARAMS, f"There is no such resource. The URIs of resources begin with {schemes}.")
    return await reader(backing, uri)
