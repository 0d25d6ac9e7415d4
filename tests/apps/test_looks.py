"""How the app looks: light and dark, narrow and wide, as tall as its content, in the language and style of its host."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.apps.hosting import Host, at_the_top, hosting
from tests.apps.shelf import ARCHIVE, Shelf, answer, rows_of

pytestmark = pytest.mark.anyio
LIGHT, DARK = "rgb(255, 255, 255)", "rgb(22, 24, 29)"
LONG = {f"{'a' * 300}/{'b' * 300}.mp4": 1, f"{'c' * 500}.mov": 2, "ein Wort " * 60: 3}


async def ground(host: Host) -> str:
    """The colour behind everything."""
    color: str = await host.app.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    return color


async def height_told(host: Host, at_least: int = 0) -> float:
    """The last height that the app told its host."""
    told = await host.heard_eventually("ui/notifications/size-changed")
    height: float = told[-1]["params"]["height"]
    assert height >= at_least
    return height


@pytest.mark.parametrize(("scheme", "color"), [("light", LIGHT), ("dark", DARK)])
async def test_the_person_s_liking_counts_where_the_host_has_none(
    scheme: str, color: str, browser: Browser, shelf: Shelf
) -> None:
    async with hosting(browser, shelf.call, color_scheme=scheme) as host:
        assert await ground(host) == color


async def test_the_host_s_theme_counts_more_and_may_change(browser: Browser, shelf: Shelf) -> None:
    async with hosting(browser, shelf.call, {"theme": "dark"}, color_scheme="light") as host:
        assert await ground(host) == DARK
        await host.tell("ui/notifications/host-context-changed", {"theme": "light"})
        assert await ground(host) == LIGHT


async def test_the_host_s_colors_and_fonts_are_taken_and_nothing_else_of_its_style(
    browser: Browser, shelf: Shelf
) -> None:
    variables = {
        "--color-background-primary": "light-dark(rgb(1, 2, 3), rgb(4, 5, 6))",
        "--font-sans": "Georgia",
        "--color-text-primary": None,
        "--list": "1px",
        "color": "red",
    }
    async with hosting(browser, shelf.call, {"theme": "dark", "styles": {"variables": variables}}) as host:
        assert await ground(host) == "rgb(4, 5, 6)"
        html = host.app.locator("html")
        assert await host.app.locator("body").evaluate("body => getComputedStyle(body).fontFamily") == "Georgia"
        assert await html.evaluate("html => html.style.getPropertyValue('--list') + html.style.color") == ""


@pytest.mark.parametrize("width", [320, 360, 760, 1280])
async def test_nothing_sticks_out_and_long_names_are_whole_in_their_titles(width: int, browser: Browser) -> None:
    shelf = Shelf(rows_of(LONG))
    async with hosting(browser, shelf.call, viewport={"width": width, "height": 700}) as host:
        await at_the_top(host, shelf)
        assert await host.app.locator("html").evaluate("html => html.scrollWidth") == width
        assert await host.app.locator("#list").evaluate("list => list.scrollWidth - list.clientWidth") == 0
        names = host.app.locator("#rows .name")
        titles = [await name.get_attribute("title") for name in await names.all()]
        assert titles == ["a" * 300, "c" * 500 + ".mov", "ein Wort " * 60]
        before = await host.rows.first.locator(".name").bounding_box()
        await host.opened("ccc")
        assert await host.rows.first.locator(".name").bounding_box() == before
        assert await host.app.locator("html").evaluate("html => html.scrollWidth") == width


async def test_the_end_of_a_long_name_stays_in_sight(browser: Browser) -> None:
    shelf = Shelf(rows_of(LONG))
    async with hosting(browser, shelf.call, viewport={"width": 360, "height": 700}) as host:
        await at_the_top(host, shelf)
        box = await host.app.locator(".tail", has_text="cccc.mov").bounding_box()
        assert box is not None
        assert 0 < box["x"] < box["x"] + box["width"] < 300


async def test_the_frame_is_as_tall_as_the_content_and_a_long_list_scrolls_within(browser: Browser) -> None:
    shelf = Shelf(rows_of({f"clip{number:03}.mp4": 1 for number in range(100)}))
    async with hosting(browser, shelf.call, {"containerDimensions": {"maxHeight": 400}}) as host:
        small = await height_told(host)
        await at_the_top(host, shelf)
        await host.page.wait_for_selector("iframe[style*='height: 400px']")
        assert small < await height_told(host, at_least=400) == 400
        assert await host.app.locator("#list").evaluate("list => list.scrollHeight > list.clientHeight")


async def test_the_app_fills_a_frame_of_fixed_height(browser: Browser, shelf: Shelf) -> None:
    async with hosting(browser, shelf.call, {"containerDimensions": {"height": 100, "width": 700}}) as host:
        await at_the_top(host, shelf)
        assert await height_told(host) == 100


async def test_full_screen_is_asked_for_and_left_where_the_host_has_it(browser: Browser, shelf: Shelf) -> None:
    context = {"displayMode": "inline", "availableDisplayModes": ["inline", "fullscreen"]}
    async with hosting(browser, shelf.call, context) as host:
        for label in ("Full screen", "Leave full screen"):
            await host.app.get_by_role("button", name=label, exact=True).click()
        await host.app.get_by_role("button", name="Full screen", exact=True).wait_for()
        asked = await host.heard("ui/request-display-mode")
        assert [request["params"]["mode"] for request in asked] == ["fullscreen", "inline"]
    async with hosting(browser, shelf.call) as host:
        assert not await host.app.locator("#grow").is_visible()


async def test_numbers_and_dates_are_the_reader_s(browser: Browser, shelf: Shelf) -> None:
    given = {"connector_id": ARCHIVE, "prefix": "backup", "details": True}
    for locale, size, date in (("de-DE", "1,2 GB", "01.04.2026"), ("en-US", "1.2 GB", "Apr 1, 2026")):
        async with hosting(browser, shelf.call, {"locale": locale, "timeZone": "Asia/Tokyo"}) as host:
            await host.shows(answer(shelf.browsed(given)), **given)
            await host.rows.first.wait_for()
            text = await host.rows.first.inner_text()
            assert size in text.replace("\xa0", " ")
            assert date in text


async def test_a_host_that_says_nonsense_of_itself_is_borne(browser: Browser, shelf: Shelf) -> None:
    nonsense = {"theme": 7, "locale": "no locale!", "timeZone": "Moon/Base", "safeAreaInsets": {"top": "x", "left": 9}}
    async with hosting(browser, shelf.call, nonsense) as host:
        await at_the_top(host, shelf)
        assert await host.app.locator("html").evaluate("html => html.style.padding") == "0px 0px 0px 9px"
        assert len(await host.names()) == 6
