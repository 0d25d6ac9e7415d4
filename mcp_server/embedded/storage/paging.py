"""Walks a listing page by page, one after another, until the provider says that it ended."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from mcp_server.embedded.storage.faults import StorageFault, unexpected_answer
from mcp_server.embedded.storage.objects import Page, Storage


async def pages(storage: Storage, prefix: str, delimiter: str = "", start_after: str = "") -> AsyncGenerator[Page]:
    """All pages of the listing.

    Raises StorageFault, also when a mark comes again, for such a listing never ends.
    """
    mark, seen = "", set[str]()
    while True:
        page = await storage.list_page(prefix, delimiter=delimiter, start_after=start_after, mark=mark)
        yield page
        mark = page.mark
        if not mark:
            return
        if mark in seen:
            raise unending(storage)
        seen.add(mark)


def unending(storage: Storage) -> StorageFault:
    """A mark came again."""
    return unexpected_answer(storage.host, "a listing that ends")
