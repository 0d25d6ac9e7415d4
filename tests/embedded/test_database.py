"""Transactions, as the service uses them, on either database: whole or not at all, cancelled, failed."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import anyio
import httpx
import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from mcp_server.embedded.database import Database, lock_tenant
from mcp_server.embedded.service import Service
from mcp_server.embedded.tables import LOCAL_TENANT, connectors, keyed_requests, tenants
from mcp_server.settings import Settings
from tests.embedded.bodies import azure_body, gcs_file, gcs_form, s3_body, service_account
from tests.embedded.calling import calling, error_of

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(settings: Settings) -> AsyncGenerator[Database]:
    async with aclosing(await Database.open(settings)) as database:
        yield database


async def tenant_ids(database: Database) -> list[str]:
    async with database.reading() as connection:
        return list(await connection.scalars(select(tenants.c.tenant_id)))


async def test_the_database_opens_again_and_has_the_local_tenant(settings: Settings) -> None:
    for _ in range(2):
        async with aclosing(await Database.open(settings)) as database:
            assert await tenant_ids(database) == [LOCAL_TENANT]


async def test_rows_of_a_tenant_who_does_not_exist_are_refused(database: Database) -> None:
    row = {"request_digest": b"", "answer": "", "created_at": "", "idempotency_key": "key"}
    with pytest.raises(IntegrityError):
        async with database.writing() as connection:
            await connection.execute(insert(keyed_requests).values(tenant_id="nobody", **row))


async def add_tenant_twice(database: Database) -> None:
    async with database.writing() as connection:
        for _ in range(2):
            await connection.execute(insert(tenants).values(tenant_id="other"))


async def test_an_error_undoes_the_whole_transaction(database: Database) -> None:
    with pytest.raises(IntegrityError):
        await add_tenant_twice(database)
    assert await tenant_ids(database) == [LOCAL_TENANT]


async def test_a_cancelled_transaction_ends_and_the_next_one_goes_on(database: Database) -> None:
    for number in range(10):
        with anyio.CancelScope() as scope:
            async with database.writing() as connection:
                scope.cancel()
                await connection.execute(insert(tenants).values(tenant_id=f"t{number}"))
            await anyio.lowlevel.checkpoint()
        assert scope.cancelled_caught
    assert len(await tenant_ids(database)) == 11


async def test_who_locks_a_tenant_waits_for_the_one_who_has_it_and_then_sees_what_that_one_did(
    database: Database,
) -> None:
    seen: list[int] = []

    async def add() -> None:
        async with database.writing() as connection:
            await lock_tenant(connection, LOCAL_TENANT)
            count = len((await connection.scalars(select(tenants.c.tenant_id))).all())
            await connection.execute(insert(tenants).values(tenant_id=f"t{count}"))
            seen.append(count)

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(add)
    assert seen == list(range(1, 21))


async def test_the_longest_values_that_are_taken_are_stored(api: httpx.AsyncClient) -> None:
    long = {"name": "\U0001f600" * 100, "export_base_path": "é" * 512, "scopes": ["export"]}
    project = f"{'a' * 100}:{'b' * 30}"
    key = {"Idempotency-Key": "~" * 255}
    answers = [
        await api.post("/connectors/s3", json=s3_body(**long, bucket="b" * 63, region=f"us-{'a' * 27}-1"), headers=key),
        await api.post("/connectors/azure", json=azure_body(**long, storage_account="s" * 24, container="c" * 63)),
        await api.post(
            "/connectors/gcs",
            data=gcs_form(**long, bucket=".".join(["b" * 55] * 3 + ["b" * 54]), gcp_project_id=project),
            files=gcs_file(service_account()),
        ),
    ]
    assert [answer.status_code for answer in answers] == [201] * 3, [answer.text for answer in answers]


async def test_a_database_without_its_tables_is_an_error_for_its_operator_and_no_defect(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with aclosing(await Service.open(settings)) as service, calling(service) as api:
        async with aclosing(await Database.open(settings)) as database, database.writing() as connection:
            await connection.run_sync(connectors.drop)
        answer = await api.get("/connectors")
    error = error_of(answer, 503, "database_unusable" if settings.database_url else "database_unavailable")
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage().startswith(f"{error['request_id']}: the database failed: ")
    assert ("UndefinedTableError 42P01" if settings.database_url else "no such table") in record.getMessage()


async def test_closing_leaves_no_connection_behind(settings_with: Callable[..., Settings]) -> None:
    for _ in range(3):
        async with aclosing(await Database.open(settings_with())) as database, anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(tenant_ids, database)
