"""How many tokens a text costs a model, in the o200k_base vocabulary that npm's gpt-tokenizer carries."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from mcp_server.tools import TOOLS
from tests.emulators import npm

_COUNT = """
const { encode } = require(process.argv[1]);
const texts = JSON.parse(require('fs').readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(texts.map((text) => encode(text).length)));
"""


def token_counts(texts: list[str]) -> list[int]:
    """The number of tokens of each text."""
    encoding = npm.node_modules() / "gpt-tokenizer" / "cjs" / "encoding" / "o200k_base.js"
    command = [npm.node(), "-e", _COUNT, str(encoding)]
    done = subprocess.run(
        command, input=json.dumps(texts), capture_output=True, text=True, encoding="utf-8", check=True
    )
    counts: list[int] = json.loads(done.stdout)
    return counts


def tool_list() -> list[dict[str, Any]]:
    """What a client puts before its model of every tool: name, description and input schema."""
    entries = [tool.describe() for tool in TOOLS]
    return [
        {"name": entry.name, "description": entry.description, "inputSchema": entry.input_schema} for entry in entries
    ]


def tool_list_text() -> str:
    """The same as compact JSON."""
    return json.dumps(tool_list(), separators=(",", ":"), ensure_ascii=False)
