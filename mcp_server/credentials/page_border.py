"""What holds for every request to a page and for every answer: the host it is for, and the headers that protect it.

No ticket is known here.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mcp_server.credentials.notices import WRONG_HOST, Notice
from mcp_server.credentials.page import STYLE_HASH, notice_page

_POLICY = f"default-src 'none'; style-src '{STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class PageBorder:
    """Lets in what is addressed to exactly this origin; an answer of ours leaves with all the headers."""

    def __init__(self, app: ASGIApp, origin: str) -> None:
        self._app = app
        self._host = urlsplit(origin).netloc.lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._inner(scope)(scope, receive, stamped)

    def _inner(self, scope: Scope) -> ASGIApp:
        """Against DNS rebinding: a page of elsewhere that got its name to mean this machine says that name here."""
        is_for_us = scope["type"] != "http" or Headers(scope=scope).get("host", "").lower() == self._host
        return self._app if is_for_us else notice(421, WRONG_HOST)


def notice(status: int, said: Notice) -> Response:
    """The answer that is only a notice."""
    return html_answer(notice_page(said), status)


def html_answer(page: str, status: int = 200) -> Response:
    """A page as an answer; what cannot be encoded is not worth an error."""
    return HTMLResponse(page.encode(errors="replace"), status)
