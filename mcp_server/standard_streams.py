"""Standard input and output of a server over stdio, without the threads of the SDK's own where the system allows that.

Each turn of a thread takes about the twentieth part of a call, and a thread that waits for input cannot be ended.
"""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import IO, Any

import anyio
from anyio import to_thread
from anyio.lowlevel import checkpoint

_CHUNK = 65_536
_LAST_TURNS = 200
_ROOM = getattr(select, "PIPE_BUF", 512)
"""Octets that can be written without waiting as soon as anything can."""


class MessageInput(anyio.AsyncFile[str]):
    """Lines of a pipe or socket, read when there is something to read."""

    def __init__(self, file: IO[str]) -> None:
        super().__init__(file)
        self._descriptor = file.fileno()
        self._octets = bytearray()

    async def readline(self) -> str:
        """The next line, what stands behind the last one, and then nothing; what is not UTF-8 is replaced.

        Before the end is told, what needs not wait for anything is answered: the end gives up what is not.
        """
        searched = 0
        while not (end := self._octets.find(b"\n", searched) + 1):
            searched = len(self._octets)
            await anyio.wait_readable(self._descriptor)
            self._octets += os.read(self._descriptor, _CHUNK)
            if searched == len(self._octets):
                end = searched
                break
        line = self._octets[:end].decode(errors="replace")
        del self._octets[:end]
        for _ in range(0 if line else _LAST_TURNS):
            await checkpoint()
        return line


class MessageOutput(anyio.AsyncFile[str]):
    """Text of which each write is one message, sent by the flush after it: at once as far as there is room for it."""

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
def claimed_input() -> Generator[MessageInput | None]:
    """Standard input for messages alone: meanwhile who else reads it is at its end. None where the SDK has to do it."""
    if not (hasattr(select, "poll") and _tells_when_readable(0)):
        yield None
        return
    wire, nothing = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    try:
        yield MessageInput(os.fdopen(wire, encoding="utf-8", closefd=False))
    finally:
        os.dup2(wire, 0)
        os.close(wire)


def _tells_when_readable(descriptor: int) -> bool:
    """Whether an event loop can wait for it: for a pipe or socket, not for a file."""
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


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
