"""Callers with API keys of their own, of the real server and the embedded API: who gets in, and sees whose data."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client
from mcp_types import CallToolResult

from mcp_server.operations import OPERATIONS
from tests.api_keys import keys_of_two
from tests.embedded.bodies import s3_body
from tests.http_server.serving import Served, client_of, serving, session_of, unknown_key
from tests.sessions import ERAS, text_of

pytestmark = pytest.mark.anyio
CALL: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_connectors"}}
READS = {"list_connectors", "get_connector", "browse_connector_files"}
NAMES = [operation.name for operation in OPERATIONS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("callers")


@pytest.fixture(scope="module")
def keys(folder: Path) -> dict[str, str]:
    """Of two tenants with all rights, and of readers of the first."""
    return keys_of_two(folder / "data", reader="read")


@pytest.fixture(scope="module")
def served(folder: Path, keys: dict[str, str]) -> Generator[Served]:
    with serving(folder, "--auth", "api-key", "--rate-limit", "0") as served:
        yield served


def call(served: Served, **headers: str) -> httpx.Response:
    return httpx.post(f"{served.url}/mcp", json=CALL, headers=headers, trust_env=False, timeout=60)


def test_a_call_without_a_key_is_told_how_to_send_one(served: Served) -> None:
    refused = call(served)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert refused.json()["error"] == "authentication_required"
    assert "X-API-Key" in refused.json()["error_description"]


def test_a_key_that_the_api_does_not_know_is_refused(served: Served) -> None:
    key = unknown_key()
    refused = call(served, **{"X-API-Key": key})
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_api_key")
    assert key not in refused.text
    assert key not in served.said()


def test_a_key_may_come_in_either_header_and_x_api_key_wins(served: Served, keys: dict[str, str]) -> None:
    assert call(served, **{"X-API-Key": keys["one"]}).status_code == 200
    assert call(served, Authorization=f"Bearer {keys['one']}").status_code == 200
    assert call(served, **{"X-API-Key": unknown_key(), "Authorization": f"Bearer {keys['one']}"}).status_code == 401


@pytest.mark.parametrize("era", ERAS)
async def test_the_tools_follow_the_keys_scopes_and_others_are_refused(
    era: str, served: Served, keys: dict[str, str]
) -> None:
    async with session_of(served, era, headers={"X-API-Key": keys["reader"]}) as session:
        assert set(session.tools) == READS
        assert "needs the scope admin" in await session.refused("delete_connector", connector_id="conn_1")
        assert "needs the scope write" in await session.refused("create_s3_connector", **s3_body())
        assert (await session.call("list_connectors"))["total"] >= 0
    async with client_of(served, era, headers={"X-API-Key": keys["two"]}) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == NAMES


async def ids_of(client: Client) -> set[str]:
    listed = await client.call_tool("list_connectors")
    assert listed.structured_content is not None
    return {connector["connector_id"] for connector in listed.structured_content["connectors"]}


async def deleted(client: Client, connector_id: str) -> CallToolResult:
    """A deletion that is confirmed by the name as it is shown."""
    shown = await client.call_tool("get_connector", {"connector_id": connector_id})
    assert shown.structured_content is not None
    given = {"connector_id": connector_id, "confirm_name": shown.structured_content["name"]}
    return await client.call_tool("delete_connector", given)


@pytest.mark.parametrize("era", ERAS)
async def test_two_tenants_at_64_concurrent_calls_each_get_their_own_answers(
    era: str, served: Served, keys: dict[str, str]
) -> None:
    owned: dict[str, list[str]] = {"one": [], "two": []}
    async with AsyncExitStack() as stack:
        clients = {
            tenant: await stack.enter_async_context(client_of(served, era, headers={"X-API-Key": keys[tenant]}))
            for tenant in owned
        }

        async def work(tenant: str, number: int) -> None:
            """Create, look at it, look for it, and try the other tenant's."""
            client, name = clients[tenant], f"{tenant} {number}"
            made = await client.call_tool("create_s3_connector", s3_body(name=name))
            assert made.structured_content is not None, text_of(made)
            mine: str = made.structured_content["connector_id"]
            owned[tenant].append(mine)
            got = await client.call_tool("get_connector", {"connector_id": mine})
            assert got.structured_content is not None, text_of(got)
            assert got.structured_content["name"] == name
            assert mine in await ids_of(client)
            others = owned["two" if tenant == "one" else "one"]
            if others:
                foreign = await client.call_tool("get_connector", {"connector_id": others[-1]})
                assert "connector_not_found" in text_of(foreign)

        async with anyio.create_task_group() as tasks:
            for number in range(32):
                tasks.start_soon(work, "one", number)
                tasks.start_soon(work, "two", number)
        for tenant, client in clients.items():
            assert await ids_of(client) == set(owned[tenant])
            for connector_id in owned[tenant]:
                assert not (await deleted(client, connector_id)).is_error


def test_a_session_is_its_callers_alone(folder: Path, keys: dict[str, str]) -> None:
    with serving(folder, "--auth", "api-key", "--stateful") as served:
        opened = httpx.post(
            f"{served.url}/mcp",
            json={
                **CALL,
                "method": "initialize",
                "params": {
                    "protocolVersion": "2025-11-25",
                    "capabilities": {},
                    "clientInfo": {"name": "a", "version": "1"},
                },
            },
            headers={"X-API-Key": keys["one"]},
        )
        session = {"Mcp-Session-Id": opened.headers["mcp-session-id"]}
        assert call(served, **session, **{"X-API-Key": keys["one"]}).status_code == 200
        assert call(served, **session, **{"X-API-Key": keys["two"]}).status_code == 404


async def test_a_callers_key_is_in_no_answer_and_no_log_line(served: Served, keys: dict[str, str]) -> None:
    async with client_of(served, headers={"X-API-Key": keys["one"]}) as client:
        result = await client.call_tool("create_s3_connector", s3_body(name=f"Key {keys['one']}"))
        assert keys["one"] not in json.dumps(result.model_dump(mode="json"))
        assert "[redacted api_key]" in text_of(result)
        assert result.structured_content is not None
        assert not (await deleted(client, result.structured_content["connector_id"])).is_error
    assert keys["one"] not in served.said()


def test_a_caller_over_its_rate_is_told_when_to_come_back(folder: Path, keys: dict[str, str]) -> None:
    with serving(folder, "--auth", "api-key", "--rate-limit", "3") as served:
        answers = [call(served, **{"X-API-Key": keys["one"]}) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert call(served, **{"X-API-Key": keys["two"]}).status_code == 200


async def test_what_the_operator_switched_off_is_off_for_every_key(folder: Path, keys: dict[str, str]) -> None:
    with serving(folder, "--auth", "api-key", "--read-only") as served:
        async with session_of(served, "auto", headers={"X-API-Key": keys["one"]}) as session:
            assert set(session.tools) == READS
            assert "not allowed here" in await session.refused("delete_connector", connector_id="conn_1")


async def test_the_operators_named_credentials_are_not_for_other_accounts_unless_said(
    folder: Path, keys: dict[str, str]
) -> None:
    configuration = folder / "videovector-connectors"
    configuration.mkdir()
    named = configuration / "credentials.toml"
    secret = s3_body()["aws_secret_access_key"]
    named.write_text(
        '[archive]\nprovider = "s3"\n'
        'aws_access_key_id = { env = "KEY_ID" }\naws_secret_access_key = { env = "SECRET" }\n'
    )
    settings = {"XDG_CONFIG_HOME": str(folder), "KEY_ID": "archive-key-id", "SECRET": secret}
    asked = {"name": "Archive", "bucket": "media-archive", "region": "us-east-1", "credentials": "archive"}
    for said, allowed in (([], False), (["--credentials-file", str(named)], True)):
        with serving(folder, "--auth", "api-key", *said, settings=settings) as served:
            async with client_of(served, headers={"X-API-Key": keys["one"]}) as client:
                assert (await client.call_tool("create_s3_connector", asked)).is_error is not allowed
