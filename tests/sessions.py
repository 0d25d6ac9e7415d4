"""Sessions with the real server process: through the SDK's client, and line by line. No test lives here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Generator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import jsonschema
from mcp import Client, StdioServerParameters
from mcp.client.stdio import get_default_environment
from mcp_types import CallToolResult, TextContent

ERAS = ("legacy", "2026-07-28")
HANDSHAKE_VERSION = "2025-11-25"
DATA_DIR = "VIDEOVECTOR_DATA_DIR"
COMMAND = (sys.executable, "-m", "mcp_server")

Json = dict[str, Any]


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """What a server process gets: these settings and none of this machine's; coverage is measured in it too."""
    measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
    # The developer's own named credentials are not for tests.
    nobodys = {"XDG_CONFIG_HOME": str(Path(tempfile.gettempdir(), "nobodys-configuration"))}
    return {**get_default_environment(), **measured, **nobodys, **settings}


@dataclass(frozen=True)
class Session:
    """A client that holds the server to its promises; `tools` are the entries that it listed, by name."""

    client: Client
    tools: Mapping[str, Json]

    async def call(self, tool: str, /, **arguments: Any) -> Json:
        """The data of a successful result: it fits the tool's output schema, and the text carries all of it."""
        result = await self.client.call_tool(tool, arguments)
        text = text_of(result)
        assert not result.is_error, text
        data = cast("Json", result.structured_content)
        jsonschema.validate(data, self.tools[tool]["outputSchema"])
        assert [leaf for leaf in leaves(data) if leaf not in text] == []
        return data

    async def refused(self, tool: str, /, **arguments: Any) -> str:
        """The text of a result that is an error, and nothing but text."""
        result = await self.client.call_tool(tool, arguments)
        assert result.is_error, result
        assert result.structured_content is None
        return text_of(result)


@asynccontextmanager
async def connected(mode: str, settings: Mapping[str, str], **options: Any) -> AsyncGenerator[Session]:
    """A session with a server process of these settings, in an era of the protocol; `options` are the client's."""
    server = StdioServerParameters(command=COMMAND[0], args=[*COMMAND[1:]], env=environment(settings))
    async with Client(server, mode=mode, **options) as client:
        listed = (await client.list_tools()).tools
        yield Session(client, {tool.name: tool.model_dump(by_alias=True, exclude_none=True) for tool in listed})


def text_of(result: CallToolResult) -> str:
    """The text of a result that holds nothing else."""
    blocks = [block for block in result.content if isinstance(block, TextContent)]
    assert len(blocks) == len(result.content) == 1
    return blocks[0].text


def leaves(value: object) -> Iterator[str]:
    """Every scalar of a JSON value as the texts write it."""
    if isinstance(value, dict):
        for item in cast("Json", value).values():
            yield from leaves(item)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from leaves(item)
    else:
        yield str(value).lower() if isinstance(value, bool) else str(value)


@dataclass
class Lines:
    """A server process spoken to line by line. `heard` is every byte of its stdout, `errors` the file of its stderr."""

    process: subprocess.Popen[bytes]
    errors: Path
    heard: bytearray = field(default_factory=bytearray)
    _last_id: int = 0

    @property
    def stdin(self) -> IO[bytes]:
        assert self.process.stdin is not None
        return self.process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    def send(self, line: bytes | Mapping[str, Any]) -> None:
        """Write one line."""
        self.stdin.write((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n")
        self.stdin.flush()

    def request(self, method: str, params: Mapping[str, Any] | None = None) -> int:
        """Write a request; returns its id."""
        self._last_id += 1
        given = {} if params is None else {"params": params}
        self.send({"jsonrpc": "2.0", "id": self._last_id, "method": method, **given})
        return self._last_id

    def receive(self) -> Json:
        """The next line of stdout, which must be a JSON-RPC message."""
        line = self.stdout.readline()
        self.heard += line
        frame: Json = json.loads(line)
        assert frame["jsonrpc"] == "2.0"
        return frame

    def ask(self, method: str, params: Mapping[str, Any] | None = None) -> Json:
        """The answer to a request, whatever else comes before it."""
        wanted = self.request(method, params)
        while (frame := self.receive()).get("id") != wanted:
            pass
        return frame

    def initialize(self, version: str = HANDSHAKE_VERSION, **capabilities: Json) -> Json:
        """The handshake of a client with these capabilities; returns what the server says of itself."""
        about = {"name": "lines", "version": "1"}
        answer = self.ask("initialize", {"protocolVersion": version, "capabilities": capabilities, "clientInfo": about})
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        result: Json = answer["result"]
        return result

    def call(self, tool: str, /, **arguments: Any) -> Json:
        """The result of a tool's call."""
        result: Json = self.ask("tools/call", {"name": tool, "arguments": arguments})["result"]
        return result

    def end(self) -> int:
        """Close its stdin; returns its exit status when all that it still had to say is heard."""
        self.stdin.close()
        self.heard += self.stdout.read()
        return self.process.wait()


def modern(params: Mapping[str, Any] | None = None) -> Json:
    """The params of a request of the 2026-07-28 era, which has no handshake."""
    prefix = "io.modelcontextprotocol"
    about = {"name": "lines", "version": "1"}
    meta = {f"{prefix}/protocolVersion": ERAS[1], f"{prefix}/clientInfo": about, f"{prefix}/clientCapabilities": {}}
    return {**(params or {}), "_meta": meta}


@contextmanager
def speaking(settings: Mapping[str, str], folder: Path, *options: str) -> Generator[Lines]:
    """A server process of these settings, its stderr in a file of the folder; `options` are the interpreter's."""
    errors = folder / "stderr.txt"
    command = [COMMAND[0], *options, *COMMAND[1:]]
    pipe = subprocess.PIPE
    with (
        errors.open("wb") as sink,
        subprocess.Popen(command, env=environment(settings), stdin=pipe, stdout=pipe, stderr=sink) as process,
    ):
        try:
            yield Lines(process, errors)
        finally:
            process.kill()
            if process.stdin is not None:
                with suppress(BrokenPipeError):
                    process.stdin.close()
