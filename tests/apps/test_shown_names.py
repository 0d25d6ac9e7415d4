"""Folders and files whose names are not shown as they are: what cannot be seen is written out, what is long is cut."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from mcp_server.presentation import visible_name
from tests.apps.hosting import at_the_top, hosting
from tests.apps.shelf import ARCHIVE, Shelf, ToolShelf, answer, rows_of
from tests.sessions import Json

pytestmark = pytest.mark.anyio

HEART = "\u2764\ufe0f Favourites"
LONG = f"{'deep/' * 20}{'x' * 130}/{'y' * 40}/z.mp4"


@pytest.mark.parametrize("prefix", ["", f"{HEART}/", f"{visible_name(HEART)}/"], ids=["top", "as it is", "as shown"])
async def test_folders_are_opened_whose_names_have_characters_that_are_not_seen(browser: Browser, prefix: str) -> None:
    shelf = ToolShelf(rows_of({f"{HEART}/2026\u00a0April/{name}.mp4": 1 for name in "ab"}))
    async with hosting(browser, shelf.call) as host:
        given: Json = {"connector_id": ARCHIVE, "details": True, "prefix": prefix}
        await host.shows(answer(shelf.browsed(given)), **given)
        if not prefix:
            assert await host.names() == [visible_name(HEART)]
            await host.opened(visible_name(HEART))
        assert await host.names() == [r"2026\xa0April"]
        await host.opened(r"2026\xa0April")
        assert shelf.calls[-1][1]["prefix"].endswith(r"Favourites/2026\xa0April/")
        assert await host.names() == ["a.mp4", "b.mp4"]


async def test_a_path_that_is_shown_without_its_middle_is_a_file_where_its_folder_cannot_be_told(
    browser: Browser,
) -> None:
    shelf = ToolShelf(rows_of({LONG: 1, "deep/a.mp4": 1}))
    async with hosting(browser, shelf.call) as host:
        await at_the_top(host, shelf)
        assert await host.names() == ["deep"]
        await host.opened("deep")
        assert await host.names() == ["deep", "a.mp4"]
        for prefix in ("deep/" * 20, LONG[:-5]):
            given: Json = {"connector_id": ARCHIVE, "details": True, "prefix": prefix}
            await host.shows(answer(shelf.browsed(given)), **given)
            (name,) = await host.names()
            assert name == "z.mp4"


DEEP = "a/" * 70 + "b/" * 50


@pytest.mark.parametrize(
    ("prefix", "paths", "names"),
    [
        (DEEP, [f"{DEEP}1.mp4", f"{DEEP}2.mp4"], ["1.mp4", "2.mp4"]),
        ("/in/2026/", ["in/2026/1.mp4"], ["1.mp4"]),
        ("in/a/b/", ["in/[redacted]/1.mp4"], ["1.mp4"]),
        ("in/a/", ["in/a/", "in/a/b/", "in/a/b/1.mp4"], ["b"]),
    ],
    ids=["cut", "forgiven", "redacted", "markers"],
)
async def test_a_path_that_shows_fewer_slashes_than_its_place_is_a_file(
    prefix: str, paths: list[str], names: list[str], browser: Browser
) -> None:
    shelf = Shelf()
    rows = [{**row, "path": visible_name(row["path"])} for row in rows_of(dict.fromkeys(paths, 1))]
    async with hosting(browser, shelf.call) as host:
        result = answer({"truncated": False, "total_files": len(rows), "total_bytes": 1, "files": rows})
        await host.shows(result, connector_id=ARCHIVE, details=True, prefix=prefix)
        await host.rows.first.wait_for()
        assert await host.names() == names
        assert await host.rows.count() == len(names)
