"""Pages of files as a listing finds them, and what is shown of them. No test is here."""

from __future__ import annotations

from typing import Any

from mcp_server import wire
from mcp_server.file_kinds import extension_of
from mcp_server.file_pages import Collector, Columns
from mcp_server.file_views import found_files, listing, text
from mcp_server.presentation import structured
from mcp_server.resources import CloudFile, FilePage
from tests.materials import CLOUD_FILE, ROWS, Json, arguments

TIME = "2026-04-01T12:00:00Z"
LONG = [f"incoming/2026/04/camera-7/{number:05}.mp4" for number in range(1_000)]
"""Of 35 characters each."""


def request(**changes: Any) -> Any:
    return wire.parse(ROWS["browse_connector_files"], arguments("browse_connector_files", **changes))


def file(path: str, **changes: Any) -> CloudFile:
    return CloudFile.model_validate({**CLOUD_FILE, "path": path, "extension": extension_of(path), **changes})


def files(count: int, folder: str = "a/", **changes: Any) -> list[CloudFile]:
    return [file(f"{folder}{number}.mp4", **changes) for number in range(count)]


def page(of: list[CloudFile], cursor: str | None = None) -> FilePage:
    """The page, with totals as a listing of just these files has them."""
    collector = Collector(0)
    collector.add(
        Columns(
            [file.path for file in of],
            [file.size_bytes for file in of],
            [file.last_modified for file in of],
            [file.content_type for file in of],
        )
    )
    return FilePage(files=of, totals=collector.totals, next_cursor=cursor)


def shown(of: FilePage, **changes: Any) -> tuple[Json, str]:
    data = listing(structured(found_files(request(**changes), of)))
    return data, text(data)
