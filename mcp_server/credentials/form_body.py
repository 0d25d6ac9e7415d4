"""Reads what a page's form sends, bounded in size and time, and only the fields that the page has."""

from __future__ import annotations

from collections.abc import Collection

import anyio
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from mcp_server.body_bounds import announced, bounded
from mcp_server.credentials.notices import TOO_SLOW, UNREADABLE, TurnedAway

BODY_BYTES = 64 * 1024
BODY_SECONDS = 30.0
_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


class TooLarge(Exception):
    """The body is over 64 KiB; the rest of it was not read."""


async def read_form(request: Request, names: Collection[str], seconds: float) -> dict[str, str]:
    """The fields as text, a file's too; each at most once and none but these.

    Raises TooLarge, and TurnedAway: 400 not readable or not this form, 408 too slow, 415 of another media type.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in _FORMS:
        raise TurnedAway(415, UNREADABLE)
    if announced(request.headers) > BODY_BYTES:
        raise TooLarge
    try:
        with anyio.fail_after(seconds):
            return await _fields(Request(request.scope, bounded(request.receive, BODY_BYTES, TooLarge)), names)
    except TimeoutError:
        raise TurnedAway(408, TOO_SLOW) from None
    except (ClientDisconnect, HTTPException):
        raise TurnedAway(400, UNREADABLE) from None


async def _fields(request: Request, names: Collection[str]) -> dict[str, str]:
    async with request.form(max_files=8, max_fields=32, max_part_size=BODY_BYTES) as form:
        given = form.multi_items()
        if not {name for name, _ in given} <= set(names) or len(given) != len(form):
            raise TurnedAway(400, UNREADABLE)
        return await _texts(form)


async def _texts(form: FormData) -> dict[str, str]:
    return {name: await _text(part) for name, part in form.items()}


async def _text(part: UploadFile | str) -> str:
    """Of a file, its text without a byte-order mark."""
    return part if isinstance(part, str) else (await part.read()).decode("utf-8-sig", errors="replace")
