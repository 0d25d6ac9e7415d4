"""Rotating the encryption key: everything opens with the new key alone, whatever happens in the meantime."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import httpx
import pytest
from sqlalchemy import select

from mcp_server.embedded import rotation
from mcp_server.embedded.database import Database
from mcp_server.embedded.keys import encryption_keys
from mcp_server.embedded.rotation import Progress, rotate
from mcp_server.embedded.service import Service
from mcp_server.embedded.tables import LOCAL_TENANT, connectors
from mcp_server.embedded.vault import Vault
from mcp_server.settings import Settings
from tests.embedded.bodies import Json, encryption_key, s3_body
from tests.embedded.calling import calling
from tests.emulators.http_server import Asked, Reply, serving

pytestmark = pytest.mark.anyio
COUNT = 23


class Rings:
    """Settings of the test's database with the old key, with both, and with the new one alone."""

    def __init__(self, settings_with: Callable[..., Settings]) -> None:
        old, new = encryption_key(), encryption_key()
        self.flags_of_both = {"encryption_key": "", "encryption_keys": f"{new} {old}"}
        self.both = settings_with(**self.flags_of_both)
        self.old, self.new, self.foreign = (settings_with(encryption_key=key) for key in (old, new, encryption_key()))


@pytest.fixture
def rings(settings_with: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch) -> Rings:
    """With batches so small that some connectors need several."""
    monkeypatch.setattr(rotation, "BATCH", 5)
    return Rings(settings_with)


async def create_some(settings: Settings, count: int = COUNT) -> dict[str, str]:
    """The secrets of new connectors, by their ids."""
    bodies = [s3_body() for _ in range(count)]
    async with aclosing(await Service.open(settings)) as service, calling(service) as api:
        made = [(await api.post("/connectors/s3", json=body)).json()["connector_id"] for body in bodies]
    return {connector_id: body["aws_secret_access_key"] for connector_id, body in zip(made, bodies, strict=True)}


async def rows_of(settings: Settings) -> list[dict[str, Any]]:
    async with aclosing(await Database.open(settings)) as database, database.reading() as connection:
        query = select(connectors).order_by(connectors.c.connector_id)
        return [dict(row) for row in (await connection.execute(query)).mappings()]


async def secrets_in(settings: Settings) -> dict[str, str]:
    """What the keys of the settings open; it is all that there is."""
    vault = Vault(encryption_keys(settings))
    opened = {
        row["connector_id"]: vault.open(row["sealed_credentials"], LOCAL_TENANT, row["connector_id"])
        for row in await rows_of(settings)
    }
    return {connector_id: credentials["aws_secret_access_key"] for connector_id, credentials in opened.items()}


async def rotated(settings: Settings) -> list[Progress]:
    async with aclosing(await Database.open(settings)) as database:
        return [progress async for progress in rotate(database, Vault(encryption_keys(settings)))]


async def test_all_open_with_the_new_key_alone_and_nothing_else_of_them_changes(rings: Rings) -> None:
    secrets = await create_some(rings.old)
    before = await rows_of(rings.old)
    steps = await rotated(rings.both)
    assert [(step.done, step.total) for step in steps] == [(n, COUNT) for n in (0, 5, 10, 15, 20, 23)]
    assert steps[-1].lost == ()
    assert await secrets_in(rings.new) == secrets
    for old, new in zip(before, await rows_of(rings.new), strict=True):
        assert {name for name in old if old[name] != new[name]} == {"sealed_credentials"}


async def test_where_nothing_is_to_be_done_nothing_is_written(rings: Rings) -> None:
    await create_some(rings.both, 2)
    before = await rows_of(rings.new)
    assert await rotated(rings.both) == [Progress(0, 0)]
    assert await rows_of(rings.new) == before


async def test_what_no_key_opens_is_named_and_left(rings: Rings) -> None:
    lost = await create_some(rings.foreign, 7)
    secrets = await create_some(rings.old, 7)
    before = {row["connector_id"]: row for row in await rows_of(rings.both) if row["connector_id"] in lost}
    last = (await rotated(rings.both))[-1]
    assert (last.done, last.total, set(last.lost)) == (7, 14, set(lost))
    after = {row["connector_id"]: row for row in await rows_of(rings.both)}
    assert {connector_id: after[connector_id] for connector_id in lost} == before
    vault = Vault(encryption_keys(rings.new))
    for connector_id, secret in secrets.items():
        opened = vault.open(after[connector_id]["sealed_credentials"], LOCAL_TENANT, connector_id)
        assert opened["aws_secret_access_key"] == secret


async def test_what_a_process_with_the_old_key_seals_in_the_meantime_is_found_too(
    rings: Rings, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = await create_some(rings.old, 6)
    real, more = rotation.reseal, [3, 2]

    async def reseal(database: Database, vault: Vault, ids: Sequence[str]) -> tuple[int, list[str]]:
        if more:
            secrets.update(await create_some(rings.old, more.pop()))
        return await real(database, vault, ids)

    monkeypatch.setattr(rotation, "reseal", reseal)
    assert (await rotated(rings.both))[-1].done == len(secrets) == 11
    assert await secrets_in(rings.new) == secrets


async def test_credentials_that_are_replaced_between_finding_and_locking_stay_replaced(
    rings: Rings, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = await create_some(rings.old, 5)
    real = rotation.reseal

    async def reseal(database: Database, vault: Vault, ids: Sequence[str]) -> tuple[int, list[str]]:
        secrets[ids[0]] = await replace(rings.both, ids[0])
        return await real(database, vault, ids)

    monkeypatch.setattr(rotation, "reseal", reseal)
    assert (await rotated(rings.both))[-1].done == 4
    assert await secrets_in(rings.new) == secrets


async def replace(settings: Settings, connector_id: str) -> str:
    """The secret that the connector has now."""
    async with aclosing(await Service.open(settings)) as service, calling(service) as api:
        return await replace_in(api, connector_id)


async def replace_in(api: httpx.AsyncClient, connector_id: str) -> str:
    new = {name: value for name, value in s3_body().items() if name.startswith("aws_")}
    assert (await api.patch(f"/connectors/{connector_id}", json=new)).status_code == 200
    secret: str = new["aws_secret_access_key"]
    return secret


async def test_the_api_serves_and_replaces_credentials_while_keys_are_rotated(rings: Rings) -> None:
    secrets = await create_some(rings.old)
    steps: list[Progress] = []
    async with aclosing(await Service.open(rings.both)) as service, calling(service) as api:

        async def rotate_all() -> None:
            steps.extend(await rotated(rings.both))

        async def replace_some(connector_ids: list[str]) -> None:
            while not steps:
                for connector_id in connector_ids:
                    secrets[connector_id] = await replace_in(api, connector_id)
                assert len((await api.get("/connectors")).json()) == COUNT

        async with anyio.create_task_group() as tasks:
            for part in range(3):
                tasks.start_soon(replace_some, [*secrets][part::4])
            tasks.start_soon(rotate_all)
    assert steps[-1].lost == ()
    assert await secrets_in(rings.new) == secrets


def killed_in_the_middle(job: Json) -> list[str]:
    """What a process said of its rotation before it was killed."""
    command = [sys.executable, "-m", "tests.embedded.rotating_process"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()
        said = [line.strip() for line in iter(process.stdout.readline, "stopped\n")]
        process.kill()
    return said


async def test_a_rotation_that_is_killed_in_a_transaction_goes_on_where_it_was(
    rings: Rings, data_dir: Path, database_flags: dict[str, str]
) -> None:
    secrets = await create_some(rings.old)
    said = killed_in_the_middle({"data_dir": str(data_dir), "flags": {**database_flags, **rings.flags_of_both}})
    assert [line.partition(" connectors")[0] for line in said] == [f"{done} of {COUNT}" for done in (0, 5, 10)]
    assert await secrets_in(rings.both) == secrets
    assert (await rotated(rings.both))[0] == Progress(0, COUNT - 10)
    assert await secrets_in(rings.new) == secrets


async def test_a_test_whose_connector_is_sealed_anew_in_the_meantime_is_noted(
    settings_with: Callable[..., Settings], rings: Rings
) -> None:
    def rotate_meanwhile(_: Asked) -> Reply:
        elsewhere.call(rotated, rings.both)
        return Reply(403, b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>")

    (connector_id,) = await create_some(rings.old, 1)
    with serving(rotate_meanwhile) as storage, anyio.from_thread.start_blocking_portal() as elsewhere:
        settings = settings_with(**rings.flags_of_both, s3_endpoint=storage.url)
        async with aclosing(await Service.open(settings)) as service, calling(service) as api:
            assert (await api.post(f"/connectors/{connector_id}/test")).json()["success"] is False
            assert (await api.get(f"/connectors/{connector_id}")).json()["status"] == "failed"
    assert len(await secrets_in(rings.new)) == 1
