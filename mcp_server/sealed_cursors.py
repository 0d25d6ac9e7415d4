"""Cursors whose place must not be read: a file's path may hold a secret that no result shows. No I/O here."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

    from mcp_server.redaction import Scrubber

_SEALED = "gAAAA"
"""What every token of Fernet begins with, whose time is of this century."""


class CursorSeal:
    """Seals a cursor in which something would be redacted, read as it is or decoded; all others stay as they are.

    `keys` of 32 octets or more are those of all processes that may get a client's next request, newest first; without
    any, a sealed cursor is good as long as this server.
    """

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        self._keys = tuple(keys) or (secrets.token_bytes(32),)

    def sealed(self, cursor: str, scrubber: Scrubber) -> str:
        """The cursor, or one that only these keys open."""
        if all(scrubber.text(reading) == reading for reading in (cursor, _decoded(cursor))):
            return cursor
        return self._fernet.encrypt(cursor.encode()).decode().rstrip("=")

    def opened(self, cursor: str) -> str:
        """The cursor that was sealed; any other text is itself."""
        if not cursor.startswith(_SEALED):
            return cursor
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(_padded(cursor)).decode()
        except InvalidToken:
            return cursor

    @property
    def _fernet(self) -> MultiFernet:
        from cryptography.fernet import Fernet, MultiFernet

        own = (hashlib.sha256(b"cursors of files" + key).digest() for key in self._keys)
        return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in own])


def _padded(cursor: str) -> str:
    return cursor + "=" * (-len(cursor) % 4)


def _decoded(cursor: str) -> str:
    """What can be read of the cursor by whoever tries; its characters where that is nothing."""
    try:
        return base64.urlsafe_b64decode(_padded(cursor)).decode(errors="replace")
    except ValueError:
        return cursor
