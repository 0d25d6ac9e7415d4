"""What the tools say of themselves, held to what they do: to the database, to the storage and to each other's calls."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.emulators.processes import free_port
from tests.emulators.s3 import S3Emulator
from tests.sessions import DATA_DIR, ERAS, Json, Session, connected

pytestmark = pytest.mark.anyio
TIMES = {"updated_at", "last_tested_at"}


@dataclass(frozen=True)
class World:
    """A session, and all that its calls could change."""

    session: Session
    storage: S3Emulator
    bucket: str
    database: Path
    one: Json

    def rows(self, *tables: str) -> dict[str, list[Json]]:
        """Every row of these tables, or of all."""
        with closing(sqlite3.connect(self.database)) as connection:
            connection.row_factory = sqlite3.Row
            named = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {
                name: [dict(row) for row in connection.execute(f'SELECT * FROM "{name}"')]  # noqa: S608 - our names
                for name in (tables or sorted(named))
            }

    @property
    def objects(self) -> list[str]:
        """The keys of all objects in the bucket."""
        return self.storage.keys(bucket=self.bucket)

    @property
    def state(self) -> tuple[object, object]:
        """All rows and all objects."""
        return self.rows(), self.objects

    @property
    def connectors(self) -> list[Json]:
        """The connectors' rows without the times at which something was done."""
        return [{name: row[name] for name in row.keys() - TIMES} for row in self.rows("connectors")["connectors"]]

    def hints(self, tool: str) -> Mapping[str, bool]:
        """What the tool says of itself."""
        annotations: Mapping[str, bool] = self.session.tools[tool]["annotations"]
        return annotations


@pytest.fixture(scope="module")
async def world(
    anyio_backend: str, s3_emulator: S3Emulator, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[World]:
    folder = tmp_path_factory.mktemp("world") / "data"
    bucket = s3_emulator.new_bucket()
    s3_emulator.put("keynote.mp4", bucket=bucket)
    async with connected(ERAS[1], {**s3_emulator.settings, DATA_DIR: str(folder)}) as session:
        given = s3_emulator.arguments(bucket=bucket, scopes=["import", "export"], export_base_path="exports")
        made = await session.call("create_s3_connector", **given)
        (database,) = folder.glob("*.db")
        yield World(session, s3_emulator, bucket, database, {"connector_id": made["connector_id"]})


async def test_what_reads_only_changes_nothing(world: World) -> None:
    reads = {tool for tool in world.session.tools if world.hints(tool)["readOnlyHint"]}
    assert reads == {"list_connectors", "get_connector", "browse_connector_files"}
    before = world.state
    for tool in sorted(reads):
        await world.session.call(tool, **({} if tool == "list_connectors" else world.one))
        assert not world.hints(tool)["destructiveHint"]
        assert world.hints(tool)["idempotentHint"]
        assert world.state == before


async def test_a_test_writes_and_its_repetition_leaves_the_same(world: World) -> None:
    hints = world.hints("test_connector")
    assert (hints["readOnlyHint"], hints["idempotentHint"], hints["destructiveHint"]) == (False, True, False)
    objects, untested = world.objects, world.connectors
    assert (await world.session.call("test_connector", **world.one))["success"]
    tested = world.connectors
    assert tested != untested
    for _ in range(2):
        assert (await world.session.call("test_connector", **world.one))["success"]
        assert (world.connectors, world.objects) == (tested, objects)


async def test_a_creation_makes_another_connector_unless_it_has_the_same_key(world: World) -> None:
    creations = {tool for tool in world.session.tools if tool.startswith("create_")}
    assert len(creations) == 3
    for tool in creations:
        hints = world.hints(tool)
        assert (hints["readOnlyHint"], hints["idempotentHint"], hints["destructiveHint"]) == (False, False, False)
    given, before = world.storage.arguments(name="Twice"), world.connectors
    for _ in range(2):
        await world.session.call("create_s3_connector", **given)
    after = world.connectors
    assert (len(after), after[: len(before)]) == (len(before) + 2, before)
    for _ in range(2):
        await world.session.call("create_s3_connector", **given, idempotency_key="once-only")
    assert len(world.connectors) == len(before) + 3


async def test_an_update_overwrites_and_its_repetition_changes_nothing(world: World) -> None:
    hints = world.hints("update_connector")
    assert (hints["readOnlyHint"], hints["idempotentHint"], hints["destructiveHint"]) == (False, True, True)
    change = {**world.one, "export_base_path": "reviews"}
    assert (await world.session.call("update_connector", **change))["changes"] != []
    updated = world.connectors
    assert "exports" not in {row["export_base_path"] for row in updated}, "what was there before is lost"
    assert (await world.session.call("update_connector", **change))["changes"] == []
    assert world.connectors == updated


async def test_a_deletion_destroys_and_its_repetition_changes_nothing(world: World) -> None:
    hints = world.hints("delete_connector")
    assert (hints["readOnlyHint"], hints["idempotentHint"], hints["destructiveHint"]) == (False, True, True)
    made = await world.session.call("create_s3_connector", **world.storage.arguments(name="Short-lived"))
    call = {"connector_id": made["connector_id"], "confirm_name": "Short-lived"}
    objects, before = world.objects, len(world.connectors)
    await world.session.call("delete_connector", **call)
    after = world.state
    assert (len(world.connectors), world.objects) == (before - 1, objects)
    await world.session.refused("delete_connector", **call)
    assert world.state == after


async def test_only_what_says_so_goes_out_to_the_storage(s3_emulator: S3Emulator, tmp_path: Path) -> None:
    nowhere = {"VIDEOVECTOR_S3_ENDPOINT": f"http://127.0.0.1:{free_port()}", DATA_DIR: str(tmp_path / "data")}
    async with connected(ERAS[1], nowhere) as session:
        made = await session.call("create_s3_connector", **s3_emulator.arguments(name="Nowhere"))
        one = {"connector_id": made["connector_id"]}
        await session.call("list_connectors")
        await session.call("get_connector", **one)
        await session.call("update_connector", **one, import_mode="new_only")
        assert not (await session.call("test_connector", **one))["success"]
        await session.refused("browse_connector_files", **one)
        await session.call("delete_connector", **one, confirm_name="Nowhere")
        outward = {name for name, tool in session.tools.items() if tool["annotations"]["openWorldHint"]}
        assert outward == {"test_connector", "browse_connector_files"}
