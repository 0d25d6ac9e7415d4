"""An operation as an MCP tool: described, called, presented. The one egress: all that a call returns is scrubbed here.

How an answer looks is presentation's, how it is fetched the client's, where its secrets come from the intake's.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from mcp_types import CallToolResult, InputRequiredResult, TextContent, Tool, ToolAnnotations
from pydantic import BaseModel

from mcp_server import alterations, explorations, file_views, presentation, wire
from mcp_server import operations as op
from mcp_server.apps.connectors import META_BY_TOOL
from mcp_server.authority import Authority
from mcp_server.changes import OWN_ACCOUNT, Changes
from mcp_server.comparison import UpdatedConnector
from mcp_server.elicitation import Caller, SilentCaller
from mcp_server.errands import ConnectorErrand, Site
from mcp_server.errors import ConnectorError
from mcp_server.file_operations import BROWSE_CONNECTOR_FILES
from mcp_server.intake import Draft, Intake
from mcp_server.operation import AnswerT, Operation, RequestT
from mcp_server.portable_schema import portable_schema
from mcp_server.reception import Reception
from mcp_server.redaction import Scrubber, guarding, secrets_of
from mcp_server.resources import Connector

logger = logging.getLogger(__name__)

_SEE_LOG = "Its log on stderr says where."
DEFAULT_INTAKE = Intake()
ALL_ALLOWED = Authority()
UNKNOWN_CALLER = SilentCaller(None)
ViewT = TypeVar("ViewT", bound=BaseModel)
Result = CallToolResult | InputRequiredResult
Act = Callable[[Site, RequestT, Caller, Connector | None], Awaitable[ViewT | InputRequiredResult]]
"""What does an operation for a caller; the connector is that which it changes, where it is known already."""
Shape = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Makes a result's data of those of what was done, which are scrubbed and visible by then."""
Writer = Callable[[Mapping[str, Any]], str]
"""Writes a result's data as text."""


@dataclass(frozen=True)
class Backing:
    """What the tools stand on for one caller; without a reception the person cannot be asked.

    `changes` tells those who listen on the account what the site's calls change there; `caller` tells apart those who
    share an account.
    """

    site: Site
    intake: Intake = field(default=DEFAULT_INTAKE)
    reception: Reception | None = None
    authority: Authority = field(default=ALL_ALLOWED)
    changes: Changes = field(default_factory=Changes)
    account: str = OWN_ACCOUNT
    caller: str = ""


@dataclass(frozen=True)
class ConnectorTool(Generic[RequestT, AnswerT, ViewT]):
    """One row, how it is done, and what its result looks like."""

    operation: Operation[RequestT, AnswerT]
    view: type[BaseModel]
    act: Act[RequestT, ViewT]
    shape: Shape = dict
    write: Writer = presentation.compact

    def describe(self, intake: Intake = DEFAULT_INTAKE) -> Tool:
        """The tools/list entry."""
        row = self.operation
        return Tool(
            name=row.name,
            title=row.title,
            description=intake.description(row),
            input_schema=intake.input_schema(row),
            output_schema=portable_schema(self.view, "serialization"),
            annotations=ToolAnnotations(
                title=row.title,
                read_only_hint=row.effect.read_only,
                destructive_hint=row.effect.destructive,
                idempotent_hint=row.effect.idempotent,
                open_world_hint=row.effect.open_world,
            ),
            _meta=META_BY_TOOL.get(row.name),
        )

    async def call(self, backing: Backing, arguments: object, caller: Caller = UNKNOWN_CALLER) -> Result:
        """The result of one call, or what the client has to do first; an error that a caller can act on is a result."""
        note = backing.intake.note(self.operation, arguments)
        with guarding(backing.site.scrubber) as scrubber:
            return await self._bordered(self._served(backing, arguments, caller, note), scrubber, note)

    async def _bordered(self, work: Awaitable[Result], scrubber: Scrubber, note: str, key: str = "") -> Result:
        """The border: a ConnectorError becomes its text; of an unforeseen error, nothing reaches the model."""
        try:
            return await work
        except ConnectorError as known:
            error = known.with_traceback(None)  # its frames hold the API's answer, and this one would hold it: a circle
        except Exception:
            logger.exception("%s failed unexpectedly", self.operation.name)
            error = ConnectorError("The server failed unexpectedly.", hint=_SEE_LOG, code="internal_error")
        lines = (presentation.error_text(error, scrubber, key), note)
        return CallToolResult(content=[TextContent(type="text", text="\n".join(filter(None, lines)))], is_error=True)

    async def _served(self, backing: Backing, arguments: object, caller: Caller, note: str) -> Result:
        backing.authority.check(self.operation)
        draft = backing.intake.draft(self.operation, arguments)
        if draft.request is not None:
            return await self._answered(backing, draft.request, caller, note=note)
        existing = await self._existing(backing.site, draft)
        provider = existing.provider if existing else self.operation.providers[0]
        if draft.name is not None:
            request = await backing.intake.looked_up(draft, draft.name, provider)
            return await self._answered(backing, request, caller, existing)
        if backing.reception is None:
            raise ConnectorError(
                "Credentials are needed, and here is no page to ask the person for them.",
                hint="Pass credentials with a name that the operator set up.",
                code="credentials_needed",
            )
        errand = ConnectorErrand(draft, provider, backing.site, existing)
        view = await backing.reception.settled(errand, caller)
        return view if isinstance(view, InputRequiredResult) else self._shown(view, backing.site.scrubber)

    async def _existing(self, site: Site, draft: Draft[RequestT, AnswerT]) -> Connector | None:
        """The connector whose credentials are to be replaced."""
        if not self.operation.rotates:
            return None
        return await site.ask(op.GET_CONNECTOR, op.GetConnector(connector_id=str(draft.arguments["connector_id"])))

    async def _answered(
        self, backing: Backing, request: RequestT, caller: Caller, existing: Connector | None = None, note: str = ""
    ) -> Result:
        """The result of a whole request; a note about its secret goes with it."""
        request = wire.keyed(self.operation, request)
        given = secrets_of(request)
        with guarding({**given, **backing.site.own_secrets} if given else backing.site.scrubber) as scrubber:

            async def answer() -> Result:
                view = await self.act(backing.site, request, caller, existing)
                if isinstance(view, InputRequiredResult):
                    return view
                return self._shown(view.model_copy(update={"note": note}) if note else view, scrubber)

            return await self._bordered(answer(), scrubber, note, wire.idempotency_key(request))

    def _shown(self, view: BaseModel, scrubber: Scrubber) -> CallToolResult:
        data = self.shape(presentation.structured(view, scrubber))
        return CallToolResult(content=[TextContent(type="text", text=self.write(data))], structured_content=data)


def presented(
    operation: Operation[RequestT, AnswerT],
    view: type[ViewT],
    present: Callable[[RequestT, AnswerT], ViewT],
) -> ConnectorTool[RequestT, AnswerT, ViewT]:
    """The tool of an operation that needs no more than to be asked."""

    async def act(site: Site, request: RequestT, _: Caller, __: Connector | None) -> ViewT:
        return present(request, await site.ask(operation, request))

    return ConnectorTool(operation, view, act)


TOOLS: tuple[ConnectorTool[Any, Any, Any], ...] = (
    presented(op.CREATE_GCS_CONNECTOR, presentation.CreatedConnector, presentation.created),
    presented(op.CREATE_S3_CONNECTOR, presentation.CreatedConnector, presentation.created),
    presented(op.CREATE_AZURE_CONNECTOR, presentation.CreatedConnector, presentation.created),
    presented(op.LIST_CONNECTORS, presentation.ConnectorList, presentation.connector_list),
    presented(op.GET_CONNECTOR, Connector, presentation.one_connector),
    ConnectorTool(op.UPDATE_CONNECTOR, UpdatedConnector, alterations.update),
    presented(op.TEST_CONNECTOR, presentation.TestReport, presentation.test_report),
    ConnectorTool(
        BROWSE_CONNECTOR_FILES, file_views.FileListing, explorations.browse, file_views.listing, file_views.text
    ),
    ConnectorTool(op.DELETE_CONNECTOR, presentation.DeletedConnector, alterations.delete),
)


def listed(backing: Backing) -> list[Tool]:
    """The tools/list entries for the caller of this backing."""
    return [tool.describe(backing.intake) for tool in TOOLS if backing.authority.allows(tool.operation)]


TOOL_BY_NAME = {tool.operation.name: tool for tool in TOOLS}
