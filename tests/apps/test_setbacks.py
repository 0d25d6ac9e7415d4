"""What the app shows when a call fails, is cancelled or comes too late: the words of the tool, and a way on."""

from __future__ import annotations

import pytest

from tests.apps.hosting import Host, at_the_top
from tests.apps.shelf import ARCHIVE, TOP, Shelf, answer, refusal

pytestmark = pytest.mark.anyio
FORBIDDEN = "The storage refused the access.\nGive the key s3:ListBucket.\ncode: storage_forbidden"


async def test_an_error_of_the_model_s_call_is_shown_and_can_be_repeated(host: Host, shelf: Shelf) -> None:
    await host.shows(refusal(FORBIDDEN), connector_id=ARCHIVE, prefix="music/")
    alert = host.app.get_by_role("alert")
    await alert.wait_for()
    assert await alert.locator("p").all_inner_texts() == FORBIDDEN.split("\n")
    await alert.get_by_role("button").click()
    await host.rows.first.wait_for()
    assert await host.names() == ["theme.wav"]
    assert await host.focused() == "theme.wav"
    assert not await alert.is_visible()


async def test_an_error_leaves_what_was_there(host: Host, shelf: Shelf) -> None:
    await at_the_top(host, shelf)
    shelf.scripted = [refusal(FORBIDDEN), {"error": {"code": -32000, "message": "The person said no."}}]
    await host.opened("incoming")
    alert = host.app.get_by_role("alert")
    await alert.get_by_text("Give the key s3:ListBucket.").wait_for()
    assert await host.names() == TOP
    await alert.get_by_role("button").click()
    await alert.get_by_text("The person said no.").wait_for()
    await alert.get_by_role("button").click()
    await host.app.locator("#rows").get_by_text("2026").wait_for()
    assert not await alert.is_visible()


async def test_a_call_that_was_cancelled_can_be_repeated(host: Host, shelf: Shelf) -> None:
    await host.tell("ui/notifications/tool-input", {"arguments": {}})
    await host.tell("ui/notifications/tool-cancelled", {"reason": "by the person"})
    await host.app.get_by_text("The call was cancelled.").wait_for()
    await host.app.get_by_role("button", name="Try again").click()
    await host.rows.first.wait_for()
    assert len(await host.names()) == 3


async def test_a_result_without_structure_is_shown_as_its_text(host: Host) -> None:
    await host.shows({"content": [{"type": "text", "text": "total: 2\n<b>name</b>\u202e"}]})
    words = host.app.locator("#words")
    await words.wait_for()
    assert await words.inner_text() == "total: 2\n<b>name</b>\\u{202e}"


async def test_what_was_asked_last_wins_and_the_rest_is_cancelled(host: Host, shelf: Shelf) -> None:
    await at_the_top(host, shelf)
    async with host.calls_held() as release:
        await host.app.get_by_text("incoming").click()
        await host.app.get_by_text("music").click()
        (cancelled,) = await host.heard_eventually("notifications/cancelled")
        await release()
    await host.app.get_by_text("theme.wav").wait_for()
    first, second = await host.heard("tools/call")
    assert cancelled["params"]["requestId"] == first["id"]
    assert [call["params"]["arguments"]["prefix"] for call in (first, second)] == ["incoming/", "music/"]
    assert await host.path() == ["Connectors", ARCHIVE, "music"]


async def test_a_result_whose_arguments_were_not_told_is_shown(host: Host, shelf: Shelf) -> None:
    await host.tell("ui/notifications/tool-result", answer(shelf.browsed({"details": True})))
    await host.rows.first.wait_for()
    assert await host.names() == TOP
    assert await host.path() == ["Connectors", "Files"]
