"""A process that calls an API, and prints how the call ended and by how many MiB its memory had grown at most.

Run `python -m tests.client.growth URL`; with `browse` behind it the second call asks for files.
"""

from __future__ import annotations

import json
import re
import sys
from functools import partial
from pathlib import Path

import anyio

from mcp_server.client import VideoVector
from mcp_server.errors import ConnectorError
from tests.client.listing import CONNECTOR_ID
from tests.materials import API_KEY


def _peak() -> float:
    """Of this program alone: what getrusage says begins with that of the process which started it."""
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(peak[1]) / 1024 if peak else float("inf")


async def main(url: str, *, browse: bool) -> None:
    """The first call is answered rightly, so that all is imported before the second."""
    async with VideoVector(api_key=API_KEY, base_url=url, max_retries=0) as client:
        await client.connectors.list()
        before = _peak()
        code, files = "", -1
        try:
            if browse:
                page = await client.connectors.browse(CONNECTOR_ID, sort="size", limit=1000)
                files = page.totals.files if page.totals else -1
            else:
                await client.connectors.list()
        except ConnectorError as error:
            code = error.code
        sys.stdout.write(json.dumps({"code": code, "files": files, "growth": _peak() - before}))


if __name__ == "__main__":
    anyio.run(partial(main, sys.argv[1], browse="browse" in sys.argv))
