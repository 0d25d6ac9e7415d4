"""After a creation through the page, no object in the server's process holds a copy of the secret."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import anyio.to_thread
import pytest
from mcp import Client, StdioServerParameters

from tests.emulators import Emulator
from tests.operations.asking import secrets_in, typed, without_credentials
from tests.sessions import DATA_DIR, environment, text_of
from tests.visiting import link_in, visiting

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGUSR1")]


async def _holders(folder: Path, wanted: str) -> list[str]:
    """Who holds the text in the watched process."""
    (folder / "wanted").write_text(wanted[::-1], encoding="utf-8")
    os.kill(int((folder / "pid").read_text(encoding="utf-8")), signal.SIGUSR1)
    return (await anyio.to_thread.run_sync((folder / "holders").read_text)).splitlines()


async def test_no_object_holds_the_secret_that_went_through_the_page(
    provider: str, emulator: Emulator, tmp_path: Path
) -> None:
    settings = {**emulator.settings, DATA_DIR: str(tmp_path / "data"), "WITNESS": str(tmp_path)}
    watched = ["-m", "tests.operations.watched_server"]
    os.mkfifo(tmp_path / "holders")
    tool, arguments = f"create_{provider}_connector", emulator.arguments()
    known = without_credentials(provider, arguments)
    async with Client(StdioServerParameters(command=sys.executable, args=watched, env=environment(settings))) as client:
        link = link_in(text_of(await client.call_tool(tool, known)))
        assert await _holders(tmp_path, link.rpartition("/")[2]) != []  # the witness sees what is there
        async with visiting(link) as visit:
            await visit.send(**typed(provider, emulator.wrong_secret_arguments()))
            assert visit.status == 422
            await visit.send(**typed(provider, arguments))
            assert visit.status == 200
        created = await client.call_tool(tool, known)
        assert json.loads(json.dumps(created.structured_content))["last_test_result"] == "success"
        for secret in secrets_in(emulator):
            assert await _holders(tmp_path, secret) == []
