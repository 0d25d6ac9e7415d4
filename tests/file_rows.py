"""Reads the rows of a listing back, as an agent would: each with its whole path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mcp_server.file_kinds import extension_of
from tests.materials import Json

_ROW = re.compile(r'(?P<size>\d+) (?P<time>"(?:[^"\\]|\\.)*"|\S+) (?P<path>[^\t]*)(?:\t(?P<kind>.*))?', re.DOTALL)
_DIGITS = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)")


def paths_of(listing: Mapping[str, Any]) -> list[str]:
    """The paths of a page, whichever form it has."""
    if "files" in listing:
        return [row["path"] for row in rows_of(listing)]
    return [listing.get("folder", "") + path for path in listing["paths"]]


def rows_of(listing: Mapping[str, Any]) -> list[Json]:
    """The files of a page with details."""
    types = {entry.partition(" ")[0]: entry.partition(" ")[2] for entry in listing.get("content_types", [])}
    rows = [_row(line, listing.get("folder", "")) for line in listing["files"]]
    return [_with_type(row, types.get(extension_of(row["path"]) or "none")) for row in rows]


def _with_type(row: Json, content_type: str | None) -> Json:
    return row if content_type is None else {**row, "content_type": content_type}


def _row(line: str, folder: str) -> Json:
    found = _ROW.fullmatch(line)
    assert found, line
    time = _DIGITS.sub(r"\1-\2-\3T\4:\5:\6Z", found["time"])
    row: Json = {"path": folder + found["path"], "size_bytes": int(found["size"]), "last_modified": time}
    return row if found["kind"] is None else {**row, "content_type": found["kind"]}
