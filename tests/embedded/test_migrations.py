"""The revisions: Alembic knows the same ones, and by any way the same tables come of them, on either database."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, select, text

from mcp_server.embedded import migrations
from mcp_server.embedded import sqlite as sqlite_room
from mcp_server.embedded.database import Database
from mcp_server.embedded.tables import alembic_version, metadata, tenants
from mcp_server.settings import Settings
from tests.embedded.bodies import settings_in

pytestmark = pytest.mark.anyio


def differences(connection: Connection) -> list[Any]:
    """Between the tables that there are and those of `tables`."""
    return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata))


def indexes(connection: Connection) -> list[str]:
    """Of a file, in SQL: Alembic does not compare which rows an index is for."""
    found = connection.scalars(text("SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"))
    return sorted(" ".join(sql.split()) for sql in found)


def contents(connection: Connection) -> tuple[list[Any], ...]:
    return tuple(list(connection.execute(select(table))) for table in (tenants, alembic_version))


async def asked(settings: Settings, question: Callable[[Connection], Any]) -> Any:
    async with aclosing(await Database.open(settings)) as database, database.reading() as connection:
        return await connection.run_sync(question)


def test_alembic_finds_the_revisions_that_are_listed_in_their_order() -> None:
    config = Config()
    config.set_main_option("script_location", "mcp_server.embedded:migrations")
    found = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(found)) == migrations.REVISIONS


async def test_the_tables_are_those_that_the_program_uses(settings: Settings) -> None:
    assert await asked(settings, differences) == []


async def test_a_new_file_has_the_same_tables_as_one_that_was_migrated_step_by_step(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    at_once = settings_in(tmp_path / "at once")
    before = [await asked(at_once, question) for question in (indexes, contents)]
    monkeypatch.setattr(sqlite_room, "_make_all", partial(migrations.run, before=None))
    step_by_step = settings_in(tmp_path / "100% step by step")
    assert [await asked(step_by_step, question) for question in (indexes, contents)] == before
    assert await asked(step_by_step, differences) == []
