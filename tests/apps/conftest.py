"""One Chromium for the tests of a module, and a shelf of files for each."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
from playwright.async_api import Browser

from tests.apps.hosting import Host, hosting
from tests.apps.shelf import Shelf
from tests.emulators.chromium import chromium


@pytest.fixture(scope="module")
async def browser(anyio_backend: str) -> AsyncGenerator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
async def host(browser: Browser, shelf: Shelf) -> AsyncGenerator[Host]:
    """The app after its handshake, with the shelf behind its host."""
    async with hosting(browser, shelf.call, {"locale": "en-GB", "timeZone": "UTC"}) as host:
        yield host
