"""The tools as they would be listed were they functions under the SDK's `@mcp.tool()`: same names, arguments, texts.

Each function has the parameters that the request class has fields, of the same types, with the same descriptions.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import Annotated, Any

from mcp.server import MCPServer
from pydantic import Field
from pydantic.fields import FieldInfo

from mcp_server.operation import AnyOperation
from mcp_server.tools import TOOLS


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    kind: Any = field.rebuild_annotation()
    annotation = Annotated[kind, Field(description=field.description)]
    default = inspect.Parameter.empty if field.is_required() else field.get_default(call_default_factory=True)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _function(row: AnyOperation) -> Any:
    def tool(**_: object) -> None:
        """Never called."""

    parameters = [_parameter(name, field) for name, field in row.request.model_fields.items()]
    tool.__dict__["__signature__"] = inspect.Signature(parameters)
    return tool


def decorated_tools() -> list[dict[str, Any]]:
    """Their tools/list entries."""
    server = MCPServer("decorated")
    for tool in TOOLS:
        row = tool.operation
        server.add_tool(_function(row), name=row.name, description=row.description)
    listed = asyncio.run(server.list_tools())
    return [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed]
