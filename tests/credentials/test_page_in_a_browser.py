"""The page in Debian's Chromium, as a person uses it: without scripts, on a phone, in the dark, by keyboard alone."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from mcp_server.credentials.listener import open_desk
from mcp_server.credentials.tickets import Desk, Ticket
from tests.credentials.errands import (
    DONE,
    KEEPABLE,
    KEPT,
    KEY_FILE,
    KEY_ID,
    REFUSED,
    SECRET,
    Clock,
    FakeErrand,
    digest,
    gcs_errand,
)
from tests.credentials.visits import AS_TYPED
from tests.emulators.chromium import HOW_TO_GET_IT, another_site, chromium, chromium_path, tab
from tests.materials import SERVICE_ACCOUNT, made

pytestmark = pytest.mark.anyio
SEND = "form button:not(.second)"


@pytest.fixture(scope="module")
async def browser(anyio_backend: str) -> AsyncGenerator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest.fixture
async def desk(anyio_backend: str) -> AsyncGenerator[Desk]:
    async with open_desk() as desk:
        yield desk


def issued(desk: Desk, errand: FakeErrand) -> Ticket:
    return desk.issue(errand, key="a call")


# ---- from the link to the end ------------------------------------------------------------------------------------


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
async def test_a_secret_is_refused_corrected_and_taken(scripts: bool, desk: Desk, browser: Browser) -> None:  # noqa: FBT001
    errand = FakeErrand(fields=(KEY_ID, SECRET), answers=[REFUSED])
    async with tab(browser, java_script_enabled=scripts) as seen:
        await seen.page.goto(issued(desk, errand).url)
        assert await seen.says("Only continue if you asked for it.")
        assert await seen.says("https://api.vectormethods.com/api/v2")
        await seen.page.get_by_label("Access key id").fill("the-key-id")
        await seen.page.get_by_label("Secret access key").fill(AS_TYPED)
        await seen.page.click(SEND)
        assert await seen.says("403 SignatureDoesNotMatch")
        assert await seen.page.get_by_label("Access key id").input_value() == "the-key-id"
        assert await seen.page.get_by_label("Secret access key").input_value() == ""
        await seen.page.get_by_label("Secret access key").fill(made("a better one"))
        await seen.page.click(SEND)
        assert await seen.says(DONE)
        assert await seen.says("Go back to your assistant")
    given = [AS_TYPED, made("a better one")]
    assert errand.sent == [{KEY_ID.name: digest("the-key-id"), SECRET.name: digest(each)} for each in given]


async def test_the_keyboard_is_enough(desk: Desk, browser: Browser) -> None:
    errand = FakeErrand(answers=[REFUSED])
    async with tab(browser) as seen:
        await seen.page.goto(issued(desk, errand).url)
        keyboard = seen.page.keyboard
        await keyboard.press("Tab")
        await keyboard.insert_text("a wrong secret")
        await keyboard.press("Enter")
        await seen.page.wait_for_selector("[role=alert]:focus")
        await keyboard.press("Tab")
        await keyboard.press("Enter")
        await seen.page.wait_for_selector(f"#field-{SECRET.name}:focus")
        await keyboard.insert_text(AS_TYPED)
        await keyboard.press("Tab")
        await keyboard.press("Enter")
        await seen.page.wait_for_selector(".good")
    assert errand.sent[-1] == {SECRET.name: digest(AS_TYPED)}


async def test_the_browser_asks_for_what_is_missing_before_it_sends(desk: Desk, browser: Browser) -> None:
    errand = FakeErrand()
    async with tab(browser) as seen:
        await seen.page.goto(issued(desk, errand).url)
        await seen.page.click(SEND)
        await seen.page.wait_for_selector(f"#field-{SECRET.name}:focus")
    assert errand.sent == []


async def test_what_was_made_can_be_kept_without_typing_again(desk: Desk, browser: Browser) -> None:
    errand = FakeErrand(answers=[KEEPABLE])
    async with tab(browser) as seen:
        await seen.page.goto(issued(desk, errand).url)
        await seen.page.get_by_label("Secret access key").fill(AS_TYPED)
        await seen.page.click(SEND)
        await seen.page.get_by_role("button", name="Finish as it is").click()
        assert await seen.says(KEPT)
    assert (len(errand.sent), errand.kept) == (1, 1)


# ---- a key file --------------------------------------------------------------------------------------------------


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key.json"
    path.write_text(SERVICE_ACCOUNT, encoding="utf-8")
    return path


async def drop(page: Page, selector: str, path: Path) -> None:
    """What happens when a file from the desktop is let go over an element."""
    box = await page.locator(selector).bounding_box()
    assert box is not None
    session: Any = await page.context.new_cdp_session(page)
    where = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        await session.send("Input.dispatchDragEvent", {"type": kind, **where, "data": data})


async def test_a_key_file_is_dropped(desk: Desk, browser: Browser, key_file: Path) -> None:
    errand = gcs_errand()
    async with tab(browser) as seen:
        await seen.page.goto(issued(desk, errand).url)
        await drop(seen.page, "[type=file]", key_file)
        await seen.page.wait_for_function("document.querySelector('[type=file]').files.length === 1")
        await seen.page.click(SEND)
        assert await seen.says(DONE)
    assert errand.sent == [{KEY_FILE.name: digest(SERVICE_ACCOUNT)}]


async def test_a_key_file_is_chosen(desk: Desk, browser: Browser, key_file: Path) -> None:
    errand = gcs_errand()
    async with tab(browser, java_script_enabled=False) as seen:
        await seen.page.goto(issued(desk, errand).url)
        await seen.page.get_by_label("Choose the file, or drop it here").set_input_files(key_file)
        await seen.page.click(SEND)
        assert await seen.says(DONE)
    assert errand.sent == [{KEY_FILE.name: digest(SERVICE_ACCOUNT)}]


async def test_a_key_is_pasted(desk: Desk, browser: Browser) -> None:
    errand = gcs_errand(REFUSED)
    async with tab(browser, java_script_enabled=False) as seen:
        await seen.page.goto(issued(desk, errand).url)
        for _ in range(2):
            assert await seen.page.get_by_label("Paste its text").input_value() == ""
            await seen.page.get_by_label("Paste its text").fill(SERVICE_ACCOUNT)
            await seen.page.click(SEND)
        assert await seen.says(DONE)
    assert errand.sent == [{KEY_FILE.name: digest(SERVICE_ACCOUNT)}] * 2


async def test_a_wrong_file_of_five_megabytes_is_told_and_not_a_broken_connection(
    desk: Desk, browser: Browser, tmp_path: Path
) -> None:
    film = tmp_path / "film.json"
    film.write_bytes(b"x" * 5_000_000)
    errand = gcs_errand()
    async with tab(browser) as seen:
        await seen.page.goto(issued(desk, errand).url)
        await seen.page.get_by_label("Choose the file, or drop it here").set_input_files(film)
        await seen.page.click(SEND)
        assert await seen.says("larger than 64 KiB")
        assert await seen.says("5 tries left")
    assert errand.sent == []


# ---- how it looks ------------------------------------------------------------------------------------------------


async def test_the_page_is_dark_where_the_person_likes_it_dark(desk: Desk, browser: Browser) -> None:
    shades: list[str] = []
    for scheme in ("light", "dark"):
        async with tab(browser, color_scheme=scheme) as seen:
            await seen.page.goto(issued(desk, FakeErrand()).url)
            shades.append(await seen.page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert shades == ["rgb(243, 244, 247)", "rgb(14, 16, 21)"]


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("make", [FakeErrand, gcs_errand], ids=["S3", "GCS"])
async def test_nothing_sticks_out_of_a_screen(width: int, make: type[FakeErrand], desk: Desk, browser: Browser) -> None:
    errand = make()
    errand.facts = (*errand.facts, ("Bucket", "x" * 300), ("Folder", "https://" + "y" * 200))
    errand.answers = [REFUSED]
    async with tab(browser, viewport={"width": width, "height": 800}) as seen:
        await seen.page.goto(issued(desk, errand).url)
        assert await seen.page.evaluate("document.documentElement.scrollWidth") == width


async def test_the_time_left_shrinks_without_a_script(desk: Desk, browser: Browser) -> None:
    async with tab(browser) as seen:
        await seen.page.goto(issued(desk, FakeErrand()).url)
        await seen.page.wait_for_function(
            "document.querySelector('.time rect').width.animVal.value < document.querySelector('.time svg').clientWidth"
        )


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
async def test_a_form_left_open_is_gone_when_its_time_is_over(scripts: bool, browser: Browser) -> None:  # noqa: FBT001
    clock = Clock()
    async with open_desk(clock) as desk, tab(browser, java_script_enabled=scripts) as seen:
        url = issued(desk, FakeErrand()).url
        clock.passes(594.5)
        await seen.page.goto(url)
        await seen.page.get_by_label("Secret access key").fill(AS_TYPED)
        await seen.page.wait_for_url("about:blank")
        assert await seen.page.locator("form").count() == 0
        clock.passes(5.5)
        await seen.page.go_back()
        assert await seen.says("This link has expired")


# ---- against other pages -----------------------------------------------------------------------------------------


async def test_a_script_in_a_fact_does_not_run(desk: Desk, browser: Browser) -> None:
    evil = "<script>document.title='broken'</script><img src=x onerror=\"document.title='broken'\">"
    async with tab(browser) as seen:
        await seen.page.goto(issued(desk, FakeErrand(evil, ((evil, evil),))).url)
        assert await seen.page.evaluate("document.querySelectorAll('script, img').length") == 0
        assert await seen.says(evil)
        assert "broken" not in (await seen.page.title()).partition("<")[0]


async def test_a_link_on_another_site_can_be_followed_twice(desk: Desk, browser: Browser) -> None:
    errand = FakeErrand()
    with another_site(f'<a href="{issued(desk, errand).url}">open</a>') as link:
        async with tab(browser) as seen:
            for _ in range(2):
                await seen.page.goto(link)
                await seen.page.click("a")
                await seen.page.get_by_label("Secret access key").fill(AS_TYPED)
            await seen.page.click(SEND)
            assert await seen.says(DONE)


async def test_another_site_can_not_show_the_page_in_a_frame(desk: Desk, browser: Browser) -> None:
    ticket = issued(desk, FakeErrand())
    with another_site(f'<iframe src="{ticket.url}"></iframe>') as link:
        async with tab(browser) as seen:
            await seen.page.goto(link)
            assert "media-archive" not in await seen.page.frames[1].content()
            assert any("frame-ancestors" in complaint for complaint in seen.complaints)
            seen.complaints.clear()
            await seen.page.goto(ticket.url)
            assert await seen.says("media-archive")


async def test_another_site_can_not_send_the_form(desk: Desk, browser: Browser) -> None:
    errand = FakeErrand()
    ticket = issued(desk, errand)
    asked = f'<input name="{SECRET.name}" value="forged"><button>Win a prize</button>'
    forged = f'<form method="post" action="{ticket.url}">{asked}</form>'
    with another_site(forged) as link:
        async with tab(browser) as seen:
            await seen.page.goto(ticket.url)
            await seen.page.goto(link)
            await seen.page.click("button")
            assert await seen.says("This did not come from the page")
    assert errand.sent == []
    assert ticket.tries_left == 5


async def test_a_second_browser_is_told_where_the_page_is_open(desk: Desk, browser: Browser) -> None:
    ticket = issued(desk, FakeErrand())
    async with tab(browser) as first, tab(browser) as second:
        await first.page.goto(ticket.url)
        await second.page.goto(ticket.url)
        assert await second.says("This link was opened in another browser")


async def test_going_back_after_the_end_shows_no_form(desk: Desk, browser: Browser) -> None:
    other = desk.issue(FakeErrand(), key="another call")
    async with tab(browser) as seen:
        await seen.page.goto(issued(desk, FakeErrand()).url)
        await seen.page.get_by_label("Secret access key").fill(AS_TYPED)
        await seen.page.click(SEND)
        assert await seen.says(DONE)
        await seen.page.go_back()
        assert await seen.says("This link was used")
    assert other.state == "open"


# ---- where there is no browser -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
async def test_without_a_browser_these_tests_are_skipped_but_not_in_ci(
    ci: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(outcome, match=HOW_TO_GET_IT):
        chromium_path()
