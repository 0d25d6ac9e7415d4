"""What a model was shown of a listing is what it can ask with, and a cursor tells nothing that is redacted."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from mcp_server.cursors import cursor_of, position_in
from mcp_server.errors import InvalidArguments
from mcp_server.explorations import browse
from mcp_server.file_operations import BrowseConnectorFiles
from mcp_server.file_views import FoundFiles
from mcp_server.redaction import Scrubber
from mcp_server.resources import CloudFile, FilePage
from mcp_server.sealed_cursors import CursorSeal
from mcp_server.tools import UNKNOWN_CALLER
from tests.materials import CLOUD_FILE, Json, made
from tests.tool_calls import backed

pytestmark = pytest.mark.anyio
OWN = made("own")
KEYS = [made("old").encode(), made("new").encode()]
ONE: Json = {"connector_id": "conn_123"}


class Pages:
    """Answers with a page of one file, after which others come; remembers what was asked."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.asked: list[BrowseConnectorFiles] = []

    async def ask(self, _: Any, request: Any) -> Any:
        self.asked.append(request)
        file = CloudFile.model_validate({**CLOUD_FILE, "path": self.path})
        return FilePage(files=[file], next_cursor=cursor_of(request, ("", self.path)))

    async def browse(self, **given: Any) -> FoundFiles:
        return await browse(self.site, BrowseConnectorFiles(**ONE, **given), UNKNOWN_CALLER, None)

    @property
    def site(self) -> Any:
        self._backing = getattr(self, "_backing", None) or backed(self, OWN)
        return self._backing.site


def decoded(cursor: str | None) -> str:
    assert cursor is not None
    return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode(errors="replace")


async def test_the_escapes_of_shown_names_are_read_back() -> None:
    pages = Pages("a.mp4")
    await pages.browse(prefix=r"\x5cu200b/\u200b", pattern=r"\u200b\x5cu200b\*")
    (asked,) = pages.asked
    assert (asked.prefix, asked.pattern) == ("\\u200b/\u200b", "\u200b" + r"\\u200b\*")


def _aws_key_id() -> str:
    return "AKIA" + "IOSFODNN7QWERTYU"


@pytest.mark.parametrize("secret", [OWN, _aws_key_id()], ids=["own", "by its form"])
async def test_a_cursor_does_not_tell_what_its_page_does_not(secret: str) -> None:
    pages = Pages(f"uploads/{secret}/a.mp4")
    listing = await pages.browse()
    cursor = listing.next_cursor
    assert secret not in decoded(cursor)
    assert "uploads" not in decoded(cursor)
    await pages.browse(cursor=cursor)
    assert position_in(pages.asked[-1]) == ("", pages.path)


async def test_another_cursor_stays_as_it_is() -> None:
    pages = Pages("incoming/a.mp4")
    cursor = (await pages.browse()).next_cursor
    assert cursor == cursor_of(pages.asked[0], ("", pages.path))
    for opaque in ("x", "gAAAA-of-another", "Zm9v-_"):
        await pages.browse(cursor=opaque)
        assert pages.asked[-1].cursor == opaque


@pytest.mark.parametrize("form", ["{}", "x{}", "xy{}", "xyz{}", "page={}"])
def test_a_cursor_of_an_api_that_makes_its_own_is_sealed_only_if_it_would_be_redacted(form: str) -> None:
    scrubber, seal = Scrubber({OWN: "api_key"}), CursorSeal()
    cursor = form.format(OWN)
    sealed = seal.sealed(cursor, scrubber)
    assert scrubber.text(sealed) == sealed
    assert seal.opened(sealed) == cursor
    for harmless in (form.format("42"), form.format("4"), ""):
        assert seal.sealed(harmless, scrubber) == harmless


def test_a_cursor_is_opened_by_all_who_have_one_of_the_keys_and_by_nobody_else() -> None:
    plain = cursor_of(BrowseConnectorFiles(**ONE), ("", f"{OWN}.mp4"))
    scrubber = Scrubber({OWN: "api_key"})
    sealed = CursorSeal(KEYS[:1]).sealed(plain, scrubber)
    assert CursorSeal(KEYS[::-1]).opened(sealed) == plain
    for other in (CursorSeal(KEYS[1:]), CursorSeal()):
        kept = other.opened(sealed)
        assert kept == sealed
        with pytest.raises(InvalidArguments, match="must be a next_cursor"):
            position_in(BrowseConnectorFiles(**ONE, cursor=kept))
