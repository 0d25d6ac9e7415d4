"""Walks a listing page by page until the provider says that it ended. What a page is, the adapters know."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mcp_server.embedded.storage.faults import unexpected_answer
from mcp_server.embedded.storage.objects import Pages, StoredObject

Page = tuple[list[StoredObject], str]


async def paged(fetch: Callable[[str], Awaitable[Page]], host: str) -> Pages:
    """Each page's objects; `fetch` takes the mark of a page, at first none, and gives the page and the next one's mark.

    Raises StorageFault when a mark comes again, for such a listing never ends.
    """
    mark, seen = "", set[str]()
    while True:
        objects, mark = await fetch(mark)
        yield objects
        if not mark:
            return
        if mark in seen:
            raise unexpected_answer(host, "a listing that ends")
        seen.add(mark)
