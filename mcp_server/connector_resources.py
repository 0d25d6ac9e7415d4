"""Connectors as resources of MCP: their list, and each by its id. What they say is what the tools say.

It is said within the same authority, through the same egress.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    CallToolResult,
    ListResourcesResult,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextContent,
    TextResourceContents,
)

from mcp_server import operations as op
from mcp_server.changes import LIST_URI, ONE_URI, THEIR_LIST
from mcp_server.errors import ConnectorError
from mcp_server.presentation import error_text
from mcp_server.resources import Connector
from mcp_server.resources import Resource as Noun
from mcp_server.tools import TOOL_BY_NAME, Backing, ConnectorTool, presented

MIME_TYPE = "application/json"
PAGE = 100
_TTL_MS = 5_000
_ONE = re.compile(r"connectors://(?P<connector_id>[A-Za-z0-9_-]{1,64})")


class Row(Noun):
    """As much of a connector as tells which one it is."""

    connector_id: str
    name: str
    provider: str


class _Rows(Noun):
    connectors: list[Row]


def _rows(_: op.ListConnectors, connectors: list[Connector]) -> _Rows:
    return _Rows(connectors=[Row.model_validate(each.model_dump()) for each in connectors])


_ROWS = presented(op.LIST_CONNECTORS, _Rows, _rows)


async def listed(backing: Backing, cursor: str | None) -> ListResourcesResult:
    """A page of the resources/list entries for the caller of this backing; nothing where it may not list connectors.

    Raises MCPError for a cursor that is none, and when connectors cannot be listed.
    """
    if not backing.authority.allows(op.LIST_CONNECTORS):
        return ListResourcesResult(resources=[])
    begin = _begin(cursor)
    rows = await rows_of(backing) if backing.authority.allows(op.GET_CONNECTOR) else []
    shown = [_entry(row) for row in rows[begin : begin + PAGE]]
    end = begin + PAGE
    return ListResourcesResult(
        resources=shown if begin else [_LIST, *shown],
        next_cursor=str(end) if end < len(rows) else None,
        ttl_ms=_ttl_ms(backing, THEIR_LIST),
    )


def _ttl_ms(backing: Backing, what: str) -> int:
    """Who hears of its changes may keep it; anybody else would be shown again what his own call has changed."""
    return _TTL_MS if backing.changes.are_promised(backing.account, backing.caller, what) else 0


_LIST = Resource(
    uri=LIST_URI,
    name="connectors",
    title="Connectors",
    description="All connectors, as list_connectors shows them",
    mime_type=MIME_TYPE,
)
_TEMPLATE = ResourceTemplate(
    uri_template=ONE_URI,
    name="connector",
    title="Connector",
    description="One connector, as get_connector shows it",
    mime_type=MIME_TYPE,
)


def _begin(cursor: str | None) -> int:
    if not cursor:
        return 0
    if not re.fullmatch(r"[1-9][0-9]{0,8}", cursor):
        raise MCPError(INVALID_PARAMS, "The cursor is none that this server gave out. Begin without one.")
    return int(cursor)


def _entry(row: Row) -> Resource:
    return Resource(
        uri=ONE_URI.format(connector_id=row.connector_id),
        name=row.name,
        description=f"Connector, {row.provider}",
        mime_type=MIME_TYPE,
    )


def templates(backing: Backing) -> list[ResourceTemplate]:
    """The resources/templates/list entries for the caller of this backing."""
    return [_TEMPLATE] if backing.authority.allows(op.GET_CONNECTOR) else []


async def read(backing: Backing, uri: str) -> ReadResourceResult:
    """The JSON of a resource.

    Raises MCPError for a URI that is none, and with the text of the tool's error when it cannot be told.
    """
    check(backing, uri)
    tool, arguments = _call_for(uri)
    told = await _told(backing, tool, arguments)
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    contents = TextResourceContents(uri=uri, mime_type=MIME_TYPE, text=text)
    return ReadResourceResult(contents=[contents], ttl_ms=_ttl_ms(backing, uri))


def _call_for(uri: str) -> tuple[ConnectorTool[Any, Any, Any], Mapping[str, str]]:
    if uri == LIST_URI:
        return TOOL_BY_NAME[op.LIST_CONNECTORS.name], {}
    one = _ONE.fullmatch(uri)
    if one is None:
        raise MCPError(INVALID_PARAMS, f"There is no such resource. Those of connectors are {LIST_URI} and {ONE_URI}.")
    return TOOL_BY_NAME[op.GET_CONNECTOR.name], one.groupdict()


def check(backing: Backing, uri: str) -> None:
    """Raises MCPError unless the URI can be one of a connector or of their list, and the caller may read it."""
    tool, _ = _call_for(uri)
    try:
        backing.authority.check(tool.operation)
    except ConnectorError as error:
        raise MCPError(INVALID_REQUEST, error_text(error, backing.site.scrubber)) from None


async def rows_of(backing: Backing) -> list[Row]:
    """Every connector, in the order of the API; raises MCPError when that cannot be told."""
    told = await _told(backing, _ROWS, {})
    return [Row.model_validate(row) for row in told["connectors"]]


async def _told(
    backing: Backing, tool: ConnectorTool[Any, Any, Any], arguments: Mapping[str, str]
) -> Mapping[str, Any]:
    """The structured content of a tool's answer; raises MCPError with its text when it is an error."""
    result = await tool.call(backing, dict(arguments))
    if isinstance(result, CallToolResult) and result.structured_content is not None:
        told: Mapping[str, Any] = result.structured_content
        return told
    blocks = result.content if isinstance(result, CallToolResult) else []
    text = "\n".join(block.text for block in blocks if isinstance(block, TextContent))
    is_missing = "not_found, " in text.rpartition("\n")[2]
    raise MCPError(INVALID_PARAMS if is_missing else INTERNAL_ERROR, text)
