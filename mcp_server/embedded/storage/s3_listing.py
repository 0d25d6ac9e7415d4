"""Reads the pages of ListObjectsV2. Nothing is requested here.

The objects of a page are read by one expression, twenty times as fast as an element at a time; all around them, and
whatever the expression does not account for, by the XML parser.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote_plus
from xml.etree.ElementTree import Element

from mcp_server.embedded.storage.documents import NotTheDocument, text_of, xml
from mcp_server.embedded.storage.objects import Page, checked, utc_from_iso
from mcp_server.file_pages import Columns

_ROOT = "ListBucketResult"
_FIRST, _LAST = "<Contents>", "</Contents>"
_PLAIN = re.compile(
    r"<Contents>\s*<Key>([^<&]+)</Key>\s*<LastModified>(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z</LastModified>\s*"
    r"(?:<(?!Size>|Contents>)[A-Za-z][^<]*</[^<]*)*<Size>(\d+)</Size>"
)
# Comments, sections of text, instructions, and folders: what may hide objects from the expression, or stand among them.
_UNUSUAL = ("!", "?", "CommonPrefixes>")
_ENCODED_LINE_END = re.compile("%0a", re.IGNORECASE)


def read_page(body: bytes) -> Page:
    """Raises ValueError for an answer that is no listing."""
    text = body.decode()
    start, end = text.find(_FIRST), text.rfind(_LAST) + len(_LAST)
    middle = text[start:end] if 0 <= start < end else ""
    rows = _rows(middle)
    if not rows:
        return page_of_elements(xml(body, _ROOT))
    around = xml((text[:start] + text[end:]).encode(), _ROOT)
    keys, times, sizes = zip(*rows, strict=True)
    return _page(around, keys, list(map(int, sizes)), [f"{time}Z" for time in times])


def _rows(middle: str) -> list[tuple[str, str, str]]:
    """Key, time and size of each object; nothing where the text may hold others than those."""
    if any(text in middle for text in _UNUSUAL):
        return []
    rows: list[tuple[str, str, str]] = _PLAIN.findall(middle)
    return rows if middle.count(_FIRST) == middle.count(_LAST) == len(rows) else []


def page_of_elements(listing: Element) -> Page:
    """The page as the XML parser sees it. Raises ValueError where it is none."""
    found = listing.findall("Contents")
    return _page(
        listing,
        [text_of(contents, "Key") for contents in found],
        [int(text_of(contents, "Size")) for contents in found],
        [utc_from_iso(text_of(contents, "LastModified")) for contents in found],
    )


def _page(listing: Element, keys: Sequence[str], sizes: list[int], times: list[str]) -> Page:
    """A page of what the document holds beside the objects, and of these."""
    folders = [text_of(folded, "Prefix") for folded in listing.findall("CommonPrefixes")]
    if listing.findtext("EncodingType") == "url":
        keys, folders = _decoded(keys), _decoded(folders)
    is_truncated = text_of(listing, "IsTruncated") == "true"
    mark = text_of(listing, "NextContinuationToken") if is_truncated else ""
    if is_truncated and not mark:
        raise NotTheDocument
    return Page(checked(Columns(keys, sizes, times, [None] * len(keys))), folders, mark)


def _decoded(keys: Sequence[str]) -> list[str]:
    text = "\n".join(keys)
    if "%" not in text and "+" not in text:
        return list(keys)
    if _ENCODED_LINE_END.search(text) or text.count("\n") >= len(keys):
        return [unquote_plus(key, errors="strict") for key in keys]
    return unquote_plus(text, errors="strict").split("\n")
