"""The person before a credential page, without a browser: opens the link, fills the form, sends it. No test is here."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx


@dataclass
class Visit:
    """One browser at one page; `text` is what the page says, without its markup, and `status` its HTTP status."""

    http: httpx.AsyncClient
    url: str
    status: int = 0
    source: str = field(default="", repr=False)

    async def load(self) -> Visit:
        self._took(await self.http.get(self.url))
        return self

    async def send(self, **fields: str) -> Visit:
        """Fill the form in and send it, as the page's own browser does."""
        proof = re.search(r'name="page\.proof" value="(\w+)"', self.source)
        assert proof is not None, self.text
        parts = urlsplit(self.url)
        headers = {"Origin": f"{parts.scheme}://{parts.netloc}", "Sec-Fetch-Site": "same-origin"}
        values = {"page.proof": proof[1], **fields}
        form = {name: (None, value) for name, value in values.items()}
        self._took(await self.http.post(self.url, files=form, headers=headers))
        return self

    async def keep(self) -> Visit:
        """Press the second button."""
        return await self.send(**{"page.keep": "yes"})

    @property
    def text(self) -> str:
        without_style = re.sub(r"<style>.*?</style>", "", self.source, flags=re.DOTALL)
        return " ".join(html.unescape(re.sub("<[^>]*>", " ", without_style)).split())

    def _took(self, response: httpx.Response) -> None:
        self.status, self.source = response.status_code, response.text


@asynccontextmanager
async def visiting(url: str) -> AsyncGenerator[Visit]:
    """A browser with the page loaded."""
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        yield await Visit(http, url).load()


def link_in(text: str) -> str:
    """The link of a page in what a tool says."""
    found = re.search(r"http://127\.0\.0\.1:\d+/c/[\w-]{43}", text)
    assert found is not None, text
    return found[0]
