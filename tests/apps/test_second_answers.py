"""What is shown at once is completed by a second call: the reader, who has begun meanwhile, is not disturbed."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.apps.hosting import Host, hosting
from tests.apps.shelf import ARCHIVE, TOP, Shelf, answer
from tests.sessions import Json

pytestmark = pytest.mark.anyio


async def browsed(host: Host, shelf: Shelf, **changes: object) -> None:
    """The model browsed, without details."""
    given: Json = {"connector_id": ARCHIVE, **changes}
    await host.shows(answer(shelf.browsed(given)), **given)


async def test_what_is_typed_while_sizes_come_stays(host: Host, shelf: Shelf) -> None:
    box = host.app.get_by_role("searchbox")
    async with host.calls_held() as release:
        await browsed(host, shelf)
        await box.fill("keyn")
        await release()
    await host.app.get_by_text("24 MB").wait_for()
    assert await box.input_value() == "keyn"
    await box.press("Enter")
    await host.settles()
    assert await host.names() == ["keynote.mp4", "keynote.jpg"]
    await host.app.get_by_role("button", name="Connectors").click()
    await host.settles()
    assert await box.input_value() == ""


async def test_the_row_with_the_focus_keeps_it_and_stays_open_while_sizes_come(host: Host, shelf: Shelf) -> None:
    async with host.calls_held() as release:
        await browsed(host, shelf)
        await host.app.get_by_role("searchbox").press("ArrowDown")
        for key in ("End", "ArrowUp", "Enter"):
            await host.page.keyboard.press(key)
        assert await host.focused() == "checksums"
        await release()
    await host.app.get_by_text("24 MB").wait_for()
    assert await host.focused() == "checksums"
    assert "12,000 bytes" in await host.app.locator("#rows .details").inner_text()


async def test_the_connector_with_the_focus_keeps_it_while_the_others_come(host: Host, shelf: Shelf) -> None:
    shelf.page_size = 2
    async with host.calls_held() as release:
        await host.shows(answer(shelf.listed()))
        await host.app.get_by_role("searchbox").press("ArrowDown")
        await host.app.locator("#rows tr").first.press("ArrowDown")
        assert await host.focused() == "Dailies"
        await release()
    await host.app.get_by_text("Review copies").wait_for()
    assert await host.focused() == "Dailies"


@pytest.mark.parametrize("recursive", [False, "false"])
async def test_folders_that_the_model_left_out_are_shown_too(recursive: object, host: Host, shelf: Shelf) -> None:
    await browsed(host, shelf, recursive=False, details=True)
    await host.app.get_by_text("incoming").wait_for()
    assert await host.names() == TOP
    await host.app.get_by_role("button", name="Reload").click()
    await host.settles()
    assert await host.names() == TOP


async def test_a_folder_of_folders_is_not_called_empty(host: Host, shelf: Shelf) -> None:
    await browsed(host, shelf, recursive=False, prefix="incoming/")
    await host.app.get_by_text("2026").first.wait_for()
    assert await host.names() == ["2026"]


async def test_where_no_tool_can_be_called_it_is_said_that_folders_are_left_out(browser: Browser, shelf: Shelf) -> None:
    async with hosting(browser, shelf.call, capabilities={}) as host:
        await browsed(host, shelf, recursive=False, prefix="incoming/")
        await host.app.get_by_text("There are no files directly here; subfolders are left out.").wait_for()
