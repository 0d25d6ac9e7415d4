"""Cursors: where the next page of a listing begins, as one opaque text that is bound to its query. No I/O here.

A cursor opens nothing: who changes one is led to another place of the same listing. It holds a path, which anybody can
read out of it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from typing import TYPE_CHECKING, cast

from mcp_server.errors import InvalidArguments, Violation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_server.fields import Sort
    from mcp_server.file_operations import BrowseConnectorFiles
    from mcp_server.file_pages import Position
    from mcp_server.resources import CloudFile

VALID_SECONDS = 24 * 60 * 60
_OTHER = "is of another listing: repeat the call's other arguments as they were, or leave it out to begin anew"
_STALE = "is more than a day old: leave it out to begin anew"
_NONE = "must be a next_cursor, as it was given: leave it out to begin anew"


def cursor_of(request: BrowseConnectorFiles, position: Position) -> str:
    """The cursor to what follows this position in the request's listing; good for 24 hours."""
    mark, path = position
    content = json.dumps([_digest(request), int(time.time()), mark, path], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(content.encode()).rstrip(b"=").decode()


def position_of(file: CloudFile, sort: Sort) -> Position:
    """Where a file stands in the order."""
    marks: Mapping[Sort, int | str] = {"path": "", "size": file.size_bytes, "time": file.last_modified}
    return marks[sort], file.path


def position_in(request: BrowseConnectorFiles) -> Position | None:
    """Where the request's cursor points to, None without one.

    Raises InvalidArguments for one of another query, an old one, and what is none.
    """
    if request.cursor is None:
        return None
    digest, issued, mark, path = _parts(request.cursor)
    if digest != _digest(request) or isinstance(mark, int) != (request.sort == "size"):
        raise _invalid(_OTHER)
    if int(time.time()) - issued > VALID_SECONDS:
        raise _invalid(_STALE)
    return mark, path


def _invalid(rule: str) -> InvalidArguments:
    return InvalidArguments((Violation("cursor", rule),))


def _parts(cursor: str) -> tuple[str, int, int | str, str]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        parts: object = json.loads(text)
        json.dumps(parts, ensure_ascii=False).encode()  # half of a character can be written in JSON, and sent nowhere
    except (ValueError, RecursionError):
        raise _invalid(_NONE) from None
    match parts:
        case [str(), int(), int() | str(), str()]:
            return cast("tuple[str, int, int | str, str]", tuple(parts))
        case _:
            raise _invalid(_NONE)


def _digest(request: BrowseConnectorFiles) -> str:
    """Of what makes the listing and its order; the size of a page may change on the way."""
    query = [request.connector_id, request.prefix, request.pattern, request.recursive, request.sort]
    return hashlib.sha256(json.dumps(query).encode()).hexdigest()[:12]
