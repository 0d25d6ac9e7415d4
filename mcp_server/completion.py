"""What a client may complete while a person types: an argument of a prompt, or of a resource's URI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping

from mcp.shared.exceptions import MCPError
from mcp_types import CompleteRequestParams, Completion, PromptReference

from mcp_server import prompts
from mcp_server.changes import ONE_URI
from mcp_server.connector_resources import Row, rows_of
from mcp_server.tools import Backing

MOST_VALUES = 100
"""As many as MCP allows in one answer."""

Complete = Callable[[Backing, str], Awaitable[Completion]]


async def completion_of(backing: Backing, params: CompleteRequestParams) -> Completion:
    """The values that fit what was typed; none for an argument that is not known."""
    named = params.ref.name if isinstance(params.ref, PromptReference) else params.ref.uri
    complete = _COMPLETIONS.get((params.ref.type, named, params.argument.name))
    return await complete(backing, params.argument.value) if complete else _completion(())


def _completion(values: Iterable[str]) -> Completion:
    distinct = list(dict.fromkeys(values))
    return Completion(values=distinct[:MOST_VALUES], total=len(distinct), has_more=len(distinct) > MOST_VALUES)


async def _ids(backing: Backing, typed: str) -> Completion:
    """The ids of connectors whose id begins so, or whose name has it in it."""
    rows = await _rows(backing)
    return _completion(row.connector_id for row in rows if _has_id(row, typed) or _is_named(row, typed))


async def _ids_and_names(backing: Backing, typed: str) -> Completion:
    """The names that have it in them, the id for a name that the prompt would not take; then the ids that begin so."""
    rows = await _rows(backing)
    named = [row for row in rows if _is_named(row, typed)]
    names = [row.name if len(row.name) <= prompts.MOST_TYPED else row.connector_id for row in named]
    return _completion([*names, *(row.connector_id for row in rows if typed and _has_id(row, typed))])


def _has_id(row: Row, typed: str) -> bool:
    return row.connector_id.startswith(typed)


def _is_named(row: Row, typed: str) -> bool:
    return typed.casefold() in row.name.casefold()


async def _rows(backing: Backing) -> list[Row]:
    """None when connectors cannot be listed: nobody reads an error there."""
    try:
        return await rows_of(backing)
    except MCPError:
        return []


async def _providers(backing: Backing, typed: str) -> Completion:
    return _completion(name for name in prompts.providers(backing.authority) if name.startswith(typed.lower()))


_COMPLETIONS: Mapping[tuple[str, str, str], Complete] = {
    ("ref/resource", ONE_URI, "connector_id"): _ids,
    ("ref/prompt", prompts.DIAGNOSE, prompts.CONNECTOR): _ids_and_names,
    ("ref/prompt", prompts.CONNECT, prompts.PROVIDER): _providers,
}
