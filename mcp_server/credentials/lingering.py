"""Answers that come before the request was read. What is asked and answered is not known here."""

from __future__ import annotations

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LINGER_SECONDS = 5.0


class Lingering:
    """Before an answer ends, drops what still comes of the request's body, for 5 seconds at most.

    A connection that is closed with something unread takes the answer with it: the person would see that the page is
    unreachable, and not that it is over or the file too large.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_read = False

        async def heard() -> Message:
            nonlocal is_read
            message = await receive()
            is_read = not message.get("more_body", False)
            return message

        async def drop() -> None:
            with anyio.move_on_after(LINGER_SECONDS):
                while not is_read:
                    await heard()

        async def said(message: Message) -> None:
            if message["type"] == "http.response.body" and not is_read:
                await send({**message, "more_body": True})
                await drop()
                message = {"type": "http.response.body"}
            await send(message)

        await self._app(scope, heard, said)
