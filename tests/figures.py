"""What a model and a start pay: figures that are the same on every machine. figures.json beside this file keeps them.

`python -m tests.figures` writes that file; a test compares it.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from mcp_server import wire
from mcp_server.error_envelope import HINTS
from mcp_server.errors import ApiRefused
from mcp_server.file_operations import BROWSE_CONNECTOR_FILES
from mcp_server.file_pages import Collector, Columns, cloud_file
from mcp_server.file_views import found_files, listing, text
from mcp_server.presentation import error_text, structured
from mcp_server.resources import CloudFile, FilePage
from mcp_server.transports import INSTRUCTIONS
from tests.o200k import tokens
from tests.sessions import HANDSHAKE_VERSION, environment
from tests.tool_calls import FULL, FULL_CONNECTOR, Api, called, text_of

FIGURES = Path(__file__).with_name("figures.json")
CURSOR = "WyI2NjU0OWVjMGE0YmMiLDE3OTU0OTA0NDMsIiIsImluY29taW5nLzIwMjYvMDQvY2FtMi9jbGlwXzAzODIubXA0Il0"
NOWHERE = {"VIDEOVECTOR_BASE_URL": "http://127.0.0.1:9", "VIDEOVECTOR_API_KEY": "no-key-at-all"}
Json = dict[str, Any]
BROWSED: Mapping[str, tuple[Json, int | None]] = {
    "default page of 100 paths": ({}, 1),
    "a page of 100 files with details": ({"details": True}, 1),
    "1,000 paths": ({"limit": 1_000}, None),
    "1,000 files with details": ({"limit": 1_000, "details": True}, None),
    "summary of 1,000 files": ({"summary": True}, None),
}
"""What is asked of a listing, and how many of its pages count."""

compact = partial(json.dumps, separators=(",", ":"), ensure_ascii=False)

_REPORT = (
    "import atexit, json, runpy, sys; sys.argv = ['server']; "
    "atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))"
)
# Needed by some versions of Python or systems only.
_SOMETIMES = {"backports", "colorama", "exceptiongroup", "importlib_metadata", "tomli", "zipp"}
_CLIENT = {"capabilities": {}, "clientInfo": {"name": "figures", "version": "1"}, "protocolVersion": HANDSHAKE_VERSION}


# ---- the start ----------------------------------------------------------------------------------------------------


def started() -> tuple[list[Json], set[str]]:
    """The tools that a new process lists over stdio, and the modules that it imported until its client was gone."""
    messages: tuple[Json, ...] = (
        {"id": 1, "method": "initialize", "params": _CLIENT},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/list", "params": {}},
    )
    lines = "".join(f"{json.dumps({'jsonrpc': '2.0', **message})}\n" for message in messages)
    said = _said(f"{_REPORT}; runpy.run_module('mcp_server', run_name='__main__')", lines)
    tools: list[Json] = json.loads(said.stdout.splitlines()[-1])["result"]["tools"]
    # What an interpreter imports anyway, such as coverage, is no matter of the server's.
    return tools, {*json.loads(said.stderr)} - {*json.loads(_said(_REPORT, "").stderr)}


def _said(program: str, lines: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program]
    return subprocess.run(
        command, input=lines, env=environment(NOWHERE), capture_output=True, text=True, encoding="utf-8", check=True
    )


def _own(modules: set[str]) -> list[str]:
    return sorted(name for name in modules if name.partition(".")[0] == "mcp_server")


def _of_others(modules: set[str]) -> list[str]:
    """The packages of other projects."""
    packages = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names - _SOMETIMES
    return sorted(name for name in packages if not name.startswith("_") and name != "mcp_server")


# ---- what a model reads -------------------------------------------------------------------------------------------


def before_a_model(tool: Json) -> str:
    """What a client puts there of a tool."""
    return compact({name: tool[name] for name in ("name", "description", "inputSchema")})


def tool_list_tokens(tools: Sequence[Json]) -> int:
    """Of all tools."""
    return tokens(f"[{','.join(map(before_a_model, tools))}]")


def some_files(count: int, **types: str) -> list[CloudFile]:
    """Files whose paths have 35 characters, in their order, of these extensions and types in turn."""
    kinds = list((types or {"mp4": "video/mp4"}).items())
    names = (f"cam{number % 4}/clip_{number:04}.{kinds[number % len(kinds)][0]}" for number in range(count))
    paths = [f"incoming/2026/04/{name}" for name in sorted(names)]
    times = [f"2026-04-{1 + number % 28:02}T{number % 24:02}:{number % 60:02}:00Z" for number in range(count)]
    return [cloud_file(path, 977 * (at + 1) ** 2, times[at], dict(kinds)[path[-3:]]) for at, path in enumerate(paths)]


UNUSUAL = {
    "of no known type": some_files(1_000, mp4="application/octet-stream"),
    "of several unusual types": some_files(
        1_000, mp4="application/octet-stream", wav="audio/wav", srt="application/x-subrip", mov="video/quicktime"
    ),
}


def _page(files: Sequence[CloudFile], start: int, limit: int) -> FilePage:
    collector = Collector(0)
    columns = zip(*((file.path, file.size_bytes, file.last_modified, file.content_type) for file in files), strict=True)
    collector.add(Columns(*columns))
    return FilePage(
        files=list(files[start : start + limit]),
        totals=collector.totals,
        next_cursor=CURSOR if 0 < limit < len(files) - start else None,
    )


def listings(files: Sequence[CloudFile], **arguments: Any) -> Iterator[Json]:
    """The data of all pages; a real cursor, which holds a time, is replaced by one that is always the same."""
    request = wire.parse(BROWSE_CONNECTOR_FILES, {"connector_id": "conn_123", **arguments})
    shown, truncated = 0, True
    while truncated:
        found = found_files(request, _page(files, shown, 0 if request.summary else request.limit))
        data = listing(structured(found))
        shown += len(data.get("files", data.get("paths", [])))
        truncated = data["truncated"]
        yield {**data, "next_cursor": CURSOR} if truncated else data


def as_the_vendor_shows(files: Sequence[CloudFile]) -> str:
    """The array that its API documents, as its server writes it for a model."""
    return json.dumps([file.model_dump(mode="json") for file in files], indent=2)


def _listing_figures() -> dict[str, int]:
    """Of the text and of the structure: which of them a model reads is its client's choice."""
    files = some_files(1_000)
    figures: dict[str, int] = {}
    for name, (arguments, number) in BROWSED.items():
        shown = [*islice(listings(files, **arguments), number)]
        figures[f"browse, {name}"] = tokens("".join(map(text, shown)))
        figures[f"browse, {name}, as structure"] = tokens("".join(map(compact, shown)))
    for name, unusual in UNUSUAL.items():
        pages = listings(unusual, limit=1_000, details=True)
        figures[f"browse, 1,000 files {name} with details"] = tokens("".join(map(text, pages)))
    return {**figures, "browse, 1,000 files as the vendor shows them": tokens(as_the_vendor_shows(files))}


async def _result(name: str, answer: object, **arguments: str) -> int:
    return tokens(text_of(await called(name, Api(answer), **arguments)))


async def _result_figures() -> dict[str, int]:
    refused = ApiRefused(404, "not_found", "No such connector", request_id="req_0123456789abcdef", hint=HINTS[404])
    return {
        "list_connectors, 10 of them": await _result("list_connectors", [FULL_CONNECTOR] * 10),
        "get_connector": await _result("get_connector", FULL["get_connector"]),
        "test_connector, failed": await _result("test_connector", FULL["test_connector"], idempotency_key="of-april"),
        "an error": tokens(error_text(refused)),
    }


def measured() -> Json:
    """All figures by name."""
    tools, modules = started()
    lists = {"instructions": tokens(INSTRUCTIONS), "tools/list": tool_list_tokens(tools)}
    return {
        "tokens": {
            **lists,
            **{f"tools/list, {tool['name']}": tokens(before_a_model(tool)) for tool in tools},
            **asyncio.run(_result_figures()),
            **_listing_figures(),
        },
        "bytes of tools/list": len(compact(tools).encode()),
        "imported up to tools/list": {"packages": _of_others(modules), "modules": _own(modules)},
    }


def kept() -> Mapping[str, Any]:
    """The figures as they were when the file was written."""
    figures: Json = json.loads(FIGURES.read_text(encoding="utf-8"))
    return figures


if __name__ == "__main__":
    FIGURES.write_text(json.dumps(measured(), indent=2) + "\n", encoding="utf-8")
