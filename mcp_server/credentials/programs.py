"""A program that prints a secret: run without a shell, within bounds, and not outlived by what it started."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

import anyio
from anyio.abc import Process

from mcp_server.credentials.sources import LIMIT, TOO_LONG, TextSource, Unreadable
from mcp_server.settings import child_environment


@dataclass(frozen=True, repr=False)
class CommandOutput(TextSource):
    """What a command prints on stdout until it closes it; of its words only the first is ever told."""

    kind = "command"
    words: tuple[str, ...]
    folder: Path
    withheld: frozenset[str] = frozenset()

    @property
    def place(self) -> str:
        return f"the command {self.words[0]}"

    def withholding(self, variables: Collection[str]) -> CommandOutput:
        return replace(self, withheld=frozenset(variables))

    async def content(self) -> bytes:
        try:
            return await self._printed()
        except OSError as error:
            raise Unreadable(f"it cannot be started: {error.strerror}") from None

    async def _printed(self) -> bytes:
        program, *arguments = self.words
        process = await anyio.open_process(
            [_located(program), *arguments],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
            env=child_environment({}, without=self.withheld),
            start_new_session=True,
        )
        async with process:
            printed, status = await _result(process)
        if status:
            raise Unreadable(f"exit status {status}")
        return printed


def _located(program: str) -> str:
    """The program's path, with the ending that Windows wants.

    Raises Unreadable for a name that leads to the working folder, whose files may be anybody's: Windows looks there
    first, other systems when PATH has a relative entry.
    """
    found = shutil.which(program)
    if Path(program).is_absolute():
        return found or program
    if found is None:
        raise Unreadable("it cannot be started: there is no such program in PATH")
    if not Path(found).is_absolute() or Path(found).parent.resolve() == Path.cwd().resolve():
        raise Unreadable("its name leads to the working folder: give its path")
    return found


async def _result(process: Process) -> tuple[bytes, int]:
    """Output and exit status; whatever prevents them ends the process and its group."""
    try:
        return await _bounded(cast("AsyncIterable[bytes]", process.stdout)), await process.wait()
    except BaseException:
        _end(process)
        raise


async def _bounded(stream: AsyncIterable[bytes]) -> bytes:
    received = b""
    async for chunk in stream:
        received += chunk
        if len(received) > LIMIT:
            raise Unreadable(TOO_LONG)
    return received


def _end(process: Process) -> None:
    """Its group may be gone already; Windows has none."""
    end = partial(os.killpg, process.pid, signal.SIGKILL) if os.name == "posix" else process.kill
    with suppress(OSError):
        end()
