"""The app by keyboard alone, and what it says to those who do not see it."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.apps.hosting import Host, at_the_top, hosting
from tests.apps.shelf import ARCHIVE, Shelf, answer, rows_of

pytestmark = pytest.mark.anyio


async def at_the_first_row(host: Host, shelf: Shelf) -> None:
    await at_the_top(host, shelf)
    await host.app.get_by_role("searchbox").focus()
    await host.press("ArrowDown")


async def test_arrows_move_and_stop_at_the_ends(host: Host, shelf: Shelf) -> None:
    await at_the_first_row(host, shelf)
    moves = {
        "ArrowUp": "incoming",
        "ArrowDown": "music",
        "End": "trailer.mp4",
        "PageDown": "trailer.mp4",
        "PageUp": "incoming",
    }
    for key, name in moves.items():
        await host.press(key)
        assert await host.focused() == name
    await host.press("End", "Home")
    assert await host.focused() == "incoming"


@pytest.mark.parametrize("key", ["Enter", "ArrowRight", " "])
async def test_a_folder_opens_and_its_first_row_has_the_focus(key: str, host: Host, shelf: Shelf) -> None:
    await at_the_first_row(host, shelf)
    await host.press(key)
    assert await host.focused() == "2026"


@pytest.mark.parametrize("key", ["Backspace", "ArrowLeft"])
async def test_the_way_up_focuses_what_was_left(key: str, host: Host, shelf: Shelf) -> None:
    await at_the_first_row(host, shelf)
    await host.press("Enter", "Enter", "ArrowDown")
    assert await host.focused() == "05"
    for name in ("2026", "incoming", "Archive S3"):
        await host.press(key)
        assert await host.focused() == name
    await host.press(key)
    assert await host.focused() == "Archive S3"


async def test_the_way_up_from_what_was_found_is_its_folder(host: Host, shelf: Shelf) -> None:
    await at_the_first_row(host, shelf)
    await host.press("Enter")
    await host.searched("keynote")
    await host.press("ArrowDown", "Backspace")
    assert await host.path() == ["Connectors", ARCHIVE, "incoming"]
    assert await host.names() == ["2026"]


async def test_a_file_unfolds_and_folds(host: Host, shelf: Shelf) -> None:
    await at_the_first_row(host, shelf)
    row = host.app.locator("#rows tr:focus")
    await host.press("End")
    for key, expanded in {"ArrowRight": "true", "ArrowLeft": "false", "Enter": "true", " ": "false"}.items():
        await host.press(key)
        assert await row.get_attribute("aria-expanded") == expanded
    assert await host.focused() == "trailer.mp4"


async def test_keys_with_control_are_left_to_the_browser(host: Host, shelf: Shelf) -> None:
    await at_the_first_row(host, shelf)
    await host.press("Control+End", "Shift+x")
    assert await host.focused() == "incoming"


async def test_one_row_is_in_the_order_of_tab_and_every_control_is_reached(host: Host, shelf: Shelf) -> None:
    await at_the_top(host, shelf)
    assert await host.app.locator("#rows tr[tabindex='0']").count() == 1
    await host.app.get_by_role("button", name="Connectors").focus()
    reached: list[str] = []
    for _ in range(6):
        await host.press("Tab")
        reached.append(await host.app.locator(":focus").evaluate("element => element.id || element.className"))
    assert reached == ["reload", "search", "sort", "chip", "chip", "chip"]


async def test_where_nothing_is_left_the_focus_is_on_the_path(host: Host, shelf: Shelf) -> None:
    await at_the_first_row(host, shelf)
    shelf.rows = []
    await host.press("Enter")
    assert await host.app.locator(":focus").inner_text() == "incoming"


async def test_a_result_of_the_model_s_call_takes_no_focus(host: Host, shelf: Shelf) -> None:
    given = {"connector_id": ARCHIVE}
    await host.shows(answer(shelf.browsed(given)), **given)
    await host.app.get_by_text("9.7 GB").wait_for()
    assert await host.app.locator(":focus").count() == 0


async def test_the_focus_can_be_seen(host: Host, shelf: Shelf) -> None:
    await at_the_first_row(host, shelf)
    style = await host.app.locator(":focus").evaluate("element => getComputedStyle(element).outlineStyle")
    assert style == "solid"


async def test_roles_and_names_are_those_of_a_grid_under_a_path(host: Host, shelf: Shelf) -> None:
    await at_the_top(host, shelf)
    tree = await host.app.locator("main").aria_snapshot()
    for line in (
        '- navigation "Path":',
        '- button "Connectors"',
        '- searchbox "Search here and below; Enter starts it"',
        '- combobox "Order":',
        '- group "Types of files":',
        '- grid "Connectors or files":',
        '- columnheader "Name"',
        '- row "Folder incoming 4 files 9.7 GB":',
        '- row "video trailer.mp4 24 MB 9 Apr 2026":',
        "- status: 9 files · 11 GB · newest 9 Apr 2026",
    ):
        assert line in tree


async def test_the_next_page_is_reached_and_its_first_row_focused(browser: Browser) -> None:
    shelf = Shelf(rows_of({f"clip{number:03}.mp4": 1000 for number in range(150)}))
    async with hosting(browser, shelf.call) as host:
        await at_the_first_row(host, shelf)
        await host.press("End", "Tab", "Enter")
        assert await host.focused() == "clip100.mp4"
        assert len(await host.names()) == 150
