"""A storage in memory, which notes what it is asked to list and fails where a test wants."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field

import anyio

from mcp_server.embedded.storage import StorageFault, StoredObject

TIME = "2026-04-01T12:00:00Z"


def denied(*, retryable: bool = False) -> StorageFault:
    """Some fault."""
    return StorageFault("storage_permission_denied", "Not allowed.", "Allow it.", retryable=retryable)


@dataclass
class Shelf:
    """Keys with their contents. `faults` maps an action to what it raises; `slow` actions never end."""

    contents: dict[str, bytes] = field(default_factory=dict[str, bytes])
    faults: dict[str, StorageFault] = field(default_factory=dict[str, StorageFault])
    slow: set[str] = field(default_factory=set[str])
    listed: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    attempts: list[str] = field(default_factory=list[str])
    read: list[str] = field(default_factory=list[str])
    page_size: int = 2

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

    async def pages(
        self, prefix: str, delimiter: str = "", start_after: str = ""
    ) -> AsyncGenerator[list[StoredObject], None]:
        self.listed.append((prefix, delimiter))
        await self._attempt("list")
        keys = sorted(key for key in self.contents if key.startswith(prefix) and key > start_after)
        shown = [key for key in keys if not delimiter or delimiter not in key[len(prefix) :]]
        yield []
        for start in range(0, len(shown), self.page_size):
            page = shown[start : start + self.page_size]
            yield [StoredObject(key, len(self.contents[key]), TIME) for key in page]

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
