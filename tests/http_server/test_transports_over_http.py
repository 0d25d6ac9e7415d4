"""The main job over every HTTP transport, as a client does it, against a real process and real storage."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mcp_server.operations import OPERATIONS
from tests.emulators.s3 import S3Emulator
from tests.file_rows import paths_of
from tests.http_server.serving import Served, client_of, serving, session_of
from tests.sessions import ERAS, modern

pytestmark = pytest.mark.anyio
TOOL_SCHEMAS = Path(__file__).parents[2] / "tool_schemas"
NAMES = [operation.name for operation in OPERATIONS]
WAYS = {
    "http": (("--transport", "http"), ERAS),
    "http, two processes": (("--transport", "http", "--workers", "2"), ERAS),
    "http, stateful": (("--transport", "http", "--stateful"), ERAS),
    "sse": (("--transport", "sse"), ("sse",)),
}
PAIRS = [(way, era) for way, (_, eras) in WAYS.items() for era in eras]


@pytest.fixture(scope="module", params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def served(way: str, s3_emulator: S3Emulator, tmp_path_factory: pytest.TempPathFactory) -> Generator[Served]:
    with serving(tmp_path_factory.mktemp("served"), *WAYS[way][0], settings=s3_emulator.settings) as served:
        yield served


async def test_the_main_job_is_done_over_each_transport_in_each_era(
    way: str, served: Served, s3_emulator: S3Emulator
) -> None:
    for era in WAYS[way][1]:
        bucket = s3_emulator.new_bucket()
        s3_emulator.put("incoming/keynote.mp4", bucket=bucket)
        async with session_of(served, era) as session:
            assert list(session.tools) == NAMES
            made = await session.call("create_s3_connector", **s3_emulator.arguments(bucket=bucket))
            one = {"connector_id": made["connector_id"]}
            assert (await session.call("test_connector", **one))["success"] is True
            files = await session.call("browse_connector_files", **one, pattern="*.mp4")
            assert paths_of(files) == ["incoming/keynote.mp4"]
            assert (await session.call("update_connector", **one, name="Renamed"))["name"] == "Renamed"
            assert (await session.call("get_connector", **one))["name"] == "Renamed"
            assert (await session.call("list_connectors"))["total"] == 1
            await session.call("delete_connector", **one, confirm_name="Renamed")
            assert "connector_not_found" in await session.refused("get_connector", **one)
            assert (await session.call("list_connectors"))["total"] == 0


async def test_a_client_receives_the_schema_files(way: str, served: Served) -> None:
    kept = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in TOOL_SCHEMAS.glob("*.json")}
    if "two processes" in way:  # without pages, which live in one process
        kept = {name: entry for name, entry in kept.items() if name in ("list_connectors", "browse_connector_files")}
    async with session_of(served, WAYS[way][1][0]) as session:
        assert {name: session.tools[name] for name in kept} == kept


def posted(served: Served, message: object, accept: str, **headers: str) -> httpx.Response:
    return httpx.post(
        f"{served.url}/mcp",
        content=json.dumps(message),
        headers={"Accept": accept, "Content-Type": "application/json", **headers},
        trust_env=False,
        timeout=60,
    )


LIST: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_connectors"}}
STREAM = "application/json, text/event-stream"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Generator[Served]:
    with serving(tmp_path_factory.mktemp("plain")) as served:
        yield served


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [("application/json", "application/json"), ("*/*", "application/json"), (STREAM, "text/event-stream")],
)
def test_an_older_client_gets_the_kind_of_answer_that_it_accepts_and_needs_no_session(
    plain: Served, accept: str, content_type: str
) -> None:
    answer = posted(plain, LIST, accept)
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == content_type
    assert '"total":0' in answer.text
    assert "mcp-session-id" not in answer.headers


def test_a_client_of_2026_gets_json_in_one_exchange(plain: Served) -> None:
    routing = {"MCP-Protocol-Version": ERAS[1], "Mcp-Method": "tools/call", "Mcp-Name": "list_connectors"}
    for accept in (STREAM, "application/json"):
        answer = posted(plain, {**LIST, "params": modern(LIST["params"])}, accept, **routing)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["result"]["structuredContent"]["total"] == 0
        assert "mcp-session-id" not in answer.headers


async def test_with_sessions_the_server_can_ask_an_older_client(tmp_path: Path) -> None:
    with serving(tmp_path, "--stateful") as served:
        initialize = {
            **LIST,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "a", "version": "1"},
            },
        }
        opened = posted(served, initialize, STREAM)
        session = {"Mcp-Session-Id": opened.headers["mcp-session-id"]}
        assert '"total":0' in posted(served, LIST, STREAM, **session).text
        assert posted(served, LIST, STREAM, **{"Mcp-Session-Id": "0" * 32}).status_code == 404
        async with client_of(served, "legacy") as client:
            assert len((await client.list_tools()).tools) == len(NAMES)


def test_the_path_can_be_another(tmp_path: Path) -> None:
    with serving(tmp_path, "--path", "/tools/mcp") as served:
        assert httpx.post(f"{served.url}/mcp", json=LIST).status_code == 404
        assert httpx.post(f"{served.url}/tools/mcp", json=LIST).status_code == 200
