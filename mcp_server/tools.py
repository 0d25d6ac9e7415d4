"""An operation as an MCP tool: described, called, presented. The one egress: all that a call returns is scrubbed here.

How an answer looks is presentation's, how it is fetched the client's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mcp_types import CallToolResult, TextContent, Tool, ToolAnnotations
from pydantic import BaseModel

from mcp_server import operations as op
from mcp_server import presentation, wire
from mcp_server.errors import ConnectorError
from mcp_server.operation import AnswerT, Ask, Operation, RequestT
from mcp_server.portable_schema import portable_schema
from mcp_server.redaction import Scrubber, guarding, secrets_of
from mcp_server.resources import Connector

logger = logging.getLogger(__name__)

_SEE_LOG = "Its log on stderr says where."
ViewT = TypeVar("ViewT", bound=BaseModel)


@dataclass(frozen=True)
class ConnectorTool(Generic[RequestT, AnswerT, ViewT]):
    """One row and how its answer is shown."""

    operation: Operation[RequestT, AnswerT]
    view: type[ViewT]
    present: Callable[[RequestT, AnswerT], ViewT]

    def describe(self) -> Tool:
        """The tools/list entry."""
        row = self.operation
        return Tool(
            name=row.name,
            title=row.title,
            description=row.description,
            input_schema=portable_schema(row.request),
            output_schema=portable_schema(self.view, "serialization"),
            annotations=ToolAnnotations(
                title=row.title,
                read_only_hint=row.effect.read_only,
                destructive_hint=row.effect.destructive,
                idempotent_hint=row.effect.idempotent,
                open_world_hint=row.effect.open_world,
            ),
        )

    async def call(self, ask: Ask, arguments: object, own_secrets: Iterable[str]) -> CallToolResult:
        """The result of one call; every error that a caller can act on is a result too."""
        try:
            request = wire.keyed(self.operation, wire.parse(self.operation, arguments))
            with guarding([*secrets_of(request), *own_secrets]) as scrubber:
                return await self._answered(ask, request, scrubber)
        except ConnectorError as error:
            return _failed(presentation.error_text(error, Scrubber(own_secrets)))

    async def _answered(self, ask: Ask, request: RequestT, scrubber: Scrubber) -> CallToolResult:
        """The border: a ConnectorError becomes its text; of an unforeseen error, nothing reaches the model."""
        try:
            answer = await ask(self.operation, request)
            data = presentation.structured(self.present(request, answer), scrubber)
            text = TextContent(type="text", text=presentation.compact(data))
        except ConnectorError as known:
            error = known
        except Exception:
            logger.exception("%s failed unexpectedly", self.operation.name)
            error = ConnectorError("The server failed unexpectedly.", hint=_SEE_LOG, code="internal_error")
        else:
            return CallToolResult(content=[text], structured_content=data)
        return _failed(presentation.error_text(error, scrubber, wire.idempotency_key(request)))


def _failed(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)


TOOLS: tuple[ConnectorTool[Any, Any, Any], ...] = (
    ConnectorTool(op.CREATE_GCS_CONNECTOR, presentation.CreatedConnector, presentation.created),
    ConnectorTool(op.CREATE_S3_CONNECTOR, presentation.CreatedConnector, presentation.created),
    ConnectorTool(op.CREATE_AZURE_CONNECTOR, presentation.CreatedConnector, presentation.created),
    ConnectorTool(op.LIST_CONNECTORS, presentation.ConnectorList, presentation.connector_list),
    ConnectorTool(op.GET_CONNECTOR, Connector, presentation.one_connector),
    ConnectorTool(op.UPDATE_CONNECTOR, Connector, presentation.one_connector),
    ConnectorTool(op.TEST_CONNECTOR, presentation.TestReport, presentation.test_report),
    ConnectorTool(op.BROWSE_CONNECTOR_FILES, presentation.FileListing, presentation.file_listing),
    ConnectorTool(op.DELETE_CONNECTOR, presentation.DeletedConnector, presentation.deleted),
)
TOOL_BY_NAME = {tool.operation.name: tool for tool in TOOLS}
