"""A server of a small application, as a process: `python -m tests.http_server.small_server WORKERS SECONDS HOW FOLDER`.

It opens slowly, badly or not at all, as HOW says: a word for the first process, and one for each that follows it.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from mcp_server.errors import ConfigurationError
from mcp_server.http_server import draining_server, processes
from mcp_server.http_server.drain import Drain
from mcp_server.http_server.listening import Listening

CALLED = "called"


async def _pid(_: Request) -> Response:
    return PlainTextResponse(str(os.getpid()))


async def _call(request: Request) -> Response:
    """A call that ends when the file is gone that shows it runs."""
    running = anyio.Path(request.query_params["file"])
    await running.touch()
    await _gone(running)
    return PlainTextResponse(CALLED)


async def _gone(file: anyio.Path) -> None:
    if await file.exists():
        await anyio.sleep(0.02)
        await _gone(file)


async def _block(_: Request) -> Response:
    """A call that does not let the process end."""
    while True:
        signal.pause()


def _turn(folder: Path) -> int:
    """How many processes began before this one."""
    for number in range(1000):
        try:
            (folder / f"began-{number}").touch(exist_ok=False)
        except FileExistsError:
            continue
        return number
    raise RuntimeError("Too many processes.")


@asynccontextmanager
async def open_small(how: tuple[str, ...], folder: Path, _: Drain) -> AsyncGenerator[ASGIApp]:
    """The application, opened as the word for this process says; the last word is for all that follow, too."""
    number = _turn(folder)
    match how[min(number, len(how) - 1)]:
        case "refused":
            raise ConfigurationError("The database is not there.")
        case "dies":
            os._exit(3)
        case "hangs":
            await anyio.sleep_forever()
        case _:
            pass
    yield Starlette(routes=[Route("/pid", _pid), Route("/call", _call, methods=["POST"]), Route("/block", _block)])


def main(workers: str, seconds: str, how: str, folder: str) -> None:
    """Serve until told to end; the URL is the one line of stdout."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    processes.READY_SECONDS = int(os.environ.get("READY_SECONDS", "60"))
    processes.GRACE_SECONDS = 1
    draining_server.LINGER_SECONDS = 0.05
    opening = partial(open_small, tuple(how.split(",")), Path(folder))
    try:
        processes.serve(opening, Listening("127.0.0.1", 0, int(workers)), partial(print, flush=True), float(seconds))
    except ConfigurationError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
