"""What an OAuth client is told: where tokens for this server come from (RFC 9728), and why one was not enough."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from mcp.server.auth.handlers.metadata import ProtectedResourceMetadataHandler
from mcp.server.auth.routes import build_resource_metadata_url
from mcp.shared.auth import ProtectedResourceMetadata
from starlette.routing import Route

from mcp_server.http_server.bearer_tokens import OAUTH_SCOPES
from mcp_server.http_server.identity import MISSING, Turned

NAME = "VideoVector connectors"
WELL_KNOWN = "/.well-known/oauth-protected-resource"


class ProtectedResource:
    """This server as clients know it: the URL of its MCP endpoint, its issuer, and the rows' scopes that it serves."""

    def __init__(self, resource: str, issuer: str, scopes: Iterable[str] = tuple(OAUTH_SCOPES)) -> None:
        self._scopes = tuple(OAUTH_SCOPES[scope] for scope in scopes)
        self.metadata = ProtectedResourceMetadata.model_validate(
            {
                "resource": resource,
                "authorization_servers": [issuer],
                "scopes_supported": list(self._scopes),
                "resource_name": NAME,
            }
        )
        self.metadata_url = str(build_resource_metadata_url(self.metadata.resource))

    def routes(self) -> list[Route]:
        """The metadata document at its place, and at the root for clients that look only there."""
        handler = ProtectedResourceMetadataHandler(self.metadata)
        paths = dict.fromkeys((urlsplit(self.metadata_url).path, WELL_KNOWN))
        return [Route(path, handler.handle, methods=["GET"]) for path in paths]

    def unauthorized(self, turned: Turned) -> str:
        """The WWW-Authenticate of an answer 401; without credentials there is no error to tell."""
        told = {} if turned.error == MISSING else {"error": turned.error, "error_description": turned.message}
        return self._challenge({**told, "scope": " ".join(self._scopes)})

    def insufficient_scope(self, *scopes: str) -> str:
        """The WWW-Authenticate of an answer 403 to a call that needs these scopes of the rows."""
        needed = " ".join(OAUTH_SCOPES[scope] for scope in scopes)
        return self._challenge({"error": "insufficient_scope", "scope": needed})

    def _challenge(self, told: Mapping[str, str]) -> str:
        parameters = {**told, "resource_metadata": self.metadata_url}
        return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in parameters.items())
