"""A process that brings a database to the current schema, started several times at once by a test."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import anyio

from mcp_server.embedded.database import upgrade
from tests.embedded.bodies import settings_in

if __name__ == "__main__":
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    job = json.loads(sys.stdin.readline())
    sys.stdout.write(json.dumps(anyio.run(upgrade, settings_in(Path(job["data_dir"]), **job["flags"]))) + "\n")
