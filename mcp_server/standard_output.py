"""Standard output of a server over stdio: what its reader has room for is written at once, the rest by a thread.

The SDK's own takes two turns of a thread for each message, which is the tenth part of a call.
"""

from __future__ import annotations

import os
import select
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import IO, Any

import anyio
from anyio import to_thread

_ROOM = getattr(select, "PIPE_BUF", 512)
"""Octets that can be written without waiting as soon as anything can."""


class MessageOutput(anyio.AsyncFile[str]):
    """Text of which each write is one message, sent by the flush after it."""

    def __init__(self, file: IO[str]) -> None:
        super().__init__(file)
        self._descriptor = file.fileno()
        self._unsent = memoryview(b"")
        self._readiness = select.poll()
        self._readiness.register(self._descriptor, select.POLLOUT)

    async def write(self, b: Any) -> int:
        """Keep the message for the flush."""
        self._unsent = memoryview(str(b).encode())
        return len(b)

    async def flush(self) -> None:
        """Send the message. Raises OSError when nobody reads any more."""
        self._send(0)
        if self._unsent:
            await to_thread.run_sync(partial(self._send, None))

    def _send(self, patience: int | None) -> None:
        """Write until nothing is left, or there is no room for so many milliseconds; None waits for room."""
        while self._unsent and self._readiness.poll(patience):
            self._unsent = self._unsent[os.write(self._descriptor, self._unsent[:_ROOM]) :]


@contextmanager
def claimed_output() -> Generator[MessageOutput | None]:
    """Standard output for messages alone: meanwhile stderr gets what else is printed. None where the SDK has to do it.

    What it is claimed with is never closed: a thread may still write to it.
    """
    if not hasattr(select, "poll"):  # on Windows
        yield None
        return
    wire = os.dup(1)
    os.dup2(2, 1)
    try:
        yield MessageOutput(os.fdopen(wire, "w", encoding="utf-8", closefd=False))
    finally:
        os.dup2(wire, 1)
