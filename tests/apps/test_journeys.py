"""What a reader does in the app: from the connectors to a file, by folders, searches, orders and pages."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.apps.hosting import Host, at_the_top, hosting
from tests.apps.shelf import ARCHIVE, TOP, Shelf, answer, refusal, rows_of
from tests.sessions import Json

pytestmark = pytest.mark.anyio


def last_asked(shelf: Shelf) -> Json:
    """The arguments of the last call without those that are always the same."""
    always = {"details": True, "limit": 200, "recursive": True}
    given = shelf.calls[-1][1]
    assert {name: given[name] for name in always} == always
    return {name: value for name, value in given.items() if name not in always}


# ---- the handshake -----------------------------------------------------------------------------------------------


async def test_the_app_greets_its_host_and_waits(host: Host, shelf: Shelf) -> None:
    (greeting,) = await host.heard("ui/initialize")
    assert greeting["params"]["protocolVersion"] == "2026-01-26"
    assert greeting["params"]["appInfo"]["name"] == "videovector-connectors"
    assert len(await host.heard("ui/notifications/initialized")) == 1
    assert await host.app.locator("main").inner_text() == "Waiting for the result…"
    assert shelf.calls == []


async def test_the_app_answers_its_host(host: Host) -> None:
    replies = [
        await host.asks(method) for method in ("ping", "ui/resource-teardown", "sampling/createMessage", "toString")
    ]
    assert [reply.get("result", reply.get("error", {}).get("code")) for reply in replies] == [{}, {}, -32601, -32601]


# ---- connectors --------------------------------------------------------------------------------------------------


async def test_connectors_are_listed_with_their_status(host: Host, shelf: Shelf) -> None:
    await host.shows(answer(shelf.listed()))
    await host.rows.first.wait_for()
    assert await host.rows.all_inner_texts() == [
        "S3\nArchive S3\nmedia-archive · us-east-1\n\tactive\t2 Apr 2026",
        "GCS\nDailies\nstudio-dailies\n\tfailed\t30 Mar 2026",
        "Az\nReview copies\nreview · studioreview\n\ttesting\tNot tested",
    ]
    assert await host.summary() == "3 connectors"
    assert shelf.calls == []


async def test_connectors_are_found_as_one_types(host: Host, shelf: Shelf) -> None:
    await host.shows(answer(shelf.listed()))
    box = host.app.get_by_role("searchbox")
    await box.fill("DAILIES failed")
    assert await host.names() == ["Dailies"]
    assert await host.summary() == "1 of 3 connectors"
    await box.fill("nothing like it")
    assert await host.names() == []
    assert "No connector has these words." in await host.app.locator("main").inner_text()
    assert shelf.calls == []


async def test_a_connector_is_opened_and_left_again(host: Host, shelf: Shelf) -> None:
    await host.shows(answer(shelf.listed()))
    await host.opened("Archive S3")
    assert await host.names() == TOP
    assert await host.path() == ["Connectors", "Archive S3"]
    assert last_asked(shelf) == {"connector_id": ARCHIVE, "prefix": "", "pattern": "*", "sort": "path"}
    await host.app.get_by_role("button", name="Connectors").click()
    await host.settles()
    assert await host.names() == ["Archive S3", "Dailies", "Review copies"]
    assert shelf.calls[-1] == ("list_connectors", {})


async def test_no_connectors_is_said(host: Host, shelf: Shelf) -> None:
    shelf.connectors = ()
    await host.shows(answer(shelf.listed()))
    await host.app.get_by_text("There are no connectors yet.").wait_for()


# ---- folders and files -------------------------------------------------------------------------------------------


async def test_a_listing_is_shown_as_folders_and_files(host: Host, shelf: Shelf) -> None:
    await at_the_top(host, shelf)
    texts = [text.replace("\n", " ").replace("\t", "") for text in await host.rows.all_inner_texts()]
    assert texts[0] == "Folder incoming 4 files 9.7 GB"
    assert texts[3:] == [
        "archive backup.tar.gz 1.2 GB1 Apr 2026",
        "other checksums 12 kB2 Apr 2026",
        "video trailer.mp4 24 MB9 Apr 2026",
    ]
    assert await host.summary() == "9 files · 11 GB · newest 9 Apr 2026"
    assert shelf.calls == []


async def test_a_folder_is_opened_by_browsing_its_prefix_and_left_by_the_path(host: Host, shelf: Shelf) -> None:
    await at_the_top(host, shelf)
    await host.opened("incoming")
    await host.opened("2026")
    assert last_asked(shelf)["prefix"] == "incoming/2026/"
    assert await host.names() == ["04", "05"]
    assert await host.path() == ["Connectors", ARCHIVE, "incoming", "2026"]
    await host.app.get_by_role("button", name="incoming").click()
    await host.settles()
    assert last_asked(shelf)["prefix"] == "incoming/"
    await host.app.get_by_role("button", name=ARCHIVE).click()
    await host.settles()
    assert await host.names() == TOP


async def test_all_that_is_known_of_a_file_is_unfolded(host: Host, shelf: Shelf) -> None:
    shelf.rows[0]["content_type"] = "application/gzip"
    await at_the_top(host, shelf)
    await host.opened("backup.tar.gz")
    details = host.app.locator("#rows .details")
    assert (await details.inner_text()).splitlines() == [
        "Path", "backup.tar.gz", "Size", "1,200,000,000 bytes", "Modified", "1 April 2026 at 09:30:00", "Type",
        "application/gzip",
    ]  # fmt: skip
    await host.opened("backup.tar.gz")
    assert await details.count() == 0
    assert shelf.calls == []


async def test_the_rest_of_an_unfinished_prefix_is_the_last_step(host: Host, shelf: Shelf) -> None:
    given: Json = {"connector_id": ARCHIVE, "prefix": "incoming/2026/04/inter", "details": True}
    await host.shows(answer(shelf.browsed(given)), **given)
    await host.rows.first.wait_for()
    assert await host.path() == ["Connectors", ARCHIVE, "incoming", "2026", "04", "inter…"]
    assert await host.names() == ["interview.mp4", "interview.srt"]


async def test_sizes_come_by_themselves_when_the_model_asked_for_paths_alone(host: Host, shelf: Shelf) -> None:
    given: Json = {"connector_id": ARCHIVE, "prefix": "incoming/", "limit": 2, "cursor": "2"}
    await host.shows(answer(shelf.browsed(given)), **given, sort="", pattern=None)
    await host.app.get_by_text("9.7 GB").first.wait_for()
    (call,) = shelf.calls
    assert call[1] == {**given, "details": True, "pattern": "*", "recursive": True, "sort": "path"}


async def test_paths_alone_are_shown_where_the_host_lets_call_no_tools(browser: Browser, shelf: Shelf) -> None:
    given: Json = {"connector_id": ARCHIVE}
    async with hosting(browser, shelf.call, capabilities={}) as host:
        await host.shows(answer(shelf.browsed(given)), **given)
        await host.rows.first.wait_for()
        assert await host.names() == TOP
        assert shelf.calls == []


async def test_totals_alone_are_shown_with_a_way_to_the_files(host: Host, shelf: Shelf) -> None:
    given: Json = {"connector_id": ARCHIVE, "summary": True}
    await host.shows(answer(shelf.browsed(given)), **given)
    await host.app.get_by_role("button", name="Show the files").click()
    await host.rows.first.wait_for()
    assert await host.summary() == "9 files · 11 GB · newest 9 Apr 2026"
    assert await host.names() == TOP


@pytest.mark.parametrize(
    ("prefix", "said"), [("", "There are no files."), ("none/", "There is nothing in this folder.")]
)
async def test_emptiness_is_said(prefix: str, said: str, host: Host, shelf: Shelf) -> None:
    given: Json = {"connector_id": ARCHIVE, "prefix": prefix, "details": True}
    shelf.rows = []
    await host.shows(answer(shelf.browsed(given)), **given)
    await host.app.get_by_text(said).wait_for()


# ---- searches and orders -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("KEYNOTE", ["keynote.mp4", "keynote.jpg"]),
        ("2026/04", ["interview.mp4", "interview.srt", "skyline.mov"]),
        ("/posters", ["keynote.jpg"]),
        ("*.{MP4,wav}", ["interview.mp4", "keynote.mp4", "theme.wav", "trailer.mp4"]),
        ("[st]*.mov", ["skyline.mov"]),
        ("no such name", []),
    ],
)
async def test_names_are_searched_below_the_folder(words: str, found: list[str], host: Host, shelf: Shelf) -> None:
    await at_the_top(host, shelf)
    await host.searched(words)
    assert await host.names() == found
    assert await host.app.get_by_role("searchbox").input_value() == words


@pytest.mark.parametrize("words", ["day 1,take/a", "A,B"])
async def test_a_comma_is_searched_like_any_character(words: str, host: Host, shelf: Shelf) -> None:
    shelf.rows = rows_of(dict.fromkeys(["r/day 1,take/a,b.mp4", "take/abc.mp4", "x/unrelated day 1"], 1))
    await at_the_top(host, shelf)
    await host.searched(words)
    assert await host.names() == ["a,b.mp4"]


async def test_what_was_found_says_its_folder_and_the_search_ends_with_its_words(host: Host, shelf: Shelf) -> None:
    await at_the_top(host, shelf)
    await host.opened("incoming")
    await host.searched("keynote")
    assert "2026/05/" in await host.rows.first.inner_text()
    await host.searched("nothing like it")
    await host.app.get_by_text("Nothing here matches.").wait_for()
    await host.app.get_by_role("searchbox").fill("")
    await host.settles()
    assert await host.names() == ["2026"]


async def test_the_glob_of_the_model_stands_in_the_search(host: Host, shelf: Shelf) -> None:
    given: Json = {"connector_id": ARCHIVE, "pattern": "*.mp4", "details": True}
    await host.shows(answer(shelf.browsed(given)), **given)
    await host.rows.first.wait_for()
    assert await host.app.get_by_role("searchbox").input_value() == "*.mp4"
    assert await host.names() == ["interview.mp4", "keynote.mp4", "trailer.mp4"]


async def test_a_type_is_pressed_and_released(host: Host, shelf: Shelf) -> None:
    await at_the_top(host, shelf)
    chip = host.app.get_by_role("button", name="mp4 3")
    await chip.click()
    await host.settles()
    assert await chip.get_attribute("aria-pressed") == "true"
    assert await host.names() == ["interview.mp4", "keynote.mp4", "trailer.mp4"]
    await chip.click()
    await host.settles()
    assert await host.names() == TOP


async def test_the_largest_and_the_newest_come_first(host: Host, shelf: Shelf) -> None:
    await at_the_top(host, shelf)
    order = host.app.get_by_label("Order")
    for sort, first in (("size", "skyline.mov"), ("time", "trailer.mp4"), ("path", "incoming")):
        await order.select_option(sort)
        await host.settles()
        assert (await host.names())[0] == first
        assert last_asked(shelf)["sort"] == sort


async def test_an_order_that_is_refused_is_taken_back(host: Host, shelf: Shelf) -> None:
    await at_the_top(host, shelf)
    shelf.scripted = [refusal("sort: only path, for so many files")]
    await host.app.get_by_label("Order").select_option("size")
    await host.app.get_by_role("alert").get_by_text("sort: only path").wait_for()
    assert await host.app.get_by_label("Order").input_value() == "path"
    assert await host.names() == TOP


# ---- pages -------------------------------------------------------------------------------------------------------


async def test_the_next_page_comes_through_the_tool_below_the_first(host: Host, shelf: Shelf) -> None:
    shelf.rows = rows_of({f"clip{number:04}.mp4": 1000 for number in range(450)})
    await at_the_top(host, shelf)
    more = host.app.get_by_role("button", name="Show more")
    for shown in (300, 450):
        assert (
            await host.summary() == f"{shown - 200 if shown == 300 else 300} of 450 files · 450 kB · newest 28 Apr 2026"
        )
        await more.click()
        await host.app.locator(f"#rows tr:nth-child({shown})").wait_for()
    assert [call[1]["cursor"] for call in shelf.calls] == ["100", "300"]
    assert await host.names() == [row["path"] for row in shelf.rows]
    assert not await more.is_visible()
    assert await host.focused() == "clip0300.mp4"


async def test_only_the_folder_that_the_page_ends_in_may_hold_more(host: Host, shelf: Shelf) -> None:
    shelf.rows = rows_of({f"{folder}/{number:03}.mp4": 1000 for folder in "ab" for number in range(80)})
    await at_the_top(host, shelf)
    texts = [text.split() for text in await host.rows.all_inner_texts()]
    assert texts == [["Folder", "a", "80", "files", "80", "kB"], ["Folder", "b", "20+", "files", "20", "kB+"]]
    await host.app.get_by_role("button", name="Show more").click()
    await host.app.get_by_text("160 files").wait_for()
    assert (await host.rows.last.inner_text()).split() == ["Folder", "b", "80", "files", "80", "kB"]


async def test_a_stale_cursor_is_told_and_the_listing_begun_anew(host: Host, shelf: Shelf) -> None:
    shelf.rows = rows_of({f"clip{number:04}.mp4": 1000 for number in range(250)})
    await at_the_top(host, shelf)
    shelf.scripted = [refusal("The cursor is stale.\nBrowse again without it.")]
    await host.app.get_by_role("button", name="Show more").click()
    await host.app.get_by_role("alert").get_by_text("The cursor is stale.").wait_for()
    await host.app.get_by_role("button", name="Try again").click()
    await host.app.get_by_text("200 of 250 files").wait_for()
    assert "cursor" not in shelf.calls[-1][1]
