"""Debian's Chromium for the tests that drive a real browser, through Playwright, which brings none of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

from tests.emulators.http_server import Asked, Reply, serving

HOW_TO_GET_IT = "Chromium is not installed; on Debian: apt-get install chromium"


def chromium_path() -> str:
    """The browser's program. Skips the test when there is none; in CI, where CI is set, the test fails instead."""
    path = shutil.which("chromium")
    if path is not None:
        return path
    if os.environ.get("CI"):
        pytest.fail(HOW_TO_GET_IT)
    pytest.skip(HOW_TO_GET_IT)


@asynccontextmanager
async def chromium() -> AsyncGenerator[Browser]:
    """The browser, without a window. Without its sandbox, which a container cannot give it: it sees our pages only."""
    path = chromium_path()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Tab:
    """A page in a browser of its own, and what that browser complained of."""

    page: Page
    complaints: list[str] = field(default_factory=list[str])

    def heard(self, message: ConsoleMessage) -> None:
        """A refused form is a 422 and an ended page a 410: the browser notes that, and it is meant so."""
        if message.type in ("error", "warning") and "the server responded with a status of 4" not in message.text:
            self.complaints.append(message.text)

    async def says(self, text: str) -> bool:
        """Whether the page does, when it is there as a whole."""
        await self.page.wait_for_load_state()
        return text in await self.page.inner_text("main")


@asynccontextmanager
async def tab(browser: Browser, **options: Any) -> AsyncGenerator[Tab]:
    """Closed again without a complaint of the browser's: nothing of the page broke its own policy."""
    context = await browser.new_context(**options)
    try:
        opened = Tab(await context.new_page())
        opened.page.on("console", opened.heard)
        opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        yield opened
        assert opened.complaints == []
    finally:
        await context.close()


@contextmanager
def another_site(body: str) -> Generator[str]:
    """A page of another site than 127.0.0.1, since `localhost` is one."""

    def reply(_: Asked) -> Reply:
        return Reply(200, body.encode(), {"Content-Type": "text/html"})

    with serving(reply) as served:
        yield f"http://localhost:{urlsplit(served.url).port}/"
