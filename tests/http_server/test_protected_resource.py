"""What an OAuth client is told, and that the SDK's own client understands it."""

from __future__ import annotations

import httpx
import httpx2
import pytest
from mcp.client.auth.utils import (
    build_protected_resource_metadata_discovery_urls,
    extract_resource_metadata_from_www_auth,
    extract_scope_from_www_auth,
)
from mcp.shared.auth import ProtectedResourceMetadata
from starlette.applications import Starlette

from mcp_server.http_server.identity import MISSING, Turned
from mcp_server.http_server.protected_resource import ProtectedResource

pytestmark = pytest.mark.anyio
RESOURCE, ISSUER = "https://mcp.example/mcp", "https://login.example/realm"
METADATA_URL = "https://mcp.example/.well-known/oauth-protected-resource/mcp"
ALL_SCOPES = "connectors:read connectors:write connectors:admin"
DOCUMENT = {
    "resource": RESOURCE,
    "authorization_servers": [ISSUER],
    "scopes_supported": ALL_SCOPES.split(),
    "bearer_methods_supported": ["header"],
    "resource_name": "VideoVector connectors",
}


async def asked(resource: ProtectedResource, method: str, path: str) -> httpx.Response:
    app = Starlette(routes=resource.routes())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="https://mcp.example") as http:
        return await http.request(method, path, headers={"Origin": "https://page.example"})


@pytest.mark.parametrize("path", ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"])
async def test_the_document_is_at_both_of_its_places(path: str) -> None:
    answer = await asked(ProtectedResource(RESOURCE, ISSUER), "GET", path)
    assert (answer.status_code, answer.json()) == (200, DOCUMENT)
    assert answer.headers["content-type"] == "application/json"
    assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_the_document_is_only_read() -> None:
    answer = await asked(ProtectedResource(RESOURCE, ISSUER), "POST", "/.well-known/oauth-protected-resource")
    assert answer.status_code == 405


@pytest.mark.parametrize("resource", ["https://mcp.example", "https://mcp.example/mcp", "http://127.0.0.1:8080/a/b"])
async def test_every_place_where_the_sdks_client_looks_has_the_document(resource: str) -> None:
    place = ProtectedResource(resource, ISSUER)
    for url in build_protected_resource_metadata_discovery_urls(place.metadata_url, resource):
        document = ProtectedResourceMetadata.model_validate_json((await asked(place, "GET", url)).content)
        assert document == place.metadata
        assert str(document.resource) == resource


async def test_urls_without_a_path_are_told_as_they_were_given() -> None:
    answer = await asked(
        ProtectedResource("https://mcp.example", "https://login.example"),
        "GET",
        "/.well-known/oauth-protected-resource",
    )
    assert answer.json()["resource"] == "https://mcp.example"
    assert answer.json()["authorization_servers"] == ["https://login.example"]


def understood(challenge: str) -> tuple[str | None, str | None]:
    response = httpx2.Response(401, headers={"WWW-Authenticate": challenge})
    return extract_resource_metadata_from_www_auth(response), extract_scope_from_www_auth(response)


def test_without_credentials_a_client_is_told_where_to_get_some() -> None:
    challenge = ProtectedResource(RESOURCE, ISSUER).unauthorized(Turned(401, MISSING, "Send a token."))
    assert challenge == f'Bearer scope="{ALL_SCOPES}", resource_metadata="{METADATA_URL}"'
    assert understood(challenge) == (METADATA_URL, ALL_SCOPES)


def test_with_a_wrong_token_a_client_is_told_so() -> None:
    challenge = ProtectedResource(RESOURCE, ISSUER).unauthorized(Turned(401, "invalid_token", "It has expired."))
    assert challenge.startswith('Bearer error="invalid_token", error_description="It has expired.", scope=')
    assert understood(challenge) == (METADATA_URL, ALL_SCOPES)


def test_a_call_beyond_the_token_tells_the_scopes_that_it_needs() -> None:
    challenge = ProtectedResource(RESOURCE, ISSUER).insufficient_scope("write")
    assert challenge == (
        f'Bearer error="insufficient_scope", scope="connectors:write", resource_metadata="{METADATA_URL}"'
    )
    assert understood(challenge) == (METADATA_URL, "connectors:write")


async def test_a_server_that_only_reads_offers_no_other_scope() -> None:
    resource = ProtectedResource(RESOURCE, ISSUER, ["read"])
    assert (await asked(resource, "GET", METADATA_URL)).json()["scopes_supported"] == ["connectors:read"]
    assert understood(resource.unauthorized(Turned(401, MISSING, "")))[1] == "connectors:read"
