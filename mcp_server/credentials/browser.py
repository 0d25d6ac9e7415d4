"""Opens a page in the person's browser. Its link holds a ticket, so it travels in a file that only they can read.

A link among a process's arguments could be read by every user of the machine.
"""

from __future__ import annotations

import html
import logging
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from mcp_server.settings import child_environment

logger = logging.getLogger(__name__)
OPENING_SECONDS = 10.0
_LAUNCHER = "import sys, webbrowser; sys.exit(not webbrowser.open(sys.argv[1]))"
_REDIRECT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0;url={url}"><title>Opening…</title><a href="{url}">Continue</a></html>
"""


@asynccontextmanager
async def shown(url: str, without: Collection[str] = ()) -> AsyncGenerator[None]:
    """Open the link in the default browser; the file that leads to it exists as long as the context.

    The browser does not get the environment variables named in `without`.
    """
    with tempfile.TemporaryDirectory(prefix="videovector-", ignore_cleanup_errors=True) as folder:
        await _open(_leading_to(url, Path(folder)), child_environment({}, without=without))
        yield


def _leading_to(url: str, folder: Path) -> Path:
    page = folder / "continue.html"
    page.write_text(_REDIRECT.format(url=html.escape(url)), encoding="utf-8")
    return page


async def _open(page: Path, environment: Mapping[str, str]) -> None:
    """Run the standard library's launcher in a process of its own: what a browser prints must not reach our stdout.

    It is isolated from the working folder, whose files may be anybody's.
    """
    command = [sys.executable, "-I", "-c", _LAUNCHER, page.as_uri()]
    nowhere = subprocess.DEVNULL
    try:
        with anyio.fail_after(OPENING_SECONDS):
            await anyio.run_process(command, env=environment, stdin=nowhere, stdout=nowhere, stderr=nowhere)
    except (OSError, TimeoutError, subprocess.CalledProcessError) as error:
        logger.warning("The browser could not be opened: %s", type(error).__name__)
