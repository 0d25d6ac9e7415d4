"""A JSON array of files, read while it comes: pieces of text in, columns out. No I/O here.

The text is cut where an entry may end, and pydantic says whether one does: what is in front of such a place, closed by
a bracket, is valid JSON only if it is so. That is five times as fast as a parser that tells of each token.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Annotated

from pydantic import FailFast, Field, TypeAdapter, ValidationError
from typing_extensions import NotRequired, TypedDict

from mcp_server.file_pages import Columns

PIECE_BYTES = 64 * 1024
MAX_ENTRY_BYTES = 256 * 1024
MAX_SIZE = 2**63 - 1
MAX_TEXT_LENGTH = 2048
"""Of a path, a time and a type: no storage has keys of more than 1,024 characters."""

_TRIES = 32
_NO_FILES = Columns([], [], [], [])

# A quote ends a text, so that a text can hold this once at most, at its end, whatever somebody named an object.
_BETWEEN_ENTRIES = re.compile(rb"\}[ \t\r\n]*,[ \t\r\n]*(?=\{[ \t\r\n]*\")")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|\+00:00)?", re.ASCII)
_ANY_TIME: TypeAdapter[datetime] = TypeAdapter(datetime)


_Text = Annotated[str, Field(max_length=MAX_TEXT_LENGTH)]


class _Entry(TypedDict):
    """What `CloudFile` asks of a file, within bounds; other fields are dropped."""

    path: _Text
    name: str
    size_bytes: Annotated[int, Field(ge=0, le=MAX_SIZE)]
    last_modified: _Text
    content_type: NotRequired[_Text | None]
    extension: NotRequired[str]


_ENTRIES: TypeAdapter[list[_Entry]] = TypeAdapter(Annotated[list[_Entry], FailFast()])


class NoFiles(Exception):
    """The text is no array of files, or an entry of it is too long."""


class FileArray:
    """One array. It holds hardly more than 256 KiB of text, whatever comes, if that comes in pieces of at most 64 KiB.

    Its methods raise NoFiles.
    """

    def __init__(self) -> None:
        self._text = b""
        self._opening = b""
        self._tried = 0

    def add(self, piece: bytes) -> Columns:
        """Takes the next of the text; returns the files that it made whole, if any."""
        self._text += piece
        if len(self._text) - self._tried < PIECE_BYTES:
            return _NO_FILES
        entries = self._first_entries()
        self._tried = len(self._text)
        if self._tried > MAX_ENTRY_BYTES:
            raise NoFiles
        return _columns(entries)

    def end(self) -> Columns:
        """The last files, when nothing follows."""
        entries = _if_whole(self._opening + self._text)
        if entries is None:
            raise NoFiles
        return _columns(entries)

    def _first_entries(self) -> list[_Entry]:
        """The whole entries at the text's beginning, which are taken from it."""
        for place in reversed(deque(_BETWEEN_ENTRIES.finditer(self._text), _TRIES)):
            entries = _if_whole(b"".join((self._opening, self._text[: place.start() + 1], b"]")))
            if entries is not None:
                self._opening, self._text = b"[", self._text[place.end() :]
                return entries
        return []


def _if_whole(text: bytes) -> list[_Entry] | None:
    """The entries of an array; None for a text that is no JSON, and may have been cut within an entry."""
    try:
        return _ENTRIES.validate_json(text)
    except ValidationError as error:
        if error.errors(include_url=False, include_input=False, include_context=False)[0]["type"] != "json_invalid":
            raise NoFiles from None
        return None


def _columns(entries: Sequence[_Entry]) -> Columns:
    return Columns(
        [entry["path"] for entry in entries],
        [entry["size_bytes"] for entry in entries],
        [_utc(entry["last_modified"]) for entry in entries],
        [entry.get("content_type") for entry in entries],
    )


def _utc(text: str) -> str:
    """The time to the second as all others are written, so that they can be compared; what is none, as it is."""
    if len(text) == len("2026-04-01T12:00:00Z") and text[10] == "T" and text[-1] == "Z":
        return text
    plain = _TIME.fullmatch(text)
    return f"{plain[1]}T{plain[2]}Z" if plain else _converted(text)


def _converted(text: str) -> str:
    try:
        moment = _ANY_TIME.validate_python(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    except (ValidationError, OverflowError):
        return text
    return f"{moment.replace(tzinfo=None, microsecond=0).isoformat()}Z"
