"""What the model sees of a listing: totals, and a page of paths alone or of full rows. No MCP types and no I/O here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from mimetypes import MimeTypes
from os.path import commonprefix
from typing import Any, cast

from pydantic import Field

from mcp_server import presentation
from mcp_server.cursors import cursor_of, position_of
from mcp_server.file_operations import BrowseConnectorFiles
from mcp_server.resources import CloudFile, FilePage, Resource, Totals

LENGTH_A_FILE = 80
"""Characters of a file on a long page, on average: of 1,000 files with longer paths, fewer are shown."""

_TYPES = MimeTypes(filenames=())
"""What extensions say, the same on every machine."""

_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_NOTHING_MATCHED = "Nothing matched. A prefix is the start of whole keys: no / before it, and one at a folder's end."
_COUNT = "Too many to count on the way: summary=true counts them."


class ExtensionCount(Resource):
    """How many files end so."""

    extension: str
    files: int


class FileRow(Resource):
    """One file; its name is the end of its path."""

    path: str
    size_bytes: int
    last_modified: str = Field(description="ISO 8601, UTC")
    content_type: str | None = Field(default=None, description="If not what the extension says")


class FileListing(Resource):
    """A page of the files that match, and totals of all of them as far as they are known."""

    total_files: int | None = Field(default=None, description="Of all pages; absent if unknown, as are the others")
    total_bytes: int | None = None
    extensions: list[ExtensionCount] | None = None
    newest: str | None = Field(default=None, description="ISO 8601, UTC")
    oldest: str | None = None
    truncated: bool = Field(description="Whether more files follow")
    next_cursor: str | None = Field(default=None, description="Pass it as cursor for the next page")
    next_step: str | None = None
    paths: list[str] | None = Field(default=None, description="Without details")
    files: list[FileRow] | None = Field(default=None, description="With details")


def file_listing(request: BrowseConnectorFiles, page: FilePage) -> FileListing:
    """The page as asked for; where long paths leave room for fewer files, the cursor leads to the next of them."""
    rows: Sequence[FileRow | str] = [_row(file) if request.details else file.path for file in page.files]
    shown = presentation.fitting(rows, max(presentation.MAX_ROWS_LENGTH, request.limit * LENGTH_A_FILE))
    cursor = page.next_cursor
    if len(shown) < len(rows):
        cursor = cursor_of(request, position_of(page.files[len(shown) - 1], request.sort))
    known = _known(page.totals) if page.totals else {}
    rows_shown = {} if request.summary else {"files" if request.details else "paths": shown}
    return FileListing.model_validate(
        {
            **known,
            "truncated": cursor is not None,
            "next_cursor": cursor,
            "next_step": _next_step(request, page),
            **rows_shown,
        }
    )


def _row(file: CloudFile) -> FileRow:
    said = file.content_type if file.content_type != _TYPES.guess_type(f"x{file.extension}")[0] else None
    return FileRow(path=file.path, size_bytes=file.size_bytes, last_modified=file.last_modified, content_type=said)


def _known(totals: Totals) -> dict[str, Any]:
    return {
        "total_files": totals.files,
        "total_bytes": totals.bytes,
        "extensions": [{"extension": each or "none", "files": files} for each, files in totals.extensions.items()]
        or None,
        "newest": totals.newest,
        "oldest": totals.oldest,
    }


def _next_step(request: BrowseConnectorFiles, page: FilePage) -> str | None:
    if not page.files and not request.summary and request.cursor is None:
        return _NOTHING_MATCHED
    return _COUNT if page.totals is None and page.next_cursor and request.cursor is None else None


def text(data: Mapping[str, Any]) -> str:
    """The same data as text: a line a figure, then a line a file, on which the folder that all share is left out."""
    figures = {name: value for name, value in data.items() if name not in ("paths", "files", "extensions")}
    kinds = cast("list[dict[str, Any]]", data.get("extensions", []))
    if kinds:
        figures["extensions"] = ", ".join(f"{presentation.word(kind['extension'])} {kind['files']}" for kind in kinds)
    return "\n".join([presentation.compact(figures), *_rows(data)])


def _rows(data: Mapping[str, Any]) -> Iterator[str]:
    if "files" in data:
        yield from _table(cast("list[dict[str, Any]]", data["files"]))
    elif "paths" in data:
        paths = cast("list[str]", data["paths"])
        folder = _shared_folder(paths)
        yield f"paths: {_counted(len(paths), folder)}"
        yield from (presentation.row_line([path[len(folder) :]]) for path in paths)


def _counted(rows: int, folder: str) -> str:
    return f"{rows} rows, each below {folder}" if folder else f"{rows} rows"


def _table(files: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    folder = _shared_folder([file["path"] for file in files])
    typed = any("content_type" in file for file in files)
    yield f"files: {_counted(len(files), folder)}"
    yield "\t".join(["path", "size_bytes", "last_modified (YYYYMMDDhhmmss)", *(["content_type"] if typed else [])])
    for file in files:
        cells = [file["path"][len(folder) :], str(file["size_bytes"]), _digits(file["last_modified"])]
        yield presentation.row_line([*cells, *([file.get("content_type", "")] if typed else [])])


def _digits(time: str) -> str:
    """The time's digits, which say the same in a third of the tokens; a time of another form as it is."""
    return re.sub("[-:TZ]", "", time) if _UTC.fullmatch(time) else time


def _shared_folder(paths: Sequence[str]) -> str:
    """What all paths begin with, up to a slash, so that something is left of each; empty when there is nothing."""
    shared = commonprefix([path[:-1] for path in paths])  # noqa: RUF071 - cut at a slash below
    return shared[: shared.rfind("/") + 1]
