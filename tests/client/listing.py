"""Files as an API that knows no pages lists them, and pages of them read to the end. No test is here."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from mcp_server.client import VideoVector
from mcp_server.resources import CloudFile
from tests.materials import Json

CONNECTOR_ID = "conn_123"
KINDS = (".mp4", ".mov", ".srt", "")
MANY = 1_500
ORDERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "path": lambda file: file["path"],
    "size": lambda file: (-file["size_bytes"], file["path"]),
    "time": lambda file: ([-ord(character) for character in file["last_modified"]], file["path"]),
}


def listed(number: int) -> Json:
    """The nth of many files: in the order of paths, not of sizes or times."""
    extension = KINDS[number % len(KINDS)]
    name = f"clip-{number:07}{extension}"
    return {
        "path": f"incoming/2026/{name}",
        "name": name,
        "size_bytes": number * 7919 % 1_000_003,
        "last_modified": f"2026-{number * 31 % 12 + 1:02}-{number * 17 % 28 + 1:02}T12:00:{number % 60:02}Z",
        "content_type": "video/mp4" if extension == ".mp4" else None,
        "extension": extension,
    }


def files(count: int) -> list[Json]:
    return [listed(number) for number in range(count)]


def array(count: int) -> bytes:
    """The first so many files, as JSON."""
    return json.dumps(files(count)).encode()


def ordered(sort: str, count: int = MANY) -> list[str]:
    """The paths of the first so many files, in that order."""
    return [file["path"] for file in sorted(files(count), key=ORDERS[sort])]


async def pages(client: VideoVector, limit: int = 100, **query: Any) -> AsyncIterator[list[CloudFile]]:
    """Page after page, to the last."""
    cursor: str | None = None
    while True:
        page = await client.connectors.browse(CONNECTOR_ID, limit=limit, cursor=cursor, **query)
        yield page.files
        cursor = page.next_cursor
        if cursor is None:
            return


async def all_paths(client: VideoVector, **query: Any) -> list[str]:
    """The paths of all pages, in their order."""
    return [file.path async for page in pages(client, **query) for file in page]
