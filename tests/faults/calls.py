"""Tool calls over bare HTTP, timed, by any number of callers at once. No test is here."""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import httpx

from tests.http_server.serving import Served

Json = dict[str, Any]
GUARD_SECONDS = 60
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Told:
    """What a call came to: its data, or the text of an error without data; and after how many seconds."""

    data: Json | None
    text: str
    seconds: float

    @property
    def code(self) -> str:
        """The code of an error."""
        return self._mark("code")

    @property
    def retryable(self) -> bool:
        """Whether an error says that the same call may succeed later."""
        return self._mark("retry") == "yes"

    def _mark(self, name: str) -> str:
        found = re.search(rf"(?:^|, ){name}: (\w+)", self.text, re.MULTILINE)
        return found[1] if found else ""


def message(tool: str, arguments: Mapping[str, Any]) -> Json:
    """A JSON-RPC request that needs no session."""
    params = {"name": tool, "arguments": dict(arguments)}
    return {"jsonrpc": "2.0", "id": next(_numbers), "method": "tools/call", "params": params}


@dataclass(frozen=True)
class Caller:
    """Calls the tools of a server, each over a connection of the pool."""

    served: Served
    http: httpx.AsyncClient

    async def call(self, tool: str, /, **arguments: Any) -> Told:
        """A call that the server answers: with data, or with an error that is text alone."""
        began = anyio.current_time()
        answer = await self.http.post(f"{self.served.url}/mcp", json=message(tool, arguments))
        assert answer.status_code == 200, answer.text
        result = answer.json()["result"]
        (content,) = result["content"]
        is_error = result.get("isError", False)
        assert is_error is ("structuredContent" not in result)
        return Told(result.get("structuredContent"), content["text"], anyio.current_time() - began)

    async def refused(self, tool: str, /, **arguments: Any) -> Told:
        """A call that ends in an error."""
        told = await self.call(tool, **arguments)
        assert told.data is None, told
        return told

    async def done(self, tool: str, /, **arguments: Any) -> Json:
        """The data of a call that succeeds."""
        told = await self.call(tool, **arguments)
        assert told.data is not None, told.text
        return told.data


@asynccontextmanager
async def calling(served: Served, headers: Mapping[str, str] | None = None) -> AsyncGenerator[Caller]:
    """A caller with any number of connections."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        timeout=GUARD_SECONDS, trust_env=False, limits=limits, headers={"Accept": "application/json", **(headers or {})}
    ) as http:
        yield Caller(served, http)
