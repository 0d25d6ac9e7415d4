"""The HTTP side: who is let in, and what is where."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest

from mcp_server import __version__
from mcp_server.embedded.calls import Call, require_scope
from mcp_server.embedded.service import Service
from mcp_server.errors import ApiRefused
from mcp_server.operations import DELETE_CONNECTOR, LIST_CONNECTORS, OPERATIONS
from mcp_server.origins import Origins
from mcp_server.settings import load
from tests.embedded.bodies import api_key
from tests.embedded.calling import calling, error_of, headers_of

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024
HERE = "http://127.0.0.1:8787/api/v2"


@pytest.fixture
async def guarded(service: Service) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of the API as it is served over HTTP, without a key."""
    async with calling(service, authenticate=True, base_url=HERE) as api:
        yield api


@pytest.fixture
async def key(service: Service) -> str:
    return (await headers_of(service))["X-API-Key"]


# ---- who is let in -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["X-API-Key", "Authorization"])
async def test_a_key_is_taken_in_either_header(guarded: httpx.AsyncClient, key: str, header: str) -> None:
    headers = {header: key if header == "X-API-Key" else f"Bearer {key}"}
    assert (await guarded.get("/connectors", headers=headers)).json() == []
    assert (await guarded.get("/auth/validate", headers=headers)).json() == {"valid": True, "scopes": ["admin"]}


async def test_a_well_formed_key_that_nobody_was_given_is_refused(guarded: httpx.AsyncClient) -> None:
    for path in ("/connectors", "/auth/validate"):
        answer = await guarded.get(path, headers={"X-API-Key": api_key()})
        assert "api-key create" in error_of(answer, 401, "api_key_unknown")["details"]["hint"]
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-Key": ""},
        {"X-API-Key": "sk_live_short"},
        {"X-API-Key": "sk_live_" + "A" * 48},
        {"X-API-Key": "sk_test_" + "a" * 48},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic sk_live_" + "a" * 48},
        {"X-API-Key": "malformed", "Authorization": "Bearer sk_live_" + "a" * 48},
    ],
)
async def test_without_a_well_formed_key_nothing_is_served(guarded: httpx.AsyncClient, headers: dict[str, str]) -> None:
    for path in ("/connectors", "/auth/validate"):
        answer = await guarded.get(path, headers=headers)
        error_of(answer, 401, "authentication_required")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("other", ["malformed", api_key()], ids=["malformed", "unknown"])
async def test_the_key_header_wins_over_the_bearer(guarded: httpx.AsyncClient, key: str, other: str) -> None:
    answers = [
        await guarded.get("/auth/validate", headers={"X-API-Key": first, "Authorization": f"Bearer {second}"})
        for first, second in ((key, other), (other, key))
    ]
    assert [answer.status_code for answer in answers] == [200, 401]


async def test_in_process_no_key_is_asked_for(api: httpx.AsyncClient) -> None:
    scopes = ["search", "read", "write", "admin"]
    assert (await api.get("/auth/validate")).json() == {"valid": True, "scopes": scopes}


async def test_a_scope_that_is_missing_is_named() -> None:
    reader = Call("local", ("read",))
    require_scope(reader, LIST_CONNECTORS)
    with pytest.raises(ApiRefused, match="scope admin, which delete_connector needs") as caught:
        require_scope(reader, DELETE_CONNECTOR)
    assert caught.value.status == 403


OTHER_HOSTS = ["evil.example", "127.0.0.1.evil.example", "[", "", "10.0.0.1:8787", "connectors.example"]


@pytest.mark.parametrize("host", OTHER_HOSTS)
async def test_another_host_name_is_refused_as_dns_rebinding_would_send_it(
    guarded: httpx.AsyncClient, key: str, host: str
) -> None:
    answer = await guarded.get("/connectors", headers={"Host": host, "X-API-Key": key})
    error_of(answer, 421, "host_refused")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8787", "[::1]:8787"])
async def test_the_names_of_this_machine_are_served(guarded: httpx.AsyncClient, key: str, host: str) -> None:
    answer = await guarded.get("/connectors", headers={"Host": host, "X-API-Key": key})
    assert answer.status_code == 200


@pytest.mark.parametrize(("host", "status"), [*zip(OTHER_HOSTS, [421, 421, 421, 421, 200, 200], strict=True)])
async def test_served_to_others_it_has_its_public_name_and_any_address_but_no_other_name(
    service: Service, host: str, status: int
) -> None:
    origins = Origins.of(load({"host": "0.0.0.0", "public_url": "https://connectors.example"}, {}))
    async with calling(service, authenticate=True, base_url=HERE, origins=origins) as api:
        assert (await api.get("/health", headers={"Host": host})).status_code == status


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:3000", ""])
async def test_the_page_of_another_site_is_refused(guarded: httpx.AsyncClient, origin: str) -> None:
    answer = await guarded.get("/health", headers={"Origin": origin})
    error_of(answer, 403, "origin_refused")


async def test_a_page_of_our_own_is_served(guarded: httpx.AsyncClient) -> None:
    answer = await guarded.get("/health", headers={"Origin": "http://127.0.0.1:8787"})
    assert answer.status_code == 200


# ---- what is where -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["http://127.0.0.1:8787", HERE])
async def test_health_readiness_and_the_description_are_open_to_all(guarded: httpx.AsyncClient, prefix: str) -> None:
    assert (await guarded.get(f"{prefix}/health")).json() == {"status": "ok", "version": __version__}
    assert (await guarded.get(f"{prefix}/ready")).json() == {"status": "ready"}
    assert (await guarded.get(f"{prefix}/openapi.json")).json()["openapi"] == "3.1.0"


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
async def test_every_operation_is_served(guarded: httpx.AsyncClient, operation: Any) -> None:
    path = operation.path.format(connector_id="conn_1")
    error_of(await guarded.request(operation.method, path), 401, "authentication_required")


@pytest.mark.parametrize("path", ["/nowhere", "/connectors/", "/connectors/a/b", "http://localhost/connectors"])
async def test_an_unknown_path_is_a_404_in_the_envelope(api: httpx.AsyncClient, path: str) -> None:
    error_of(await api.get(path), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/connectors/conn_1", {"GET", "HEAD", "PATCH", "DELETE"}),
        ("DELETE", "/connectors", {"GET", "HEAD"}),
        ("GET", "/connectors/conn_1/test", {"POST"}),
        ("POST", "/health", {"GET", "HEAD"}),
    ],
)
async def test_a_wrong_method_hears_of_all_right_ones(
    api: httpx.AsyncClient, method: str, path: str, allowed: set[str]
) -> None:
    answer = await api.request(method, path)
    error_of(answer, 405, "method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == allowed


async def test_a_head_is_answered_like_a_get(api: httpx.AsyncClient) -> None:
    assert (await api.head("/connectors")).status_code == 200


@pytest.mark.parametrize("connector_id", ["%2e%2e", "a%20b", "a" * 65, "%00"])
async def test_a_malformed_id_is_refused(api: httpx.AsyncClient, connector_id: str) -> None:
    error_of(await api.get(f"/connectors/{connector_id}"), 422, "validation_error")


async def test_request_ids_are_ours_and_new_each_time(api: httpx.AsyncClient) -> None:
    ids = [(await api.get("/health", headers={"X-Request-ID": "theirs"})).headers["X-Request-ID"] for _ in range(2)]
    assert all(re.fullmatch("req_[0-9a-f]{24}", request_id) for request_id in ids)
    assert ids[0] != ids[1]
