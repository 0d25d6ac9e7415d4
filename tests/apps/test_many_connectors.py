"""More connectors than one result holds: the app asks for the others, or says of how many it speaks."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.apps.hosting import Host, hosting
from tests.apps.shelf import CONNECTORS, Shelf, answer

pytestmark = pytest.mark.anyio
NAMES = [f"Bucket {number}" for number in range(5)]


def many() -> Shelf:
    connectors = [{**CONNECTORS[0], "connector_id": f"conn_{name[-1]}", "name": name} for name in NAMES]
    return Shelf(connectors=connectors, page_size=2)


async def found(host: Host, words: str) -> list[str]:
    await host.app.get_by_role("searchbox").fill(words)
    return await host.names()


@pytest.mark.parametrize("cursor", [None, "2"])
async def test_the_other_pages_come_by_themselves(cursor: str | None, browser: Browser) -> None:
    shelf = many()
    given = {} if cursor is None else {"cursor": cursor}
    async with hosting(browser, shelf.call) as host:
        await host.shows(answer(shelf.listed(given)), **given)
        await host.rows.nth(4).wait_for()
        assert await host.names() == NAMES
        assert await host.summary() == "5 connectors"
        assert shelf.calls == [("list_connectors", given) for given in ({}, {"cursor": "2"}, {"cursor": "4"})]
        assert await found(host, "bucket 4") == ["Bucket 4"]


async def test_where_tools_cannot_be_called_it_says_of_how_many_it_speaks(browser: Browser) -> None:
    shelf = many()
    async with hosting(browser, shelf.call, capabilities={}) as host:
        await host.shows(answer(shelf.listed()))
        await host.rows.first.wait_for()
        assert await host.summary() == "2 of 5 connectors"
        assert await found(host, "bucket 4") == []
        assert "None of the first 2 has these words." in await host.app.locator("main").inner_text()
