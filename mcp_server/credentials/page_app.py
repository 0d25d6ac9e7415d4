"""The pages over HTTP: who may see one, who may send it, and what is answered. Under `/c/` and nowhere else.

A request is checked in this order: host, method, ticket, principal, origin, browser, body, proof; then the errand runs.
What fails before the errand changes nothing and counts as no try.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta, timezone
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from mcp_server.credentials.errand import FormField
from mcp_server.credentials.form_body import BODY_BYTES, BODY_SECONDS, TooLarge, read_form
from mcp_server.credentials.lingering import Lingering
from mcp_server.credentials.notices import (
    BROKEN,
    COMING_BACK,
    IN_USE,
    NOT_FROM_HERE,
    NOT_VISITED,
    OTHER_BROWSER,
    OVER,
    UNKNOWN,
    TurnedAway,
)
from mcp_server.credentials.page import KEEP, PROOF, Form, done_page, file_part, form_page, refused_page, text_part
from mcp_server.credentials.page_border import PageBorder, html_answer, notice
from mcp_server.credentials.tickets import Desk, Outcome, Ticket

Verify = Callable[[Request], Awaitable["str | None"]]
Given = Mapping[str, str]
_log = logging.getLogger(__name__)
_TOO_LARGE = Outcome(f"That is larger than {BODY_BYTES // 1024} KiB.", "Is it the right file? A key is much smaller.")


def create_page_app(
    desk: Desk, origin: str, verify: Verify | None = None, *, body_seconds: float = BODY_SECONDS
) -> ASGIApp:
    """The pages of this desk for requests to exactly this origin (`https://host`, with the port unless it is usual).

    `verify` tells the principal that a browser's request proves, or None; without it, pages are for tickets without a
    principal. A form has `body_seconds` to arrive.
    """
    pages = _Pages(desk, origin, verify, body_seconds)
    routes = [Route("/c/{token}", pages.answer, methods=["GET", "POST"])]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _not_a_page})
    app.router.redirect_slashes = False
    return Lingering(PageBorder(app, origin))


async def _not_a_page(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return notice(status, UNKNOWN)


class _Pages:
    def __init__(self, desk: Desk, origin: str, verify: Verify | None, body_seconds: float) -> None:
        self._desk = desk
        self._origin = origin.lower()
        self._verify = verify
        self._body_seconds = body_seconds
        self._is_secure = urlsplit(origin).scheme == "https"
        self._cookie = "__Secure-page" if self._is_secure else "page"

    async def answer(self, request: Request) -> Response:
        """Always a page: an error's text and traceback may hold what was sent, so they go nowhere."""
        try:
            ticket = await self._ticket(request)
            return await self._sent(request, ticket) if request.method == "POST" else self._visited(request, ticket)
        except TurnedAway as turned:
            return notice(turned.status, turned.notice)
        except Exception as error:  # noqa: BLE001 - the last border before the web server's log
            _log.error("A page failed: %s", type(error).__name__)
            return notice(500, BROKEN)

    async def _ticket(self, request: Request) -> Ticket:
        """The open ticket of the link, for who may see it."""
        ticket = self._desk.by_token(request.path_params["token"])
        if ticket is None or request.url.query:
            raise TurnedAway(404, UNKNOWN)
        if not await self._is_for(request, ticket):
            raise TurnedAway(403, UNKNOWN)
        if ticket.state != "open":
            raise TurnedAway(410, OVER[ticket.state])
        return ticket

    async def _is_for(self, request: Request, ticket: Ticket) -> bool:
        if self._verify is None:
            return ticket.principal is None
        return ticket.principal is not None and await self._verify(request) == ticket.principal

    def _visited(self, request: Request, ticket: Ticket) -> Response:
        """The first real visit makes this browser the page's; a look ahead of time and a frame are no visits."""
        cookie = request.cookies.get(self._cookie, "")
        if ticket.browser.sent(cookie):
            return _form(ticket, cookie)
        if not _is_visit(request):
            raise TurnedAway(503, NOT_VISITED)
        if ticket.browser.is_known:
            raise TurnedAway(403, COMING_BACK) if _is_from_elsewhere(request) else _other_browser(ticket)
        cookie = ticket.browser.meet()
        response = _form(ticket, cookie)
        self._set_cookie(request, response, cookie, math.ceil(ticket.seconds_left))
        return response

    def _set_cookie(self, request: Request, response: Response, value: str, seconds: int) -> None:
        """For this page alone: other ports of 127.0.0.1 share its cookies, and do not know the path."""
        response.set_cookie(
            self._cookie,
            value,
            max_age=seconds,
            path=request.url.path,
            secure=self._is_secure,
            httponly=True,
            samesite="strict",
        )

    async def _sent(self, request: Request, ticket: Ticket) -> Response:
        """What the form sent, checked, given to the errand, and answered."""
        self._check_origin(request)
        cookie = request.cookies.get(self._cookie, "")
        if not ticket.browser.sent(cookie):
            raise _other_browser(ticket)
        try:
            given = await read_form(request, _names(ticket), self._body_seconds)
        except TooLarge:
            return _form(ticket, cookie, trouble=_TOO_LARGE, status=413)
        if not ticket.browser.proves(cookie, given.get(PROOF, "")):
            raise TurnedAway(403, NOT_FROM_HERE)
        response = await _submitted(ticket, cookie, given)
        if ticket.state != "open":
            self._set_cookie(request, response, "", 0)
        return response

    def _check_origin(self, request: Request) -> None:
        """From the page itself. Under `no-referrer` a browser says Origin: null; then Sec-Fetch-Site must say it."""
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
        is_said = origin == self._origin and site in (None, "same-origin")
        is_implied = origin in (None, "null") and site == "same-origin"
        if not is_said and not is_implied:
            raise TurnedAway(403, NOT_FROM_HERE)


def _is_visit(request: Request) -> bool:
    headers = request.headers
    is_ahead = "prefetch" in headers.get("sec-purpose", "") + headers.get("purpose", "") + headers.get("x-moz", "")
    return request.method == "GET" and not is_ahead and headers.get("sec-fetch-dest", "document") == "document"


def _is_from_elsewhere(request: Request) -> bool:
    return request.headers.get("sec-fetch-site") in ("cross-site", "same-site")


def _other_browser(ticket: Ticket) -> TurnedAway:
    """The first may have been a machine's, until it submits something: the ticket remembers that it is contested."""
    ticket.contest()
    return TurnedAway(403, OTHER_BROWSER if ticket.is_contested else IN_USE)


def _form(
    ticket: Ticket, cookie: str, typed: Given | None = None, trouble: Outcome | None = None, status: int = 422
) -> Response:
    """The page as it is now; the status is for new trouble. What is in place is told whenever the page is seen."""
    left = ticket.seconds_left
    form = Form(
        errand=ticket.errand,
        proof=ticket.browser.proof(cookie),
        seconds_left=left,
        ends=datetime.now(timezone.utc) + timedelta(seconds=left),
        tries_left=ticket.tries_left,
        typed=typed or {},
        trouble=trouble or (ticket.outcome if ticket.keepable else None),
        is_in_place=ticket.keepable,
    )
    return html_answer(form_page(form), status if trouble else 200)


def _parts(asked: FormField) -> tuple[str, ...]:
    """The form's names for it; the first that is not empty counts."""
    return (file_part(asked.name), text_part(asked.name)) if asked.kind == "key_file" else (asked.name,)


def _names(ticket: Ticket) -> set[str]:
    """What the form of this ticket may send now."""
    names = {part for asked in ticket.errand.fields for part in _parts(asked)}
    return {PROOF, *names, *([KEEP] if ticket.keepable else [])}


async def _submitted(ticket: Ticket, cookie: str, given: Given) -> Response:
    fields = ticket.errand.fields
    values = {
        asked.name: next((given[part] for part in _parts(asked) if given.get(part, "").strip()), "") for asked in fields
    }
    typed = {asked.name: values[asked.name] for asked in fields if asked.kind == "text"}
    missing = tuple(name for name, value in values.items() if not value)
    if missing and KEEP not in given:
        return _form(ticket, cookie, typed, Outcome("Something is missing.", fields=missing))
    return _answered(ticket, cookie, typed, await (ticket.keep() if KEEP in given else ticket.submit(values)))


def _answered(ticket: Ticket, cookie: str, typed: Given, outcome: Outcome | None) -> Response:
    title = ticket.errand.title
    if outcome is not None and outcome.done:
        return html_answer(done_page(title, outcome.message))
    if ticket.state == "open":
        return _form(ticket, cookie, typed, outcome)
    over = OVER[ticket.state]
    return notice(410, over) if outcome is None else html_answer(refused_page(title, outcome, over), 410)
