"""A process that rotates the keys of a database and stands still in the middle of a transaction, to be killed there."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from unittest.mock import patch

import anyio

from mcp_server.embedded import rotation
from mcp_server.embedded.administration import rotate_keys
from mcp_server.embedded.vault import Vault
from mcp_server.settings import Settings
from tests.embedded.bodies import settings_in

_seal = Vault.seal
_places: list[str] = []


def seal(vault: Vault, credentials: Mapping[str, str], tenant_id: str, connector_id: str) -> bytes:
    """As the vault's, 12 times."""
    if len(_places) == 12:
        say("stopped")
        sys.stdin.read()
    _places.append(connector_id)
    return _seal(vault, credentials, tenant_id, connector_id)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def rotate(settings: Settings) -> None:
    async for line in rotate_keys(settings):
        say(line)


if __name__ == "__main__":
    job = json.loads(sys.stdin.readline())
    with patch.object(Vault, "seal", seal), patch.object(rotation, "BATCH", 5):
        anyio.run(rotate, settings_in(Path(job["data_dir"]), **job["flags"]))
