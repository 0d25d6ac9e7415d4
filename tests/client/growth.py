"""A process that calls an API, and prints how the call ended and by how many MiB its memory had grown at most.

Run `python -m tests.client.growth URL`.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import anyio

from mcp_server.client import VideoVector
from mcp_server.errors import ConnectorError
from tests.materials import API_KEY


def _peak() -> float:
    """Of this program alone: what getrusage says begins with that of the process which started it."""
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(peak[1]) / 1024 if peak else float("inf")


async def main(url: str) -> None:
    """The first call is answered rightly, so that all is imported before the second."""
    async with VideoVector(api_key=API_KEY, base_url=url, max_retries=0) as client:
        await client.connectors.list()
        before = _peak()
        try:
            await client.connectors.list()
        except ConnectorError as error:
            sys.stdout.write(json.dumps({"code": error.code, "growth": _peak() - before}))


if __name__ == "__main__":
    anyio.run(main, sys.argv[1])
