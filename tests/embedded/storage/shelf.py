"""A storage in memory, which notes what it is asked to list and fails where a test wants."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

import anyio

from mcp_server.embedded.storage import StorageFault
from mcp_server.embedded.storage.objects import Page
from mcp_server.file_pages import Columns

TIME = "2026-04-01T12:00:00Z"


def _folded(key: str, begin: int, delimiter: str) -> str:
    """The key, or its folder."""
    end = key.find(delimiter, begin) if delimiter else -1
    return key if end < 0 else key[: end + len(delimiter)]


def denied(*, retryable: bool = False) -> StorageFault:
    """Some fault."""
    return StorageFault("storage_permission_denied", "Not allowed.", "Allow it.", retryable=retryable)


@dataclass
class Shelf:
    """Keys with their contents. `faults` maps an action to what it raises; `slow` actions never end.

    Where it does not start anywhere, a page comes without what is before `start_after`: perhaps with nothing.
    """

    contents: dict[str, bytes] = field(default_factory=dict[str, bytes])
    faults: dict[str, StorageFault] = field(default_factory=dict[str, StorageFault])
    slow: set[str] = field(default_factory=set[str])
    listed: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    attempts: list[str] = field(default_factory=list[str])
    read: list[str] = field(default_factory=list[str])
    page_size: int = 2
    host: str = "shelf"
    starts_anywhere: bool = True

    @classmethod
    def of(cls, keys: Iterable[str]) -> Shelf:
        """Objects with some content."""
        return cls(dict.fromkeys(keys, b"content"))

    async def _attempt(self, action: str) -> None:
        self.attempts.append(action)
        if action in self.slow:
            await anyio.sleep_forever()
        if action in self.faults:
            raise self.faults[action]

    async def list_page(
        self, prefix: str, *, delimiter: str = "", start_after: str = "", mark: str = "", most: int = 1000
    ) -> Page:
        assert not start_after or start_after.startswith(prefix)  # some stores find nothing then
        if not mark:
            self.listed.append((prefix, delimiter))
            await self._attempt("list")
        skipped = start_after if self.starts_anywhere else ""
        keys = sorted(key for key in self.contents if key.startswith(prefix) and key > skipped)
        shown = sorted({_folded(key, len(prefix), delimiter) for key in keys})
        begin = bisect_right(shown, mark)
        page = shown[begin : begin + self.page_size]
        folders = [name for name in page if delimiter and name[len(prefix) :].endswith(delimiter)]
        files = [name for name in page if name not in folders and name > start_after]
        columns = Columns(files, [len(self.contents[key]) for key in files], [TIME] * len(files), [None] * len(files))
        following = page[-1] if begin + self.page_size < len(shown) else ""
        return Page(columns, folders, following)

    async def read_first_byte(self, key: str) -> bytes:
        self.read.append(key)
        await self._attempt("read")
        return self.contents[key][:1]

    async def write(self, key: str, content: bytes) -> None:
        self.contents[key] = content
        await self._attempt("write")

    async def delete(self, key: str) -> None:
        await self._attempt("delete")
        self.contents.pop(key, None)
