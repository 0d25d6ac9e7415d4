"""PostgreSQL: how it is reached and encrypted, whose schema it has, and that nothing tells its password."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import aclosing
from typing import Any

import anyio
import anyio.to_thread
import pytest
from sqlalchemy import func, insert, select, text, update

from mcp_server.embedded import database as database_room
from mcp_server.embedded import postgresql as postgresql_room
from mcp_server.embedded.database import Database, DatabaseFault
from mcp_server.embedded.migrations import HEAD, REVISIONS
from mcp_server.embedded.postgresql import POOL_SIZE, UPGRADE_LOCK
from mcp_server.embedded.tables import LOCAL_TENANT, alembic_version, tenants
from mcp_server.errors import ConfigurationError
from mcp_server.settings import Settings
from tests.embedded.racing import racing
from tests.emulators.postgresql import TEMPLATE, Postgresql
from tests.emulators.processes import free_port

pytestmark = pytest.mark.anyio
TLS = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


@pytest.fixture
def database_flags(postgresql_flags: dict[str, str]) -> dict[str, str]:
    return postgresql_flags


async def refusal(settings: Settings, cluster: Postgresql) -> ConfigurationError:
    """Why the database is not opened; the password is no part of it."""
    with pytest.raises(ConfigurationError) as caught:
        await Database.open(settings)
    assert cluster.password not in str(caught.value)
    return caught.value


async def answer_of(settings: Settings, query: str) -> object:
    async with aclosing(await Database.open(settings)) as database, database.reading() as connection:
        return (await connection.execute(text(query))).scalar()


# ---- how it is reached -------------------------------------------------------------------------------------------


async def test_the_owners_mistakes_are_told_apart(
    postgresql: Postgresql, settings_with: Callable[..., Settings]
) -> None:
    right = postgresql.url("postgres")
    wrong = {
        "InvalidPasswordError": right.replace(postgresql.password, postgresql.password[::-1]),
        "InvalidCatalogNameError": postgresql.url("nowhere"),
        "ConnectionRefusedError": right.replace(str(postgresql.port), str(free_port())),
    }
    refusals = {name: await refusal(settings_with(database_url=url), postgresql) for name, url in wrong.items()}
    assert all(name in refused.message for name, refused in refusals.items())
    assert [refused.retryable for refused in refusals.values()] == [False, False, True]
    hints = [refused.hint for refused in refusals.values()]
    assert [word in hint for word, hint in zip(("password", "createdb", "runs"), hints, strict=True)] == [True] * 3


@pytest.mark.parametrize("name", ["ssl", "sslmode"])
@pytest.mark.parametrize(("mode", "encrypted"), [("disable", False), ("require", True)])
async def test_tls_is_what_the_url_says(
    postgresql: Postgresql, settings_with: Callable[..., Settings], name: str, mode: str, *, encrypted: bool
) -> None:
    settings = settings_with(database_url=postgresql.url(TEMPLATE, **{name: mode}))
    assert await answer_of(settings, TLS) is encrypted


@pytest.mark.parametrize(
    ("mode", "host", "refused"),
    [("verify-full", "127.0.0.1", False), ("verify-full", "localhost", True), ("verify-ca", "localhost", False)],
)
async def test_a_certificate_is_verified_by_the_authorities_that_the_settings_name(
    postgresql: Postgresql, settings_with: Callable[..., Settings], mode: str, host: str, *, refused: bool
) -> None:
    url = postgresql.url(TEMPLATE, sslmode=mode).replace("127.0.0.1", host)
    settings = settings_with(database_url=url, ca_file=str(postgresql.authority_file))
    if refused:
        assert "SSLCertVerificationError" in (await refusal(settings, postgresql)).message
    else:
        assert await answer_of(settings, TLS) is True


@pytest.mark.parametrize("mode", ["verify-full", "verify-ca"])
async def test_a_certificate_of_an_authority_that_nobody_named_is_refused(
    postgresql: Postgresql, settings_with: Callable[..., Settings], mode: str
) -> None:
    settings = settings_with(database_url=postgresql.url(TEMPLATE, sslmode=mode))
    assert "SSLCertVerificationError" in (await refusal(settings, postgresql)).message


async def test_another_mode_of_tls_is_refused_with_those_that_there_are(
    postgresql: Postgresql, settings_with: Callable[..., Settings]
) -> None:
    refused = await refusal(settings_with(database_url=postgresql.url(TEMPLATE, sslmode="maybe")), postgresql)
    assert refused.code == "database_url_invalid"
    assert "verify-full" in refused.message


async def test_reading_is_read_only(settings: Settings) -> None:
    async with aclosing(await Database.open(settings)) as database:
        with pytest.raises(DatabaseFault) as caught:
            async with database.reading() as connection:
                await connection.execute(insert(tenants).values(tenant_id="other"))
    assert "ReadOnlySQLTransactionError" in caught.value.cause


async def test_closing_ends_every_connection(settings: Settings, postgresql: Postgresql) -> None:
    async with aclosing(await Database.open(settings)) as database, anyio.create_task_group() as tasks:
        for _ in range(3 * POOL_SIZE):
            tasks.start_soon(read, database)
    await anyio.to_thread.run_sync(postgresql.wait_until_unused, "videovector-connectors")


async def read(database: Database) -> None:
    async with database.reading() as connection:
        await connection.execute(select(tenants))


# ---- its schema --------------------------------------------------------------------------------------------------


@pytest.fixture
def empty(postgresql: Postgresql) -> Iterator[str]:
    """The name of a database without tables."""
    with postgresql.database() as name:
        yield name


async def test_a_database_without_the_schema_is_only_checked_and_the_error_says_what_to_run(
    empty: str, postgresql: Postgresql, settings_with: Callable[..., Settings]
) -> None:
    settings = settings_with(database_url=postgresql.url(empty))
    refused = await refusal(settings, postgresql)
    assert refused.code == "database_not_upgraded"
    assert "videovector-connectors db upgrade" in refused.hint
    assert await database_room.upgrade(settings) == (None, HEAD)
    assert await answer_of(settings, "SELECT tenant_id FROM tenants") == LOCAL_TENANT
    assert await database_room.upgrade(settings) == (HEAD, HEAD)


async def test_an_older_schema_is_upgraded_by_that_command(settings: Settings, postgresql: Postgresql) -> None:
    async with aclosing(await Database.open(settings)) as database, database.writing() as connection:
        await connection.execute(text("DROP TABLE api_keys"))
        await connection.execute(update(alembic_version).values(version_num=REVISIONS[0]))
    refused = await refusal(settings, postgresql)
    assert f"has schema version {REVISIONS[0]}; this program needs version {HEAD}" in refused.message
    assert await database_room.upgrade(settings) == (REVISIONS[0], HEAD)
    await (await Database.open(settings)).aclose()


@pytest.mark.parametrize("act", [Database.open, database_room.upgrade])
async def test_a_newer_schema_is_refused(settings: Settings, act: Callable[[Settings], Any]) -> None:
    async with aclosing(await Database.open(settings)) as database, database.writing() as connection:
        await connection.execute(update(alembic_version).values(version_num="9999"))
    with pytest.raises(ConfigurationError, match=f"version 9999; this program knows up to {HEAD}") as caught:
        await act(settings)
    assert caught.value.code == "database_too_new"


async def test_the_database_of_another_program_is_left_as_it_is(
    empty: str, postgresql: Postgresql, settings_with: Callable[..., Settings]
) -> None:
    postgresql.execute("CREATE TABLE connectors (letter text)", database=empty)
    with pytest.raises(ConfigurationError, match="DuplicateTableError") as caught:
        await database_room.upgrade(settings_with(database_url=postgresql.url(empty)))
    assert "for this program alone" in caught.value.hint
    assert postgresql.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", database=empty) == [
        ("connectors",)
    ]


async def test_of_processes_that_upgrade_at_once_one_does_it(empty: str, postgresql: Postgresql) -> None:
    answers = racing("upgrading_process", {"data_dir": "unused", "flags": {"database_url": postgresql.url(empty)}}, 2)
    assert sorted(answers, key=str) == [[HEAD, HEAD], [None, HEAD]]


async def test_an_upgrade_that_waits_too_long_for_another_one_is_worth_a_retry(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql_room, "UPGRADE_LOCK_SECONDS", 0.1)
    async with aclosing(await Database.open(settings)) as database, database.writing() as connection:
        await connection.execute(select(func.pg_advisory_xact_lock(UPGRADE_LOCK)))
        with pytest.raises(ConfigurationError, match="LockNotAvailableError") as caught:
            await database_room.upgrade(settings)
    assert caught.value.retryable
