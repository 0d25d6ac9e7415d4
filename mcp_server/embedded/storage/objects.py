"""What a storage offers: pages of objects, one byte of one, writing and deleting one. All providers speak so.

No provider is named here, and nothing is requested.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple, Protocol

from mcp_server.file_pages import Columns

Action = Literal["list", "read", "write", "delete"]

_ISO = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)")


class Page(NamedTuple):
    """Some objects of a listing; the mark of the page behind it, empty at the end."""

    files: Columns
    folders: Sequence[str]
    """What a delimiter folds: the beginnings, up to and with the delimiter, of keys that have it behind the prefix."""
    mark: str
    is_sorted: bool = True
    """Whether the provider lists by code point."""


class Storage(Protocol):
    """One bucket or container, opened with one set of credentials. Every method raises StorageFault."""

    host: str
    """As faults name it."""
    starts_anywhere: bool
    """Whether a listing that starts after some key costs the same as one from the beginning."""

    async def list_page(
        self, prefix: str, *, delimiter: str = "", start_after: str = "", mark: str = "", most: int = 1000
    ) -> Page:
        """The objects whose key starts with the prefix and comes after `start_after`; `most` may be ignored.

        With a delimiter, only those without it behind the prefix, and folders. A page may be empty.
        """
        ...

    async def read_first_byte(self, key: str) -> bytes:
        """The first byte of the object; nothing of an empty one."""
        ...

    async def write(self, key: str, content: bytes) -> None:
        """Make or replace the object."""
        ...

    async def delete(self, key: str) -> None:
        """Delete the object; it is no fault when there is none."""
        ...


def checked(files: Columns, *texts: str) -> Columns:
    """The files, whose keys are the provider's own and whose times are UTC such as 2026-04-01T12:00:00Z.

    Raises ValueError for a negative size, and for a key, or another text of the answer, that is no Unicode text.
    """
    "".join([*files.paths, *texts]).encode()
    if min(files.sizes, default=0) < 0:
        raise ValueError("not a size")
    return files


def utc_from_iso(text: str) -> str:
    """An ISO 8601 time of any precision and zone as 2026-04-01T12:00:00Z.

    Raises ValueError when it is not one.
    """
    parts = _ISO.fullmatch(text)
    if parts is None:
        raise ValueError("not an ISO 8601 time")
    if parts[2] == "Z":
        return parts[1] + "Z"
    return _utc(datetime.fromisoformat(parts[1] + parts[2]))


def utc_from_http_date(text: str) -> str:
    """A time such as `Wed, 01 Apr 2026 12:00:00 GMT` as 2026-04-01T12:00:00Z.

    Raises ValueError when it is not one.
    """
    return _utc(parsedate_to_datetime(text))


def _utc(time: datetime) -> str:
    return time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
