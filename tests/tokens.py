"""How many tokens texts cost a model, and the text of the tool list that clients put before it."""

from __future__ import annotations

import json
from typing import Any

from mcp_server.tools import TOOLS
from tests.o200k import tokens


def token_counts(texts: list[str]) -> list[int]:
    """The number of tokens of each text."""
    return [tokens(text) for text in texts]


def tool_list() -> list[dict[str, Any]]:
    """What a client puts before its model of every tool: name, description and input schema."""
    entries = [tool.describe() for tool in TOOLS]
    return [
        {"name": entry.name, "description": entry.description, "inputSchema": entry.input_schema} for entry in entries
    ]


def tool_list_text() -> str:
    """The same as compact JSON."""
    return json.dumps(tool_list(), separators=(",", ":"), ensure_ascii=False)
