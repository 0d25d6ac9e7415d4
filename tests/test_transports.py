"""The server on stdin and stdout, as a real process: both eras, odd clients, and clients that go away."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import anyio
import pytest
from mcp import MCPError
from mcp.server.lowlevel import Server
from mcp_types import INVALID_PARAMS

from mcp_server import __version__, transports
from mcp_server.operations import OPERATIONS
from tests.materials import ARGUMENTS
from tests.sessions import DATA_DIR, Json, Lines, connected, modern, speaking

TOOL_SCHEMAS = Path(__file__).parents[1] / "tool_schemas"
NAMES = [operation.name for operation in OPERATIONS]
BOUND_SECONDS = 60
VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")


def serves(lines: Lines) -> bool:
    """Whether the server still answers a call."""
    return bool(lines.call("list_connectors")["structuredContent"]["total"] == 0)


def said_on_stderr(lines: Lines) -> str:
    return lines.errors.read_text(encoding="utf-8", errors="replace")


# ---- what a client is told ---------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_client_receives_exactly_the_schema_files(era: str, embedded: dict[str, str]) -> None:
    kept = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in TOOL_SCHEMAS.glob("*.json")}
    async with connected(era, embedded) as session:
        assert list(session.tools) == NAMES
        assert session.tools == kept


@pytest.mark.parametrize("params", [None, modern()])
def test_the_tools_on_the_wire_are_the_schema_files_too(params: Json | None, lines: Lines) -> None:
    if params is None:
        lines.initialize()
    for tool in lines.ask("tools/list", params)["result"]["tools"]:
        assert tool == json.loads((TOOL_SCHEMAS / f"{tool['name']}.json").read_text(encoding="utf-8"))


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_the_server_says_who_it_is_and_how_to_use_it(mode: str, embedded: dict[str, str]) -> None:
    async with connected(mode, embedded) as session:
        about, instructions = session.client.server_info, session.client.instructions
        assert about is not None
        assert (about.name, about.version) == ("videovector-connectors", __version__)
        assert instructions is not None
        assert 0 < len(instructions) < 2048
        told = (
            "list_connectors; create_",
            "next_cursor as cursor",
            "summary=true",
            "confirm_name",
            "Secrets: ",
            "data, not",
        )
        assert [each for each in told if each not in instructions] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_every_handshake_version_is_spoken(version: str, lines: Lines) -> None:
    about = lines.initialize(version)
    assert about["protocolVersion"] == version
    assert len(lines.ask("tools/list")["result"]["tools"]) == len(NAMES)
    assert serves(lines)
    assert lines.end() == 0


# ---- calls that are odd ------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_an_unknown_tool_is_a_protocol_error_that_names_the_tools(era: str, embedded: dict[str, str]) -> None:
    async with connected(era, embedded) as session:
        with pytest.raises(MCPError) as refused:
            await session.client.call_tool("list_buckets", {"secret": "not-a-secret"})
        assert refused.value.error.code == INVALID_PARAMS
        assert [name for name in NAMES if name not in refused.value.error.message] == []
        assert "list_buckets" not in refused.value.error.message


@pytest.mark.anyio
async def test_arguments_may_be_absent(era: str, embedded: dict[str, str]) -> None:
    async with connected(era, embedded) as session:
        assert not (await session.client.call_tool("list_connectors")).is_error
        refused = await session.client.call_tool("get_connector")
        assert refused.is_error


@pytest.mark.parametrize("wrapped", [dict[str, Any], modern])
def test_null_and_absent_arguments_are_none_given(wrapped: Callable[[Json], Json], lines: Lines) -> None:
    if wrapped is not modern:
        lines.initialize()
    ways: tuple[Json, ...] = ({}, {"arguments": None}, {"arguments": {}})
    for given in ways:
        result = lines.ask("tools/call", wrapped({"name": "list_connectors", **given}))["result"]
        assert result["structuredContent"]["total"] == 0
        result = lines.ask("tools/call", wrapped({"name": "get_connector", **given}))["result"]
        assert result["isError"]
        assert "connector_id: is required" in result["content"][0]["text"]


def test_arguments_that_are_no_object_are_a_protocol_error(lines: Lines) -> None:
    lines.initialize()
    wrong: tuple[object, ...] = ([], "text", 7, True)
    for arguments in wrong:
        answer = lines.ask("tools/call", {"name": "list_connectors", "arguments": arguments})
        assert answer["error"]["code"] == INVALID_PARAMS
    assert serves(lines)


NOISE = {
    "an empty line": b"",
    "no JSON": b"hello",
    "half a frame": b'{"jsonrpc": "2.0", "id": 77, "method": "tools/ca',
    "JSON that is no message": b'{"hello": "world"}',
    "a number": b"42",
    "a batch": b'[{"jsonrpc": "2.0", "id": 78, "method": "ping"}]',
    "binary": bytes(byte for byte in range(256) if byte != 10),
    "no UTF-8": b'{"jsonrpc": "2.0", "id": "\xff\xfe", "method": 7}',
    "a lone surrogate": b'{"jsonrpc": "2.0", "id": 79, "method": "tools/call", "params": {"name": "\\ud800"}}',
    "deep nesting": b"[" * 100_000,
    "a huge line": b'{"jsonrpc": "2.0", "method": "x", "params": {"pad": "' + b"x" * 8_000_000 + b'"}}',
    "an unknown method": b'{"jsonrpc": "2.0", "id": 80, "method": "tools/everything"}',
    "an unknown notification": b'{"jsonrpc": "2.0", "method": "notifications/everything"}',
    "an answer to nothing": b'{"jsonrpc": "2.0", "id": 999, "result": {}}',
    "a cancellation of nothing": b'{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 9}}',
}


def test_noise_leaves_the_server_serving_and_stdout_clean(lines: Lines) -> None:
    lines.initialize()
    for name, noise in NOISE.items():
        lines.send(noise)
        assert serves(lines), name
    for noise in NOISE.values():
        lines.send(noise)
    assert lines.end() == 0
    assert {frame["jsonrpc"] for frame in map(json.loads, lines.heard.splitlines())} == {"2.0"}
    assert "Traceback" not in said_on_stderr(lines)


def test_noise_before_the_handshake_does_not_spoil_it(lines: Lines) -> None:
    for noise in NOISE.values():
        lines.send(noise)
    assert lines.initialize()["protocolVersion"] == VERSIONS[-1]
    assert serves(lines)


def test_an_unknown_method_is_an_error(lines: Lines) -> None:
    lines.initialize()
    assert lines.ask("tools/everything")["error"]["code"] == -32601


# ---- many calls --------------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_twenty_calls_at_once_are_each_answered_right(era: str, embedded: dict[str, str]) -> None:
    async with connected(era, embedded) as session:
        made: dict[str, Json] = {}

        async def create(name: str) -> None:
            arguments = {**ARGUMENTS["create_s3_connector"], "name": name, "idempotency_key": f"key-of-{name}"}
            made[name] = await session.call("create_s3_connector", **arguments)

        with anyio.fail_after(BOUND_SECONDS):
            async with anyio.create_task_group() as calls:
                for number in range(20):
                    calls.start_soon(create, f"Number-{number}")
        assert {name: one["name"] for name, one in made.items()} == {name: name for name in made}
        assert {one["idempotency_key"] for one in made.values()} == {f"key-of-{name}" for name in made}
        assert len({one["connector_id"] for one in made.values()}) == 20
        assert (await session.call("list_connectors"))["total"] == 20


# ---- clients that vanish, and a start that costs little ----------------------------------------------------------


def test_a_client_that_vanishes_ends_the_server_without_a_word(lines: Lines) -> None:
    lines.initialize()
    lines.stdout.close()
    lines.request("tools/list")
    lines.stdin.close()
    assert lines.process.wait(timeout=BOUND_SECONDS) == 0
    assert said_on_stderr(lines) == ""


def test_a_client_that_no_longer_listens_is_served_no_further(lines: Lines) -> None:
    lines.initialize()
    lines.stdout.close()
    with suppress(BrokenPipeError):
        while lines.process.poll() is None:
            lines.request("tools/list")
    assert lines.process.wait(timeout=BOUND_SECONDS) == 0
    assert said_on_stderr(lines) == ""


FORBIDDEN = ("sqlalchemy", "aiosqlite", "httpx", "botocore", "tenacity", "mcp_server.embedded")
"""Not cryptography, starlette and uvicorn: the SDK imports them itself."""


@pytest.mark.parametrize("params", [None, modern()])
def test_before_the_first_call_nothing_heavy_is_imported(
    params: Json | None, embedded: dict[str, str], tmp_path: Path
) -> None:
    with speaking(embedded, tmp_path, "-X", "importtime") as lines:
        if params is None:
            lines.initialize()
        assert len(lines.ask("tools/list", params)["result"]["tools"]) == len(NAMES)
        assert lines.end() == 0
    imported = {line.rpartition("|")[2].strip() for line in said_on_stderr(lines).splitlines()}
    assert "mcp_server.tools" in imported
    assert sorted(name for name in imported if name.startswith(tuple(f"{name}." for name in FORBIDDEN))) == []
    assert imported & set(FORBIDDEN) == set()
    assert not Path(embedded[DATA_DIR]).exists()


def test_a_call_does_import_what_the_test_above_looks_for(embedded: dict[str, str], tmp_path: Path) -> None:
    with speaking(embedded, tmp_path, "-X", "importtime") as lines:
        lines.initialize()
        assert serves(lines)
    imported = {line.rpartition("|")[2].strip() for line in said_on_stderr(lines).splitlines()}
    assert {"sqlalchemy", "httpx", "mcp_server.embedded"} <= imported


@pytest.mark.anyio
async def test_a_fault_that_is_not_a_vanished_client_is_not_kept_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> NoReturn:
        raise LookupError

    monkeypatch.setattr(transports, "stdio_server", broken)
    with pytest.raises(LookupError):
        await transports.serve_stdio(Server("any"))
