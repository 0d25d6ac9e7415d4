"""Every tool call of the MCP server as work that is counted, timed, and finished before the process ends.

Readings of resources, prompts and completions are counted.
"""

from __future__ import annotations

from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult

from mcp_server.http_server.drain import Drain
from mcp_server.http_server.metrics import CallRecord, Metrics

COUNTED = frozenset({"resources/read", "prompts/get", "completion/complete"})


class CallMeter:
    """A middleware of the SDK's server."""

    def __init__(self, metrics: Metrics, drain: Drain) -> None:
        self._metrics = metrics
        self._drain = drain

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        if ctx.method in COUNTED:
            with self._metrics.request(ctx.method) as record:
                return await _recorded(ctx, call_next, record)
        if ctx.method != "tools/call":
            return await call_next(ctx)
        with self._drain.working(), self._metrics.call((ctx.params or {}).get("name")) as record:
            return await _recorded(ctx, call_next, record)


async def _recorded(ctx: ServerRequestContext[Any, Any], call_next: CallNext, record: CallRecord) -> HandlerResult:
    try:
        result = await call_next(ctx)
    except MCPError:
        record.outcome = "refused"
        raise
    record.outcome = "tool_error" if _is_error(result) else "ok"
    return result


def _is_error(result: HandlerResult) -> bool:
    match result:
        case CallToolResult(is_error=True) | {"isError": True}:
            return True
        case _:
            return False
