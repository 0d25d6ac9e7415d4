"""A browser as far as a page can tell: it keeps cookies, reads the form and sends it, over a real connection."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx

from mcp_server.credentials.errand import Errand
from mcp_server.credentials.listener import open_desk
from mcp_server.credentials.page import PROOF
from mcp_server.credentials.tickets import Desk, Ticket
from tests.credentials.errands import SECRET, Clock, FakeErrand
from tests.materials import odd_secret

FORM, URLENCODED = "multipart/form-data; boundary=b", "application/x-www-form-urlencoded"
AS_TYPED = odd_secret("typed")
Fields = Mapping[str, str]


PROTECTION = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@dataclass
class Visitor:
    """One browser on one page. `proof` is what the form last said."""

    client: httpx.AsyncClient
    url: str
    proof: str = ""

    @property
    def origin(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def cookie(self) -> str:
        """The value of the page's cookie."""
        return next(iter(self.client.cookies.values()), "")

    async def visit(self, **headers: str) -> httpx.Response:
        """Open the page; a header's `_` is a `-`."""
        return self._seen(await self.client.get(self.url, headers=_names(headers)))

    async def send(self, fields: Fields | None = None, **headers: str) -> httpx.Response:
        """Send the form, with a secret if nothing else is said, as a browser does; an empty header is left out."""
        parts = {PROOF: self.proof, **({SECRET.name: AS_TYPED} if fields is None else fields)}
        return await self.post({name: (None, text) for name, text in parts.items()}, None, **headers)

    async def post(self, files: Any = None, content: Any = None, **headers: str) -> httpx.Response:
        """Send any body."""
        sent = {"Origin": "null", "Sec-Fetch-Site": "same-origin", **_names(headers)}
        kept = {name: value for name, value in sent.items() if value}
        return self._seen(await self.client.post(self.url, files=files, content=content, headers=kept))

    def _seen(self, answer: httpx.Response) -> httpx.Response:
        found = re.search(rf'name="{PROOF}" value="(\w+)"', answer.text)
        self.proof = found[1] if found else self.proof
        return answer


def _names(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@asynccontextmanager
async def visiting(url: str) -> AsyncGenerator[Visitor]:
    """A new browser for a link, which it has not opened yet."""
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        yield Visitor(client, url)


@dataclass
class Scene:
    """A page that was opened, and all that is about it."""

    desk: Desk
    clock: Clock
    errand: FakeErrand
    ticket: Ticket
    visitor: Visitor

    @property
    def is_untouched(self) -> bool:
        """Nothing was sent, nothing was counted, and the person can go on."""
        return not self.errand.sent and self.ticket.tries_left == 5 and self.ticket.state == "open"


@asynccontextmanager
async def opened(errand: FakeErrand | None = None) -> AsyncGenerator[Scene]:
    """A page on a real port, opened in a browser."""
    clock = Clock()
    sent = errand or FakeErrand()
    async with open_desk(clock) as desk:
        ticket = desk.issue(sent, key="a call")
        async with visiting(ticket.url) as visitor:
            assert (await visitor.visit()).status_code == 200
            yield Scene(desk, clock, sent, ticket, visitor)


@asynccontextmanager
async def also_opened(desk: Desk, errand: Errand | None = None) -> AsyncGenerator[Visitor]:
    """Another page of the same desk, opened in another browser."""
    async with visiting(desk.issue(errand or FakeErrand(), key="another call").url) as visitor:
        await visitor.visit()
        yield visitor


async def said_to(origin: str, *chunks: bytes, wait: bool = True) -> bytes:
    """What comes back for these octets, to the end of the connection; without `wait`, nothing is read."""
    parts = urlsplit(origin)
    async with await anyio.connect_tcp(str(parts.hostname), int(parts.port or 0)) as stream:
        for chunk in chunks:
            await stream.send(chunk)
        return b"".join([part async for part in stream]) if wait else b""


def is_protected(answer: httpx.Response) -> bool:
    policy = answer.headers["content-security-policy"]
    return (
        PROTECTION.items() <= dict(answer.headers).items()
        and "default-src 'none'" in policy
        and "frame-ancestors 'none'" in policy
        and "form-action 'self'" in policy
        and "base-uri 'none'" in policy
        and "script-src" not in policy
        and "unsafe" not in policy
        and "camera=()" in answer.headers["permissions-policy"]
        and "server" not in answer.headers
    )


def form_of(visitor: Visitor, **changes: str) -> dict[str, str]:
    return {PROOF: visitor.proof, SECRET.name: AS_TYPED, **changes}


def multipart(*parts: tuple[str, str]) -> bytes:
    ends = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in parts]
    return ("".join(ends) + "--b--\r\n").encode()


Attack = Callable[[Visitor, Visitor], Awaitable[httpx.Response]]
