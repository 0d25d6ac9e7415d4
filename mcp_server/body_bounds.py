"""Bounds on an HTTP request's body while it is received. How a body that is too large is answered is its caller's."""

from __future__ import annotations

from collections.abc import Callable

import anyio
from anyio.lowlevel import checkpoint
from starlette.datastructures import Headers
from starlette.types import Message, Receive


def announced(headers: Headers) -> int:
    """The length that a request says its body has, 0 when it says none."""
    length = headers.get("content-length", "")
    return int(length) if length.isdecimal() and len(length) < 20 else 0


def bounded(receive: Receive, limit: int, refusal: Callable[[], Exception]) -> Receive:
    """Receives as `receive` does, until more octets than the limit have come: then it raises the refusal."""
    received = 0

    async def receive_within() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise refusal()
        return message

    return receive_within


def within(receive: Receive, seconds: float, refusal: Callable[[], Exception]) -> Receive:
    """Receives as `receive` does, until the body is whole; not whole after so many seconds, it raises the refusal."""
    deadline = anyio.current_time() + seconds
    is_whole = False

    async def receive_within() -> Message:
        nonlocal is_whole
        if is_whole:
            return await receive()
        with anyio.move_on_after(deadline - anyio.current_time()):
            message = await receive()
            is_whole = not message.get("more_body", False)
            return message
        await checkpoint()
        raise refusal()

    return receive_within
