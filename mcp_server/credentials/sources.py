"""Where the values of named credentials come from, read anew at each call: a text, a variable, a file.

The sources that need a library of their own have rooms of their own.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Generator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Thread
from typing import ClassVar, TypeVar

import anyio

from mcp_server.settings import variable

LIMIT = 64 * 1024
TOO_LONG = "more than 64 KiB"
SECONDS = 10.0
_T = TypeVar("_T")


class Unreadable(Exception):
    """A source that gives no usable value; the text says why, and holds no value."""


class Source(ABC):
    """One source; a model may know its `kind`, its `place` is for the operator alone."""

    kind: ClassVar[str]

    @property
    @abstractmethod
    def place(self) -> str:
        """Where a value would be."""

    @abstractmethod
    async def given(self, field: str) -> dict[str, str]:
        """The values that it gives now to its key in the entry, by request field. Raises Unreadable."""

    async def read(self, field: str) -> dict[str, str]:
        """What is given within the time that every source has. Raises Unreadable."""
        with in_time():
            return await self.given(field)

    def withholding(self, variables: Collection[str]) -> Source:
        """The same source; a process that it starts does not get these variables."""
        return self


@contextmanager
def in_time() -> Generator[None]:
    """Raises Unreadable when what is waited for takes too long."""
    try:
        with anyio.fail_after(SECONDS):
            yield
    except TimeoutError:
        raise Unreadable(f"it has not answered within {SECONDS:g} s") from None


async def patiently(function: Callable[[], _T]) -> _T:
    """What a function returns or raises that may block for ever.

    The process ends without it: Python waits for AnyIO's threads at its exit, not for a daemon.
    """
    future: Future[_T] = Future()
    future.set_running_or_notify_cancel()  # nobody can cancel it any more, so it can always be settled
    Thread(target=_settle, args=(future, function), daemon=True).start()
    return await asyncio.wrap_future(future)


def _settle(future: Future[_T], function: Callable[[], _T]) -> None:
    try:
        future.set_result(function())
    except BaseException as error:  # noqa: BLE001 - it is raised where the future is waited for
        future.set_exception(error)


class TextSource(Source):
    """A source of one text."""

    @abstractmethod
    async def content(self) -> bytes:
        """What is there now; of what is too long at least 64 KiB and one byte. Raises Unreadable."""

    async def given(self, field: str) -> dict[str, str]:
        return {field: usable(await self.content())}


def usable(content: bytes) -> str:
    """The text without the newline at its end.

    Raises Unreadable when it is empty, longer than 64 KiB or not UTF-8.
    """
    if len(content) > LIMIT:
        raise Unreadable(TOO_LONG)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise Unreadable("it is not UTF-8") from None
    if not text.strip():
        raise Unreadable("it is empty")
    return text.removesuffix("\n").removesuffix("\r")


@dataclass(frozen=True, repr=False)
class PlainText(TextSource):
    """A value that is no secret and stands in the entry itself."""

    kind = "plain text"
    text: str

    @property
    def place(self) -> str:
        return "the entry"

    async def content(self) -> bytes:
        return self.text.encode()


@dataclass(frozen=True, repr=False)
class EnvironmentVariable(TextSource):
    """A variable of this process."""

    kind = "env"
    name: str

    @property
    def place(self) -> str:
        return f"the variable {self.name}"

    async def content(self) -> bytes:
        text = variable(self.name)
        if text is None:
            raise Unreadable("it is not set")
        return text.encode(errors="surrogateescape")


@dataclass(frozen=True, repr=False)
class SecretFile(TextSource):
    """A regular file."""

    kind = "file"
    path: Path

    @property
    def place(self) -> str:
        return str(self.path)

    async def content(self) -> bytes:
        return await patiently(partial(start_of, self.path))


def start_of(path: Path) -> bytes:
    """At most the first 64 KiB and one byte of a regular file. Raises Unreadable."""
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise Unreadable("it is not a regular file")
        with path.open("rb") as file:
            return file.read(LIMIT + 1)
    except OSError as error:
        raise Unreadable(str(error.strerror)) from None
