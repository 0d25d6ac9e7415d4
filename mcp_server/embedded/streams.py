"""All files of a listing as one JSON array, written while they come. What is listed, and how, is known elsewhere."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from mcp_server.errors import ConnectorError
from mcp_server.file_pages import Columns, cloud_file
from mcp_server.page_headers import FILES

logger = logging.getLogger(__name__)


async def begun(listing: AsyncGenerator[Columns]) -> AsyncGenerator[bytes]:
    """The array in pieces, of a listing that has begun well: what fails before its first files is raised here.

    What fails later leaves the array without its end, so that nobody takes it for whole.
    """
    first = await anext(listing, None)
    return _array(first, listing)


async def _array(first: Columns | None, listing: AsyncGenerator[Columns]) -> AsyncGenerator[bytes]:
    async with aclosing(listing):
        yield b"["
        separator = b""
        if first is not None and first.paths:
            yield _entries(first)
            separator = b","
        try:
            async for files in listing:
                if files.paths:
                    yield separator + _entries(files)
                    separator = b","
        except ConnectorError as fault:
            logger.warning("A listing broke off: %s", fault)
            return
        yield b"]"


def _entries(files: Columns) -> bytes:
    """The array's entries without its brackets."""
    return FILES.dump_json([cloud_file(*row) for row in zip(*files, strict=True)])[1:-1]
