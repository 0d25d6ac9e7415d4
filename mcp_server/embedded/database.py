"""The database as the service uses it: transactions that read or write, whichever program keeps the data.

What is SQLite's and what is PostgreSQL's stands in the modules of these names; the tables are in `tables`.
"""

from __future__ import annotations

import asyncio
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, contextmanager

import anyio
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from mcp_server.embedded.migrations import HEAD
from mcp_server.embedded.tables import tenants
from mcp_server.errors import ConfigurationError
from mcp_server.redaction import Secret
from mcp_server.settings import Settings

FAILURES = (DBAPIError, PoolTimeout, OSError, asyncio.TimeoutError)
"""What the drivers raise, and the network below them."""
# SQLSTATE classes (PostgreSQL's): the values, or the rules of the tables, are at fault; not the database.
_DEFECTS = ("22", "23")
_SYNTAX_OR_ACCESS = "42"
_DISK_FULL = "53100"


class DatabaseFault(ConfigurationError):
    """The database did not do what it was asked. `cause` is for the operator's log and shows no value of a row."""

    def __init__(self, error: BaseException) -> None:
        state = sqlstate(error)
        self.cause = cause_of(error)
        if state.startswith(_SYNTAX_OR_ACCESS):
            hint = "Its operator must run: videovector-connectors db upgrade, as a user who may use its tables."
            super().__init__("The database is not prepared for this program.", hint=hint, code="database_unusable")
        elif state == _DISK_FULL or "disk is full" in self.cause:
            hint = "Its operator must free space; what only reads works. Then call again."
            super().__init__("The disk of the database is full.", hint=hint, code="database_full", retryable=True)
        else:
            message = "The database is busy, or cannot be reached or written."
            super().__init__(message, hint="Try again.", code="database_unavailable", retryable=True)


def sqlstate(error: BaseException) -> str:
    """PostgreSQL's five characters for an error; empty when it is none of PostgreSQL's."""
    return str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")


def cause_of(error: BaseException) -> str:
    """What happened, in the words of SQLite, or by name: PostgreSQL's texts and the network's may quote."""
    original: BaseException = getattr(error, "orig", None) or error
    if isinstance(original, sqlite3.Error):
        return str(original)
    return f"{type(original.__cause__ or original).__name__} {sqlstate(error)}".rstrip()


@contextmanager
def _telling() -> Generator[None]:
    """Raises DatabaseFault; what the database says of wrong values stays what it is, a defect of ours."""
    try:
        yield
    except FAILURES as error:
        if isinstance(error, IntegrityError) or sqlstate(error).startswith(_DEFECTS):
            raise
        raise DatabaseFault(error) from None


class Database(ABC):
    """A database that any number of processes may have open."""

    _reader: AsyncEngine
    _writer: AsyncEngine

    @staticmethod
    async def open(settings: Settings) -> Database:
        """The database of the settings, with the current schema.

        A file is made and migrated when need be. Raises ConfigurationError: it cannot be used, is another program's, or
        has a schema that this program does not know, or that the operator must bring up first (`upgrade`).
        """
        database = _made(settings)
        try:
            await database.prepare()
        except BaseException:
            await database.aclose()
            raise
        return database

    async def aclose(self) -> None:
        """Closes every connection; the last one of a file folds its write-ahead log."""
        with anyio.CancelScope(shield=True):
            await self._reader.dispose()

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncConnection]:
        """A transaction that sees one state of the data. It is short, and a cancellation waits for its end.

        Raises DatabaseFault.
        """
        with _telling():
            async with self._transaction(self._reader) as connection:
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[AsyncConnection]:
        """A transaction that may write; an error undoes it. A cancellation waits for its end, not for its turn.

        Others may write at the same time, to other rows: what is read to be changed must be locked (FOR UPDATE).
        Raises DatabaseFault.
        """
        with _telling():
            async with self._transaction(self._writer) as connection:
                yield connection

    @abstractmethod
    async def prepare(self) -> None:
        """The schema is the current one afterwards. Raises ConfigurationError."""

    @abstractmethod
    async def upgrade(self) -> str | None:
        """Migrates to the current schema, once, however many do so at the same time; the revision there was before.

        Raises ConfigurationError.
        """

    @abstractmethod
    def _transaction(self, engine: AsyncEngine) -> AbstractAsyncContextManager[AsyncConnection]:
        """Raises what the driver raises."""


def _made(settings: Settings) -> Database:
    """Imports a driver for those alone who use it."""
    if isinstance(settings.database_url, Secret):
        from mcp_server.embedded.postgresql import PostgresqlDatabase

        return PostgresqlDatabase(settings, settings.database_url)
    from mcp_server.embedded.sqlite import SqliteDatabase

    return SqliteDatabase(settings)


async def upgrade(settings: Settings) -> tuple[str | None, str]:
    """Brings the settings' database to the current schema: the revisions before, if any, and after.

    Raises ConfigurationError.
    """
    async with aclosing(_made(settings)) as database:
        return await database.upgrade(), HEAD


async def lock_tenant(connection: AsyncConnection, tenant_id: str) -> None:
    """Until the transaction ends, no other one passes here for this tenant: PostgreSQL's row lock, SQLite's own.

    Of the weaker kind, so that rows which refer to the tenant can still be inserted.
    """
    query = select(tenants.c.tenant_id).filter_by(tenant_id=tenant_id)
    await connection.execute(query.with_for_update(key_share=True))
