"""How files are browsed for a model: what it was shown is what it may ask with, and nothing in a cursor is told."""

from __future__ import annotations

from mcp_server.characters import meant_by
from mcp_server.elicitation import Caller
from mcp_server.errands import Site
from mcp_server.file_operations import BROWSE_CONNECTOR_FILES, BrowseConnectorFiles
from mcp_server.file_views import FoundFiles, found_files
from mcp_server.resources import Connector


async def browse(site: Site, request: BrowseConnectorFiles, _: Caller, __: Connector | None) -> FoundFiles:
    """A page; prefix and pattern may hold escapes, as shown names have them. Raises ConnectorError."""
    request = request.model_copy(update=_as_meant(site, request))
    found = found_files(request, await site.ask(BROWSE_CONNECTOR_FILES, request))
    if found.next_cursor is None:
        return found
    return found.model_copy(update={"next_cursor": site.cursor_seal.sealed(found.next_cursor, site.scrubber)})


def _as_meant(site: Site, request: BrowseConnectorFiles) -> dict[str, str]:
    meant = {"prefix": meant_by(request.prefix), "pattern": meant_by(request.pattern, backslash=r"\\")}
    return meant if request.cursor is None else {**meant, "cursor": site.cursor_seal.opened(request.cursor)}
