"""The database file: made private, brought to the current schema, read and written in transactions.

What is read and written is the business of the service; the tables are in `tables`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import anyio
import tenacity
from sqlalchemy import URL, Connection, event, insert, inspect, make_url, select
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from mcp_server.embedded.data_folder import make_private_file, make_private_folder
from mcp_server.embedded.tables import metadata, tenants
from mcp_server.errors import ConfigurationError
from mcp_server.settings import Settings

DATABASE_FILE = "connectors.db"
LOCAL_TENANT = "local"
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


def _first_schema(connection: Connection) -> None:
    metadata.create_all(connection, checkfirst=False)
    connection.execute(insert(tenants).values(tenant_id=LOCAL_TENANT))


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (_first_schema,)
"""Step n takes a file from schema version n to n + 1."""


def _url(settings: Settings) -> URL:
    if settings.database_url is not None:
        return make_url(settings.database_url)
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
async def _transaction(engine: AsyncEngine) -> AsyncGenerator[AsyncConnection]:
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


class Database:
    """One file, which any number of processes may have open. Of this process, one transaction writes at a time."""

    def __init__(self, path: Path, engine: AsyncEngine) -> None:
        self.path = path
        self._reader = engine
        self._writer = engine.execution_options(writes=True)
        self._turn = anyio.Lock()

    @classmethod
    async def open(cls, settings: Settings) -> Database:
        """The database of the settings, made when it is not there.

        Raises ConfigurationError: no such place, no database, another program's, or a newer schema.
        """
        if settings.database_url is None:
            make_private_folder(settings.data_folder)
        url = _url(settings)
        path = Path(url.database or "")
        make_private_file(path)
        database = cls(path, _engine(url))
        try:
            await database._migrate()
        except BaseException:
            await database.aclose()
            raise
        return database

    async def aclose(self) -> None:
        """Closes every connection; the last one of the file folds its write-ahead log."""
        with anyio.CancelScope(shield=True):
            await self._reader.dispose()

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncConnection]:
        """A transaction that sees one state of the data. It is short, and a cancellation waits for its end."""
        async with _transaction(self._reader) as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[AsyncConnection]:
        """A transaction that excludes all other writers; an error undoes it. A cancellation waits for its end.

        While another process has the lock nothing is written, and a cancellation is heard.
        """
        async with self._turn, _transaction(self._writer) as connection:
            yield connection

    async def _migrate(self) -> None:
        try:
            async with self.reading() as connection:
                version = await connection.run_sync(self._version)
            if version < len(MIGRATIONS):
                async with self.writing() as connection:
                    await connection.run_sync(self._step_up)
        except DatabaseError as error:
            raise self._held() if _is_locked(error) else self._unusable(f"cannot be opened ({error.orig})") from None

    def _version(self, connection: Connection) -> int:
        version = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
        if version > len(MIGRATIONS):
            raise ConfigurationError(
                f"The database {self.path} has schema version {version}; this program knows up to {len(MIGRATIONS)}.",
                hint="Update videovector-connectors, or give another file with VIDEOVECTOR_DATABASE_URL.",
                code="database_too_new",
            )
        if version == 0 and inspect(connection).get_table_names():
            raise self._unusable("belongs to another program")
        return version

    def _step_up(self, connection: Connection) -> None:
        """Asks for the version again: another process may have been faster."""
        for step in MIGRATIONS[self._version(connection) :]:
            step(connection)
        connection.exec_driver_sql(f"PRAGMA user_version = {len(MIGRATIONS)}")

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


async def lock_tenant(connection: AsyncConnection, tenant_id: str) -> None:
    """Until the transaction ends, no other one writes for this tenant: the row's lock on PostgreSQL; SQLite's holds."""
    await connection.execute(select(tenants.c.tenant_id).filter_by(tenant_id=tenant_id).with_for_update())
