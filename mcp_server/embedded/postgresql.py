"""A PostgreSQL database over asyncpg: its URL, a pool that survives a restart, waits that end. No migration on its own.

PostgreSQL itself, or a pooler in session mode that lets start-up parameters pass: the bounds are such parameters.
"""

from __future__ import annotations

import math
import time
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from ssl import SSLContext
from types import MappingProxyType
from typing import Any

import anyio
from sqlalchemy import URL, Connection, event, func, make_url, select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from mcp_server.embedded import migrations
from mcp_server.embedded.database import FAILURES, Database, cause_of, sqlstate
from mcp_server.embedded.tables import alembic_version
from mcp_server.errors import ConfigurationError
from mcp_server.redaction import Secret, reveal_text
from mcp_server.settings import Settings
from mcp_server.tls import tls_context

asyncpg: Any = import_module("asyncpg")  # it tells nobody its types

POOL_SIZE = 10
"""Connections of a process. Who finds all in use waits for `TURN_SECONDS`."""
TURN_SECONDS = 10
CONNECT_SECONDS = 5
UNTRIED_SECONDS = 5
"""A connection that was idle for longer is tried before it is used."""
# A statement, the wait for a lock in it included; and a transaction of a process that stands still, with its locks.
STATEMENT_SECONDS = 10
IDLE_SECONDS = 30
# When the database does not answer at all, not even that the time is up.
SILENCE_SECONDS = 12
# An upgrade waits for another one, and for the end of transactions; then it takes as long as it takes.
UPGRADE_LOCK_SECONDS = 60
UPGRADE_LOCK = 0x76_63_6F_6E_6E  # any number that is nobody else's

_NAME = "The PostgreSQL database"
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_UPGRADE = "Run: videovector-connectors db upgrade"
_HINTS: Mapping[str, str] = MappingProxyType(
    {
        "28": "Correct the user or the password in VIDEOVECTOR_DATABASE_URL.",
        "3D": f"Create it, for example with createdb. {_UPGRADE}",
        "42": "Give it to a user and a database that are for this program alone.",
    }
)


class NotConnected(ConnectionError):
    """PostgreSQL let us not in; `orig` is the driver's error."""

    def __init__(self, orig: Exception) -> None:
        super().__init__()
        self.orig = orig


@dataclass(frozen=True)
class _Place:
    """Where the database is, and how it is encrypted on the way; `tls` is a mode of libpq's, or whom to trust."""

    url: URL
    tls: str | SSLContext

    @classmethod
    def of(cls, settings: Settings, url: Secret) -> _Place:
        """Verified are the authorities that all other connections trust, `ca_file` among them.

        Raises ConfigurationError.
        """
        parsed = make_url(reveal_text(url))
        mode = str(parsed.query.get("ssl", "prefer"))
        if mode not in _SSL_MODES:
            raise ConfigurationError(
                f"VIDEOVECTOR_DATABASE_URL: sslmode must be one of {', '.join(_SSL_MODES)}.",
                code="database_url_invalid",
            )
        bare = parsed.set(query={})
        if not mode.startswith("verify-"):
            return cls(bare, mode)
        trusted = tls_context(settings, trust_env=True)
        trusted.check_hostname = mode == "verify-full"
        return cls(bare, trusted)

    def engine(self, *, upgrades: bool) -> AsyncEngine:
        """Its statements and the waits for locks have their bounds; those of an upgrade may take long."""
        bounds = {
            "statement_timeout": 0 if upgrades else STATEMENT_SECONDS,
            "lock_timeout": UPGRADE_LOCK_SECONDS if upgrades else STATEMENT_SECONDS,
            "idle_in_transaction_session_timeout": IDLE_SECONDS,
        }
        bounded = {name: f"{int(1000 * seconds)}ms" for name, seconds in bounds.items()}
        engine = create_async_engine(
            self.url,
            async_creator=partial(self._connect, bounded, None if upgrades else SILENCE_SECONDS),
            hide_parameters=True,
            isolation_level="READ COMMITTED",
            pool_size=POOL_SIZE,
            max_overflow=0,
        )
        _try_before_use(engine)
        return engine

    async def _connect(self, bounds: Mapping[str, str], silence: float | None) -> Any:
        """Raises NotConnected, which SQLAlchemy's versions all let pass, and what else the network raises."""
        where = self.url.translate_connect_args(username="user")
        options = {"application_name": "videovector-connectors", **bounds}
        try:
            return await asyncpg.connect(
                **where, ssl=self.tls, timeout=CONNECT_SECONDS, command_timeout=silence, server_settings=options
            )
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise NotConnected(error) from None


def _try_before_use(engine: AsyncEngine) -> None:
    """What a restart of the database closed is replaced before it is used, and so is what broke while it was idle.

    SQLAlchemy's `pool_pre_ping` tries every time, which takes as long as the work itself.
    """
    dialect = engine.sync_engine.dialect

    def checked_in(_: object, record: ConnectionPoolEntry) -> None:
        record.info["last_used"] = time.monotonic()

    def checked_out(connection: DBAPIConnection, record: ConnectionPoolEntry, _: object) -> None:
        driver: Any = record.driver_connection
        if driver.is_closed():
            raise InvalidatePoolError
        if time.monotonic() - record.info.get("last_used", math.inf) > UNTRIED_SECONDS:
            try:
                dialect.do_ping(connection)
            except dialect.loaded_dbapi.Error:
                raise InvalidatePoolError from None

    event.listen(engine.sync_engine, "checkin", checked_in)
    event.listen(engine.sync_engine, "checkout", checked_out)


@contextmanager
def _telling() -> Generator[None]:
    """Raises ConfigurationError, without the texts of others: they may quote the URL."""
    try:
        yield
    except FAILURES as error:
        state = sqlstate(error)
        raise ConfigurationError(
            f"{_NAME} cannot be used ({cause_of(error)}).",
            hint=_HINTS.get(state[:2], "See that it runs and can be reached by VIDEOVECTOR_DATABASE_URL."),
            code="database_unavailable",
            retryable=state[:2] not in _HINTS,
        ) from None


class PostgresqlDatabase(Database):
    """One database, whose rows are locked one by one: of this process too, several transactions write at a time."""

    def __init__(self, settings: Settings, url: Secret) -> None:
        """Nothing is connected yet. Raises ConfigurationError for what the URL says of TLS."""
        self._place = _Place.of(settings, url)
        self._writer = self._place.engine(upgrades=False)
        self._reader = self._writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._turns = anyio.Semaphore(POOL_SIZE)

    async def prepare(self) -> None:
        """Looks and changes nothing: several processes, of several versions, may use the database at this moment."""
        with _telling():
            async with self._transaction(self._reader) as connection:
                revision = await connection.run_sync(_revision)
        if revision != migrations.HEAD:
            state = f"has schema version {revision}" if revision else "is not prepared yet"
            raise ConfigurationError(
                f"{_NAME} {state}; this program needs version {migrations.HEAD}.",
                hint=_UPGRADE,
                code="database_not_upgraded",
            )

    async def upgrade(self) -> str | None:
        """In one transaction, which excludes other upgrades."""
        engine = self._place.engine(upgrades=True)
        try:
            with _telling():
                async with self._transaction(engine) as connection:
                    await connection.execute(select(func.pg_advisory_xact_lock(UPGRADE_LOCK)))
                    return await connection.run_sync(_step_up)
        finally:
            with anyio.CancelScope(shield=True):
                await engine.dispose()

    @asynccontextmanager
    async def _transaction(self, engine: AsyncEngine) -> AsyncGenerator[AsyncConnection]:
        """A cancellation is heard while all connections are in use; after that, every wait has its bound."""
        with anyio.fail_after(TURN_SECONDS):
            await self._turns.acquire()
        try:
            with anyio.CancelScope(shield=True):
                async with engine.begin() as connection:
                    yield connection
        finally:
            self._turns.release()


def _revision(connection: Connection) -> str | None:
    """Raises ConfigurationError for one that is newer."""
    if connection.scalar(select(func.to_regclass(alembic_version.name))) is None:
        return None
    revision = connection.scalar(select(alembic_version))
    migrations.check_known(revision, _NAME)
    return revision


def _step_up(connection: Connection) -> str | None:
    before = _revision(connection)
    if before != migrations.HEAD:
        migrations.run(connection, before)
    return before
