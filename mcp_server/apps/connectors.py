"""The app of list_connectors and browse_connector_files: one HTML document that reaches nothing but its host.

The document is read from the files beside this module when a client first asks for it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, ReadResourceResult, TextResourceContents

MIME_TYPE = "text/html;profile=mcp-app"
URI = "ui://videovector-connectors/connectors.html"
META_BY_TOOL: Mapping[str, dict[str, Any]] = {
    name: {"ui": {"resourceUri": URI}} for name in ("list_connectors", "browse_connector_files")
}
"""What the entry of a tool says to clients that have apps; to the others it says nothing."""

_CSP: dict[str, list[str]] = {
    "connectDomains": [],
    "resourceDomains": [],
    "frameDomains": [],
    "baseUriDomains": [],
}
_META: dict[str, Any] = {"ui": {"csp": _CSP, "prefersBorder": True}}
_TTL_MS = 3_600_000
_COMMENT = re.compile(r"^/\*.*?\*/\n", re.MULTILINE | re.DOTALL)
_SCRIPTS = ("host", "texts", "listing", "drawing", "grid", "screen", "journey", "app")


async def read(_: object, uri: str) -> ReadResourceResult:
    """What resources/read gives anybody, since the document holds nobody's data; raises MCPError for another URI.

    The entry of a tool is where clients learn of it: in resources/list it would be a choice that nobody has a use for.
    """
    if uri != URI:
        raise MCPError(INVALID_PARAMS, f"There is no such app. The only one is {URI}.")
    contents = TextResourceContents(uri=URI, mime_type=MIME_TYPE, text=page(), _meta=_META)
    return ReadResourceResult(contents=[contents], ttl_ms=_TTL_MS, cache_scope="public")


@cache
def page() -> str:
    """The document. Its own policy lets run its one style and its one script, by their hashes, and nothing else."""
    style, script = _source("connectors.css"), "\n".join(_source(f"{name}.js") for name in _SCRIPTS)
    sources = f"style-src '{_hash(style)}'; script-src '{_hash(script)}'"
    policy = f"default-src 'none'; {sources}; base-uri 'none'; form-action 'none'"
    frame = _source("connectors.html")
    return frame.replace("{policy}", policy).replace("{style}", style).replace("{script}", script)


def _source(name: str) -> str:
    """The file without what a browser does not need: indentation, and comments that have lines of their own."""
    from importlib.resources import files

    text = files("mcp_server.apps").joinpath(name).read_text(encoding="utf-8")
    return _COMMENT.sub("", "\n".join(line.strip() for line in text.splitlines()))


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
