"""The database file: private, shared between processes, migrated when it is opened, and refused when it is not ours."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import aclosing, closing, contextmanager
from pathlib import Path

import anyio
import httpx
import pytest
from sqlalchemy import Connection, Engine, create_engine, event

from mcp_server.embedded import sqlite as sqlite_room
from mcp_server.embedded.database import Database, upgrade
from mcp_server.embedded.migrations import HEAD, REVISIONS
from mcp_server.embedded.service import Service
from mcp_server.embedded.sqlite import BUSY_MILLISECONDS, DATABASE_FILE
from mcp_server.embedded.tables import alembic_version, api_keys, metadata
from mcp_server.errors import ConfigurationError
from mcp_server.settings import Settings
from tests.embedded.bodies import encryption_key, s3_body, settings_in
from tests.embedded.calling import calling

pytestmark = pytest.mark.anyio


@pytest.fixture
def database_flags() -> dict[str, str]:
    return {}


async def pragma(database: Database, name: str) -> object:
    async with database.reading() as connection:
        return (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one()


async def tables_of(settings: Settings) -> set[str]:
    """Of the file, once it was opened."""
    await (await Database.open(settings)).aclose()
    with closing(sqlite3.connect(settings.data_folder / DATABASE_FILE)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def modes_in(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


def put_file(data_dir: Path, content: bytes) -> None:
    data_dir.mkdir()
    (data_dir / DATABASE_FILE).write_bytes(content)


@contextmanager
def held(data_dir: Path) -> Generator[sqlite3.Connection]:
    """Another program's connection, which has the write lock."""
    with closing(sqlite3.connect(data_dir / DATABASE_FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


@contextmanager
def at_begin(number: int, act: Callable[[], object]) -> Generator[None]:
    """Does something when the nth transaction from now is about to ask for its lock."""
    begun: list[Connection] = []

    def listener(connection: Connection) -> None:
        begun.append(connection)
        if len(begun) == number:
            act()

    event.listen(Engine, "begin", listener)
    try:
        yield
    finally:
        event.remove(Engine, "begin", listener)


async def refusal(settings: Settings) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        await Database.open(settings)
    return caught.value


# ---- the file ----------------------------------------------------------------------------------------------------


async def test_a_new_file_has_the_pragmas(settings: Settings) -> None:
    async with aclosing(await Database.open(settings)) as database:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "user_version")
        assert [await pragma(database, name) for name in names] == ["wal", 1, 1, BUSY_MILLISECONDS, 2]


@pytest.mark.skipif(os.name != "posix", reason="POSIX modes")
async def test_the_file_its_log_and_its_folder_are_private(settings: Settings, data_dir: Path) -> None:
    async with aclosing(await Database.open(settings)) as database:
        await pragma(database, "user_version")
        modes = modes_in(data_dir)
    assert modes == dict.fromkeys((DATABASE_FILE, f"{DATABASE_FILE}-shm", f"{DATABASE_FILE}-wal"), 0o600)
    assert modes_in(data_dir.parent)[data_dir.name] == 0o700


async def test_a_database_of_the_operators_needs_no_data_folder(tmp_path: Path, data_dir: Path) -> None:
    url = f"sqlite:///{tmp_path / 'elsewhere' / 'mine.db'}"
    settings = settings_in(data_dir, database_url=url, encryption_key=encryption_key())
    async with aclosing(await Service.open(settings)) as service, calling(service) as api:
        assert (await api.get("/connectors")).json() == []
    assert (tmp_path / "elsewhere" / "mine.db").is_file()
    assert list(modes_in(tmp_path)) == ["elsewhere"]


async def test_a_file_that_is_no_database_is_refused_and_stays_as_it_is(settings: Settings, data_dir: Path) -> None:
    put_file(data_dir, b"a letter to a friend\n" * 100)
    assert "not a database" in (await refusal(settings)).message
    assert (data_dir / DATABASE_FILE).read_bytes() == b"a letter to a friend\n" * 100


async def test_the_database_of_another_program_is_refused(settings: Settings, data_dir: Path) -> None:
    put_file(data_dir, b"")
    with closing(sqlite3.connect(data_dir / DATABASE_FILE)) as connection:
        connection.execute("CREATE TABLE letters (text)")
    assert "another program" in (await refusal(settings)).message


async def test_a_path_that_is_a_folder_is_refused(settings: Settings, data_dir: Path) -> None:
    (data_dir / DATABASE_FILE).mkdir(parents=True)
    assert "cannot be used" in (await refusal(settings)).message


# ---- revisions ---------------------------------------------------------------------------------------------------


def make_first_schema(data_dir: Path) -> None:
    """A file as it was before there was a table of revisions."""
    put_file(data_dir, b"")
    engine = create_engine(f"sqlite:///{data_dir / DATABASE_FILE}")
    with engine.begin() as connection:
        older = [table for table in metadata.sorted_tables if table not in (alembic_version, api_keys)]
        metadata.create_all(connection, tables=older)
        connection.exec_driver_sql("INSERT INTO tenants VALUES ('local'), ('another')")
        connection.exec_driver_sql("PRAGMA user_version = 1")
    engine.dispose()


async def test_a_file_from_before_revisions_is_adopted_with_what_is_in_it(settings: Settings, data_dir: Path) -> None:
    make_first_schema(data_dir)
    assert await upgrade(settings) == (REVISIONS[0], HEAD)
    assert await tables_of(settings) == set(metadata.tables)
    with closing(sqlite3.connect(data_dir / DATABASE_FILE)) as connection:
        assert connection.execute("SELECT * FROM tenants ORDER BY 1").fetchall() == [("another",), ("local",)]
    assert await upgrade(settings) == (HEAD, HEAD)


async def test_several_that_open_an_older_file_at_once_migrate_it_once(settings: Settings, data_dir: Path) -> None:
    make_first_schema(data_dir)
    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(tables_of, settings)
    assert await tables_of(settings) == set(metadata.tables)


@pytest.mark.parametrize("statement", ["UPDATE alembic_version SET version_num = '9999'", "PRAGMA user_version = 9999"])
async def test_a_newer_file_is_refused_with_both_versions(settings: Settings, data_dir: Path, statement: str) -> None:
    await (await Database.open(settings)).aclose()
    with closing(sqlite3.connect(data_dir / DATABASE_FILE)) as connection, connection:
        connection.execute(statement)
    refused = await refusal(settings)
    assert "version 9999" in refused.message
    assert f"up to {HEAD}" in refused.message
    assert "Update videovector-connectors" in refused.hint


IMPORTED = """
import anyio, sys
from pathlib import Path
from mcp_server.embedded.database import Database
from tests.embedded.bodies import settings_in

async def open_it():
    await (await Database.open(settings_in(Path(sys.argv[1])))).aclose()

anyio.run(open_it)
print(*sorted({"alembic", "asyncpg"} & set(sys.modules)))
"""


async def test_neither_a_new_file_nor_a_current_one_waits_for_alembic_or_another_driver(data_dir: Path) -> None:
    for _ in range(2):
        command = [sys.executable, "-c", IMPORTED, str(data_dir)]
        done = await anyio.run_process(command, stderr=subprocess.STDOUT)
        assert done.stdout.decode().strip() == ""


# ---- the lock ----------------------------------------------------------------------------------------------------


async def test_a_database_that_another_program_holds_is_an_error_worth_a_retry(
    settings: Settings, data_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sqlite_room, "LOCK_SECONDS", 0)
    async with aclosing(await Service.open(settings)) as service, calling(service) as api:
        with held(data_dir):
            refused = await api.post("/connectors/s3", json=s3_body())
            assert refused.status_code == 503
            assert refused.json()["error"]["code"] == "database_unavailable"
            assert refused.json()["error"]["details"]["retryable"] is True
            assert (await api.get("/connectors")).status_code == 200
        assert (await api.post("/connectors/s3", json=s3_body())).status_code == 201
    assert "database is locked" in caplog.text


async def test_reading_goes_on_while_another_process_writes(api: httpx.AsyncClient, data_dir: Path) -> None:
    with held(data_dir):
        assert (await api.get("/connectors")).json() == []


async def test_a_write_waits_for_another_process_to_end_its_own(api: httpx.AsyncClient, data_dir: Path) -> None:
    with held(data_dir) as other, at_begin(2, lambda: other.execute("COMMIT")):
        assert (await api.post("/connectors/s3", json=s3_body())).status_code == 201


async def test_a_create_that_is_cancelled_while_it_waits_ends_at_once_and_is_not_written(
    api: httpx.AsyncClient, data_dir: Path
) -> None:
    start = anyio.current_time()
    with held(data_dir), anyio.CancelScope() as scope, at_begin(1, scope.cancel):
        await api.post("/connectors/s3", json=s3_body())
    assert scope.cancelled_caught
    assert anyio.current_time() - start < 5
    assert (await api.get("/connectors")).json() == []


async def test_a_create_that_is_cancelled_just_before_it_gets_the_lock_is_not_written(api: httpx.AsyncClient) -> None:
    with anyio.CancelScope() as scope, at_begin(1, scope.cancel):
        await api.post("/connectors/s3", json=s3_body())
    assert scope.cancelled_caught
    assert (await api.get("/connectors")).json() == []
    assert (await api.post("/connectors/s3", json=s3_body())).status_code == 201


async def test_an_opening_that_is_cancelled_while_it_waits_ends_at_once_and_makes_no_tables(
    settings: Settings, data_dir: Path
) -> None:
    put_file(data_dir, b"")
    with closing(sqlite3.connect(data_dir / DATABASE_FILE)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    start = anyio.current_time()
    with held(data_dir), anyio.CancelScope() as scope, at_begin(2, scope.cancel):
        await Database.open(settings)
    assert scope.cancelled_caught
    assert anyio.current_time() - start < 5
    with closing(sqlite3.connect(data_dir / DATABASE_FILE)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []


async def test_a_new_file_that_another_program_holds_is_worth_a_retry(
    settings: Settings, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_room, "LOCK_SECONDS", 0)
    put_file(data_dir, b"")
    with held(data_dir):
        refused = await refusal(settings)
    assert (refused.code, refused.retryable) == ("database_unavailable", True)
    assert "held by another program" in refused.message
    assert "api_keys" in await tables_of(settings)
