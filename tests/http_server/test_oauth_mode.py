"""OAuth mode of the real server, with tokens of a real OpenID provider: who gets in, what goes upstream."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mcp_server.operations import OPERATIONS
from tests.emulators.http_server import Asked, Reply
from tests.emulators.http_server import Served as Api
from tests.emulators.http_server import serving as answering
from tests.emulators.openid import OpenIdProvider, openid_provider
from tests.http_server.serving import Served, client_of, serving, session_of, unknown_key
from tests.sessions import ERAS, modern

pytestmark = pytest.mark.anyio
AUDIENCE = "https://mcp.example/mcp"
CALL: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_connectors"}}
NAMES = [operation.name for operation in OPERATIONS]
READS = {"list_connectors", "get_connector", "browse_connector_files"}
OWN_KEY = unknown_key()


@pytest.fixture(scope="module")
def provider() -> Generator[OpenIdProvider]:
    with openid_provider().running() as provider:
        yield provider


@pytest.fixture(scope="module")
def api() -> Generator[Api]:
    """A Connectors API without connectors, which remembers what it was asked."""

    def reply(_: Asked) -> Reply:
        return Reply(200, b"[]", {"Content-Type": "application/json"})

    with answering(reply) as api:
        yield api


@pytest.fixture(scope="module")
def served(provider: OpenIdProvider, api: Api, tmp_path_factory: pytest.TempPathFactory) -> Generator[Served]:
    flags = ("--oauth-issuer", provider.issuer, "--oauth-audience", AUDIENCE)
    settings = {"VIDEOVECTOR_BASE_URL": api.url, "VIDEOVECTOR_API_KEY": OWN_KEY}
    with serving(tmp_path_factory.mktemp("oauth"), *flags, settings=settings) as served:
        yield served


def bearer(provider: OpenIdProvider, scope: str, audience: str = AUDIENCE) -> dict[str, str]:
    return {"Authorization": f"Bearer {provider.token(audience, scope)}"}


def call(served: Served, headers: dict[str, str], message: dict[str, Any] = CALL) -> httpx.Response:
    return httpx.post(f"{served.url}/mcp", json=message, headers=headers, trust_env=False, timeout=60)


def test_a_client_without_a_token_is_led_to_the_issuer(served: Served, provider: OpenIdProvider) -> None:
    refused = call(served, {})
    challenge = refused.headers["www-authenticate"]
    assert refused.status_code == 401
    assert 'scope="connectors:read connectors:write connectors:admin"' in challenge
    where = challenge.partition('resource_metadata="')[2].partition('"')[0]
    metadata = httpx.get(where, trust_env=False).json()
    assert metadata["resource"] == f"{served.url}/mcp"
    assert [issuer.rstrip("/") for issuer in metadata["authorization_servers"]] == [provider.issuer]


def test_a_key_of_the_api_is_no_token(served: Served) -> None:
    refused = call(served, {"X-API-Key": OWN_KEY})
    assert refused.status_code == 401
    assert call(served, {"Authorization": f"Bearer {OWN_KEY}"}).status_code == 401


def test_a_token_for_another_audience_is_refused(served: Served, provider: OpenIdProvider) -> None:
    refused = call(served, bearer(provider, "connectors:read", "https://other.example/mcp"))
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_token")


@pytest.mark.parametrize("era", ERAS)
async def test_the_tools_follow_the_tokens_scopes(era: str, served: Served, provider: OpenIdProvider) -> None:
    async with session_of(served, era, headers=bearer(provider, "connectors:read")) as session:
        assert set(session.tools) == READS
        assert (await session.call("list_connectors"))["total"] == 0
    async with client_of(served, era, headers=bearer(provider, "connectors:admin")) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == NAMES
    async with client_of(served, era, headers=bearer(provider, "")) as client:
        assert (await client.list_tools()).tools == []


async def test_an_older_client_hears_from_the_tool_that_a_scope_is_missing(
    served: Served, provider: OpenIdProvider
) -> None:
    async with session_of(served, "legacy", headers=bearer(provider, "connectors:read")) as session:
        assert "needs the scope admin" in await session.refused("delete_connector", connector_id="conn_1")


def test_a_client_of_2026_is_told_which_scope_to_get(served: Served, provider: OpenIdProvider) -> None:
    params = modern({"name": "delete_connector", "arguments": {"connector_id": "conn_1"}})
    routing = {"MCP-Protocol-Version": ERAS[1], "Mcp-Method": "tools/call", "Mcp-Name": "delete_connector"}
    headers = {**bearer(provider, "connectors:read"), **routing}
    refused = call(served, headers, {**CALL, "params": params})
    assert refused.status_code == 403
    assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]
    assert 'scope="connectors:admin"' in refused.headers["www-authenticate"]


def test_upstream_goes_the_servers_own_key_and_never_the_token(
    served: Served, api: Api, provider: OpenIdProvider
) -> None:
    token = bearer(provider, "connectors:read")
    api.asked.clear()
    assert call(served, token).status_code == 200
    assert [asked.headers["X-API-Key"] for asked in api.asked] == [OWN_KEY]
    sent = "".join(f"{name}: {value}" for asked in api.asked for name, value in asked.headers.items())
    assert token["Authorization"].partition(" ")[2] not in sent
    assert "Authorization" not in sent


def test_read_only_asks_for_no_more_than_reading(provider: OpenIdProvider, tmp_path: Path) -> None:
    with serving(tmp_path, "--oauth-issuer", provider.issuer, "--read-only") as served:
        challenge = call(served, {}).headers["www-authenticate"]
        assert 'scope="connectors:read"' in challenge
        assert call(served, bearer(provider, "connectors:admin", f"{served.url}/mcp")).status_code == 200
