"""A SQLite file: made private, migrated when it is opened, and shared between processes by waiting for its lock."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing, nullcontext
from pathlib import Path
from typing import Any

import anyio
import tenacity
from sqlalchemy import URL, Connection, event, insert, inspect, make_url, select
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from mcp_server.embedded import migrations
from mcp_server.embedded.data_folder import make_private_file, make_private_folder
from mcp_server.embedded.database import Database
from mcp_server.embedded.tables import LOCAL_TENANT, alembic_version, metadata, tenants
from mcp_server.errors import ConfigurationError
from mcp_server.settings import Settings

DATABASE_FILE = "connectors.db"
# How long a transaction waits for other processes in all, and how long for a single try, which no cancellation ends.
LOCK_SECONDS = 10
BUSY_MILLISECONDS = 100
# busy_timeout first: the others may have to wait for another process that opens the same file.
PRAGMAS = (
    f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
)
# PRAGMA user_version of a file whose revision stands in a table. 0 is an empty file; 1 is the first revision, from
# before there was that table: a program of then takes 2 for too new.
_REVISED = 2


def _url(settings: Settings) -> URL:
    if isinstance(settings.database_url, str):
        return make_url(settings.database_url)
    make_private_folder(settings.data_folder)
    return URL.create("sqlite+aiosqlite", database=str(settings.data_folder / DATABASE_FILE))


def _on_connect(connection: Any, _: object) -> None:
    """SQLite's driver shall begin no transaction by itself: `_on_begin` does."""
    connection.isolation_level = None
    try:
        with closing(connection.cursor()) as cursor:
            for pragma in PRAGMAS:
                cursor.execute(pragma)
    except BaseException:
        connection.close()
        raise


def _on_begin(connection: Connection) -> None:
    """Every transaction takes its lock at once, while somebody waits for it.

    One that reads first and writes later can only fail.
    """
    if connection.get_execution_options().get("writes"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("PRAGMA user_version")


def _engine(url: URL) -> AsyncEngine:
    engine = create_async_engine(url, hide_parameters=True)
    event.listen(engine.sync_engine, "connect", _on_connect)
    event.listen(engine.sync_engine, "begin", _on_begin)
    return engine


def _is_locked(error: BaseException) -> bool:
    """Whether another connection holds what this one wants."""
    return isinstance(error, OperationalError) and "locked" in str(error.orig)


def _until_free(pause: Callable[[float], Awaitable[None]]) -> tenacity.AsyncRetrying:
    return tenacity.AsyncRetrying(
        sleep=pause,
        stop=tenacity.stop_after_delay(LOCK_SECONDS),
        wait=tenacity.wait_random(max=0.05),
        retry=tenacity.retry_if_exception(_is_locked),
        reraise=True,
    )


async def _entered(stack: AsyncExitStack, engine: AsyncEngine) -> AsyncConnection:
    return await stack.enter_async_context(engine.begin())


@asynccontextmanager
async def _locked_transaction(engine: AsyncEngine) -> AsyncGenerator[AsyncConnection]:
    """A transaction that has its lock. A cancellation ends the waiting for the lock; once it is had, it waits itself.

    Raises OperationalError when others hold the lock for too long.
    """
    with anyio.CancelScope(shield=True) as scope:

        async def pause(seconds: float) -> None:
            """The only moments at which a cancellation is heard."""
            scope.shield = False
            try:
                await anyio.sleep(seconds)
            finally:
                scope.shield = True

        async with AsyncExitStack() as stack:
            connection: AsyncConnection = await _until_free(pause)(_entered, stack, engine)
            await pause(0)
            yield connection


class SqliteDatabase(Database):
    """One file. Of this process, one transaction writes at a time."""

    def __init__(self, settings: Settings) -> None:
        """The file exists afterwards. Raises ConfigurationError when there can be none."""
        url = _url(settings)
        self.path = Path(url.database or "")
        make_private_file(self.path)
        self._reader = _engine(url)
        self._writer = self._reader.execution_options(writes=True)
        self._turn = anyio.Lock()

    async def prepare(self) -> None:
        """A fresh machine does its job with no further command."""
        await self.upgrade()

    async def upgrade(self) -> str | None:
        """Raises ConfigurationError: no database, another program's, or a newer schema."""
        try:
            async with self._transaction(self._reader) as connection:
                before = await connection.run_sync(self._revision)
            if before != migrations.HEAD:
                async with self._transaction(self._writer) as connection:
                    await connection.run_sync(self._step_up)
        except DatabaseError as error:
            raise self._held() if _is_locked(error) else self._unusable(f"cannot be opened ({error.orig})") from None
        return before

    @asynccontextmanager
    async def _transaction(self, engine: AsyncEngine) -> AsyncGenerator[AsyncConnection]:
        turn = self._turn if engine is self._writer else nullcontext()
        async with turn, _locked_transaction(engine) as connection:
            yield connection

    def _revision(self, connection: Connection) -> str | None:
        version = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
        if version == 0 and inspect(connection).get_table_names():
            raise self._unusable("belongs to another program")
        older = {0: None, 1: migrations.REVISIONS[0]}
        revision = (
            connection.scalar(select(alembic_version)) if version == _REVISED else older.get(version, str(version))
        )
        migrations.check_known(revision, f"The database {self.path}")
        return revision

    def _step_up(self, connection: Connection) -> None:
        """Asks for the revision again: another process may have been faster."""
        before = self._revision(connection)
        if before is None:
            _make_all(connection)
        elif before != migrations.HEAD:
            migrations.run(connection, before)
        connection.exec_driver_sql(f"PRAGMA user_version = {_REVISED}")

    def _held(self) -> ConfigurationError:
        return ConfigurationError(
            f"The database {self.path} is held by another program.",
            hint="Try again when that has ended.",
            code="database_unavailable",
            retryable=True,
        )

    def _unusable(self, why: str) -> ConfigurationError:
        return ConfigurationError(
            f"The file {self.path} {why}.",
            hint="Give another file with VIDEOVECTOR_DATABASE_URL or another folder with VIDEOVECTOR_DATA_DIR.",
            code="database_unusable",
        )


def _make_all(connection: Connection) -> None:
    """What all revisions make, at once: on a fresh machine somebody waits, and Alembic alone takes half a second."""
    metadata.create_all(connection, checkfirst=False)
    connection.execute(insert(tenants).values(tenant_id=LOCAL_TENANT))
    connection.execute(insert(alembic_version).values(version_num=migrations.HEAD))
