"""The fast way of reading a page of S3 and the XML parser agree about every document."""

from __future__ import annotations

import re
from urllib.parse import quote
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.embedded.storage import s3_listing
from mcp_server.embedded.storage.documents import xml
from mcp_server.embedded.storage.objects import Page
from mcp_server.embedded.storage.s3_listing import read_page

TIME = "2026-04-01T12:00:00.000Z"
ROOT = "<ListBucketResult><IsTruncated>false</IsTruncated>{}</ListBucketResult>"
PLAIN = f"<Contents><Key>b</Key><LastModified>{TIME}</LastModified><ETag>&quot;0&quot;</ETag><Size>2</Size></Contents>"


def by_elements(body: bytes) -> Page | None:
    """What the XML parser alone makes of it."""
    try:
        return s3_listing.page_of_elements(xml(body, "ListBucketResult"))
    except ValueError:
        return None


def read(body: bytes) -> Page | None:
    try:
        return read_page(body)
    except ValueError:
        return None


def shown(page: Page | None) -> object:
    return page and ([[*column] for column in page.files], [*page.folders], page.mark)


@st.composite
def contents(draw: st.DrawFn) -> str:
    """An object as some store might write it."""
    gap = draw(st.sampled_from(["", "", "", "\n  ", "<!-- <Contents> -->", "<?x <Key>y</Key>?>"]))
    key = draw(
        st.sampled_from(["a.mp4", "a%20b", "a+b", "a&amp;b", "\N{CLAPPER BOARD}", "line%0Aend", "a b\n", "", "!?"])
    )
    time = draw(st.sampled_from([TIME, TIME, "2026-04-01T12:00:00Z", "2026-04-01T14:00:00.5+02:00", "yesterday"]))
    size = draw(st.sampled_from(["0", "17", "-1", " 5 ", "x"]))
    parts = [
        f"<Key>{key}</Key>",
        f"<LastModified>{time}</LastModified>",
        draw(st.sampled_from(["<ETag>&quot;0&quot;</ETag>", "<ETag/>", "", "<Owner><ID>1</ID><Size>9</Size></Owner>"])),
        f"<Size>{size}</Size>",
        draw(
            st.sampled_from(["<StorageClass>STANDARD</StorageClass>", "<Owner><ID>1</ID></Owner>", "", "<Contents/>"])
        ),
    ]
    if draw(st.integers(0, 9)) == 0:
        parts.pop(draw(st.integers(0, 4)))
    if draw(st.integers(0, 9)) == 0:
        parts = draw(st.permutations(parts))
    attribute = draw(st.sampled_from(["", "", "", "", " xml:id='1'"]))
    return f"<Contents{attribute}>" + gap.join(["", *parts, ""]) + "</Contents>"


_around = st.sampled_from(
    [
        "",
        "<EncodingType>url</EncodingType>",
        "<CommonPrefixes><Prefix>a%2Fb/</Prefix></CommonPrefixes>",
        "<!-- note -->",
        "<![CDATA[<Contents>]]>",
        "\n",
    ]
)


@given(st.lists(st.tuples(_around, contents()), max_size=5), _around)
def test_both_ways_of_reading_a_page_agree(objects: list[tuple[str, str]], tail: str) -> None:
    body = ROOT.format("".join(before + stored for before, stored in objects) + tail).encode()
    assert shown(read(body)) == shown(by_elements(body))


@pytest.mark.parametrize("key", ["a/b c.mp4", "plus+.mp4", "line\nend", "\N{CLAPPER BOARD}", "100%0A", "a"])
def test_encoded_keys_are_read_as_they_are(key: str) -> None:
    stored = PLAIN.replace("<Key>b<", f"<Key>{quote(key, safe='')}<")
    page = read_page(ROOT.format("<EncodingType>url</EncodingType>" + PLAIN + stored).encode())
    assert [*page.files.paths] == ["b", key]


def test_keys_that_are_not_encoded_may_have_line_ends() -> None:
    body = ROOT.format("<EncodingType>url</EncodingType>" + PLAIN.replace("<Key>b<", "<Key>a\n%20<")).encode()
    assert [*read_page(body).files.paths] == ["a\n "]


@pytest.mark.parametrize("number", ["-1", "²", "1e3", "", "0x10"])
def test_what_is_no_size_is_no_listing(number: str) -> None:
    assert read(ROOT.format(PLAIN.replace("<Size>2<", f"<Size>{number}<")).encode()) is None


def test_a_usual_page_is_not_read_element_by_element(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = [PLAIN.replace("<Key>b<", f"<Key>{escape(quote(key))}<") for key in ("a/b.mp4", "\N{CLAPPER BOARD}", "c d")]
    body = ROOT.format("<EncodingType>url</EncodingType>" + "\n".join(usual)).encode()
    expected = shown(read_page(body))
    monkeypatch.setattr(s3_listing, "page_of_elements", None)
    assert shown(read_page(body)) == expected
    assert len(re.findall("<Contents>", body.decode())) == 3


def test_text_that_is_not_utf8_is_no_listing() -> None:
    assert read(ROOT.format(PLAIN).encode() + b"\xff") is None
