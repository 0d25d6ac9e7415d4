"""A page of files as an HTTP answer: a bare array as its body, and headers for what it leads to and what all come to.

An answer without these headers is no page: its array holds all files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import FailFast, TypeAdapter

from mcp_server.resources import CloudFile, FilePage, Totals

NEXT_CURSOR_HEADER = "X-Next-Cursor"
TOTALS_HEADER = "X-Listing-Totals"
FILES: TypeAdapter[list[CloudFile]] = TypeAdapter(Annotated[list[CloudFile], FailFast()])
"""Of a list, the first wrong entry is enough: the errors of a million take gigabytes."""


def page_headers(page: FilePage) -> dict[str, str]:
    """The cursor, empty on the last page; and the totals as JSON in ASCII, where they are known."""
    headers = {NEXT_CURSOR_HEADER: page.next_cursor or ""}
    if page.totals is not None:
        headers[TOTALS_HEADER] = page.totals.model_dump_json(ensure_ascii=True)
    return headers


def is_page(headers: Mapping[str, str]) -> bool:
    """Whether an answer has a page of files; the names of headers in any case, as an HTTP library has them."""
    return headers.get(NEXT_CURSOR_HEADER) is not None


def page_of(body: bytes, headers: Mapping[str, str]) -> FilePage:
    """The page in an answer; raises ValidationError for one of another shape."""
    totals = headers.get(TOTALS_HEADER)
    return FilePage(
        files=FILES.validate_json(body),
        totals=None if totals is None else Totals.model_validate_json(totals),
        next_cursor=headers.get(NEXT_CURSOR_HEADER) or None,
    )
