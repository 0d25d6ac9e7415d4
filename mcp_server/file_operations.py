"""What can be asked of a connector's files: the request classes directly above their rows. No I/O here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import Field

from mcp_server.errors import Violation
from mcp_server.fields import ConnectorId, Cursor, Flag, Limit, Pattern, Prefix, Sort, truth
from mcp_server.operation import STORAGE_READ, Body, Operation, Request
from mcp_server.resources import CloudFile, FilePage


class BrowseAllFiles(Request):
    """Which files: those that the API answers with when no page of them is asked for."""

    connector_id: ConnectorId
    prefix: Prefix = Field(default="", description="e.g. incoming/2026/")
    pattern: Pattern = Field(
        default="*",
        description="Glob, case counts: * ? ** [...] {a,b}; of the name, or with / of the path below prefix",
    )
    recursive: Flag = Field(default=True, description="false: not in subfolders")


BROWSE_ALL_FILES = Operation(
    name="browse_connector_files",
    title="Browse connector files",
    description="All files by prefix and pattern, sorted by path.",
    method="POST",
    path="/connectors/{connector_id}/browse",
    request=BrowseAllFiles,
    answer=list[CloudFile],
    scope="read",
    effect=STORAGE_READ,
    body=Body.JSON,
)
"""No tool: what the endpoint of browse_connector_files answers when the query says nothing of a page."""


class BrowseConnectorFiles(BrowseAllFiles):
    """Arguments of browse_connector_files: which files, and which page of them."""

    limit: Limit = Field(default=100, description="1-1000 a page")
    cursor: Cursor | None = Field(default=None, description="next_cursor, all else unchanged")
    sort: Sort = Field(default="path", description="size: largest, time: newest first")
    summary: Flag = Field(default=False, description="Totals only")
    details: Flag = Field(default=False, description="Also sizes, times, types")

    @classmethod
    def broken_combinations(cls, given: Mapping[str, object]) -> Iterator[Violation]:
        """Totals have no pages."""
        if truth(given.get("summary")) is True and "cursor" in given:
            yield Violation("cursor", "cannot go with summary")


BROWSE_CONNECTOR_FILES = Operation(
    name="browse_connector_files",
    title="Browse connector files",
    description="Files by prefix and pattern: a page of them, and totals of all.",
    method="POST",
    path="/connectors/{connector_id}/browse",
    request=BrowseConnectorFiles,
    answer=FilePage,
    scope="read",
    effect=STORAGE_READ,
    body=Body.JSON,
    query=("limit", "cursor", "sort", "summary"),
    unsent=("details",),
    is_paged=True,
)
