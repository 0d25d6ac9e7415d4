"""A page over HTTP: a bare array, as the API's other clients expect it, and headers that only ours read."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from mcp_server.page_headers import NEXT_CURSOR_HEADER, TOTALS_HEADER, is_page, page_headers, page_of
from mcp_server.resources import CloudFile, FilePage, Totals
from tests.materials import CLOUD_FILE

FILES = [CloudFile.model_validate(CLOUD_FILE)]
BODY = json.dumps([CLOUD_FILE]).encode()
TOTALS = Totals(files=7, bytes=49, extensions={".mp4": 6, ".ünï\u2028": 1}, newest="2026-04-01T00:00:00Z")
PAGES = (
    FilePage(files=FILES),
    FilePage(files=FILES, next_cursor="abc"),
    FilePage(files=FILES, totals=TOTALS),
    FilePage(files=FILES, totals=TOTALS, next_cursor="abc"),
)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_comes_as_it_was_sent(page: FilePage) -> None:
    headers = page_headers(page)
    assert is_page(headers)
    assert page_of(BODY, headers) == page
    assert all(value.isascii() and value.isprintable() for value in headers.values())


def test_an_answer_without_the_headers_is_no_page() -> None:
    assert not is_page({"Content-Type": "application/json"})
    assert page_of(BODY, {}) == FilePage(files=FILES)


TOO_MANY = json.dumps({"files": 12, "bytes": 0, "extensions": {f".{number}": 1 for number in range(12)}})


@pytest.mark.parametrize("totals", ["", "7", "{}", '{"files": -1, "bytes": 0}', TOO_MANY])
def test_totals_of_another_shape_are_not_taken(totals: str) -> None:
    with pytest.raises(ValidationError):
        page_of(BODY, {NEXT_CURSOR_HEADER: "", TOTALS_HEADER: totals})
