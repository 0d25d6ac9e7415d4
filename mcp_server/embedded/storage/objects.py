"""What a storage offers: pages of objects, one byte of one, writing and deleting one. All providers speak so.

No provider is named here, and nothing is requested.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Literal, Protocol

Action = Literal["list", "read", "write", "delete"]

# A slash by most programs, the other by Hadoop's.
_MARKER_ENDINGS = ("/", "_$folder$")
_ISO = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)")


@dataclass(frozen=True)
class StoredObject:
    """One object; the key is exactly the provider's, the time is UTC such as 2026-04-01T12:00:00Z."""

    key: str
    size: int
    last_modified: str
    content_type: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a negative size and for a key that is no Unicode text."""
        self.key.encode()
        if self.size < 0:
            raise ValueError("not a size")

    @property
    def is_folder_marker(self) -> bool:
        """Whether the object only makes an empty folder visible."""
        return self.size == 0 and self.key.endswith(_MARKER_ENDINGS)


Pages = AsyncGenerator[list[StoredObject], None]


class Storage(Protocol):
    """One bucket or container, opened with one set of credentials. Every method raises StorageFault."""

    def pages(self, prefix: str, delimiter: str = "", start_after: str = "") -> Pages:
        """The objects whose key starts with the prefix and comes after `start_after`, at most 1,000 a page.

        With a delimiter, only those without it behind the prefix. A page may be empty.
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
