"""A host page in Chromium with the app in a sandboxed frame, under the policy that the extension prescribes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, FrameLocator, Locator, Page

from mcp_server.apps.connectors import page as app_page
from tests.apps.shelf import ARCHIVE, Shelf, answer
from tests.emulators.chromium import tab
from tests.sessions import Json

HOST = Path(__file__).with_name("host.html")
CAPABILITIES: Json = {"serverTools": {}, "openLinks": {}}
Call = Callable[[str, Json], Awaitable[Json]]


@dataclass(frozen=True)
class Host:
    """What the test sees and does: the host's page, and the app within it."""

    page: Page
    complaints: list[str]
    requests: list[str]

    @property
    def app(self) -> FrameLocator:
        return self.page.frame_locator("iframe")

    @property
    def rows(self) -> Locator:
        return self.app.locator("#rows > tr:not(.details)")

    async def shows(self, result: Json, **given: Any) -> None:
        """The tool was called with these arguments by the model, and this is its result."""
        await self.tell("ui/notifications/tool-input", {"arguments": given})
        await self.tell("ui/notifications/tool-result", result)

    async def tell(self, method: str, params: Json) -> None:
        """Returns when the app has taken it: messages come one after another."""
        await self.page.evaluate("([method, params]) => tell(method, params)", [method, params])
        await self.asks("ping")

    async def heard(self, method: str) -> list[Json]:
        """The messages of this method that the app sent so far."""
        script = "method => heard.filter((message) => message.method === method)"
        found: list[Json] = await self.page.evaluate(script, method)
        return found

    async def asks(self, method: str) -> Json:
        """The app's answer to a request of the host's."""
        reply: Json = await self.page.evaluate("method => ask(method)", method)
        return reply

    async def heard_eventually(self, method: str) -> list[Json]:
        """The same, as soon as there is one."""
        await self.page.evaluate("method => hears(method)", method)
        return await self.heard(method)

    @asynccontextmanager
    async def calls_held(self) -> AsyncGenerator[Callable[[], Awaitable[None]]]:
        """Within it no call is answered, until it is released."""
        await self.page.evaluate("hold()")

        async def release() -> None:
            await self.page.evaluate("release()")

        yield release

    async def summary(self) -> str:
        return await self.app.locator("#summary").inner_text()

    async def path(self) -> list[str]:
        return await self.app.locator("#path .step").all_inner_texts()

    async def names(self) -> list[str]:
        """The names on the screen, in their order, each whole."""
        return await self.app.locator("#rows .name").all_text_contents()

    async def settles(self) -> None:
        """All that was asked for is drawn."""
        await self.app.locator("main[aria-busy=false]").wait_for()

    async def opened(self, name: str) -> None:
        """A row was clicked, and what it leads to came."""
        await self.app.locator("#rows .name", has_text=name).first.click()
        await self.settles()

    async def searched(self, words: str) -> None:
        await self.app.get_by_role("searchbox").fill(words)
        await self.press("Enter")

    async def titles(self) -> list[str]:
        found: list[str] = await self.app.locator("#rows .name").evaluate_all("all => all.map((one) => one.title)")
        return found

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)
            await self.settles()

    async def focused(self) -> str:
        """The name in the row that has the focus."""
        return await self.app.locator("#rows tr:focus .name").inner_text()


@asynccontextmanager
async def hosting(
    browser: Browser, call: Call, context: Json | None = None, capabilities: Json = CAPABILITIES, **options: Any
) -> AsyncGenerator[Host]:
    """The app after its handshake. Closed without a complaint of the browser's and without any request of the app's."""
    async with tab(browser, **options) as seen:
        requests: list[str] = []
        seen.page.on("request", lambda request: requests.append(request.url))
        await seen.page.set_content(HOST.read_text(encoding="utf-8"))
        untyped: Any = seen.page
        await untyped.expose_function("callTool", call)
        initialization = {
            "protocolVersion": "2026-01-26",
            "hostInfo": {"name": "a small host", "version": "1"},
            "hostCapabilities": capabilities,
            "hostContext": context or {},
        }
        await seen.page.evaluate("([html, result]) => open(html, result)", [app_page(), initialization])
        yield Host(seen.page, seen.complaints, requests)
        assert [url for url in requests if not url.startswith("about:")] == []


async def at_the_top(host: Host, shelf: Shelf) -> None:
    """The model browsed a whole connector, with details."""
    given: Json = {"connector_id": ARCHIVE, "details": True}
    await host.shows(answer(shelf.browsed(given)), **given)
    await host.rows.first.wait_for()
