"""A process that opens the API on a database and creates connectors, started several times at once by a test."""

from __future__ import annotations

import json
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio

from mcp_server.embedded.service import Service
from tests.embedded.bodies import settings_in
from tests.embedded.calling import calling


async def create_all(data_dir: str, flags: dict[str, str], body: dict[str, Any], keys: list[str]) -> dict[str, str]:
    """The connector id that each key got; all are asked for at once."""
    ids: dict[str, str] = {}
    settings = settings_in(Path(data_dir), **flags)
    async with aclosing(await Service.open(settings)) as service, calling(service) as api:

        async def create(key: str) -> None:
            answer = await api.post("/connectors/s3", json=body, headers={"Idempotency-Key": key})
            ids[key] = answer.json()["connector_id"]

        async with anyio.create_task_group() as tasks:
            for key in keys:
                tasks.start_soon(create, key)
    return ids


if __name__ == "__main__":
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdout.write(json.dumps(anyio.run(lambda: create_all(**json.loads(sys.stdin.readline())))) + "\n")
