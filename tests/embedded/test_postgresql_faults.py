"""PostgreSQL that goes, stands still or is busy: each ends in an error within its bound, and then all goes on."""

from __future__ import annotations

import signal
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest
from sqlalchemy import insert, select, text

from mcp_server.embedded import postgresql as postgresql_room
from mcp_server.embedded.database import Database, DatabaseFault, lock_tenant
from mcp_server.embedded.postgresql import POOL_SIZE
from mcp_server.embedded.service import Service
from mcp_server.embedded.tables import LOCAL_TENANT, tenants
from mcp_server.settings import Settings
from tests.embedded.bodies import s3_body
from tests.embedded.calling import calling, error_of
from tests.emulators.postgresql import Postgresql

pytestmark = pytest.mark.anyio


@pytest.fixture
def database_flags(postgresql_flags: dict[str, str]) -> dict[str, str]:
    return postgresql_flags


async def read(database: Database) -> None:
    async with database.reading() as connection:
        await connection.execute(select(tenants))


@pytest.mark.parametrize("crash", [False, True])
async def test_a_restart_is_an_error_worth_a_retry_while_it_lasts_and_the_next_request_succeeds(
    service: Service, postgresql: Postgresql, *, crash: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with calling(service) as api:

        async def create_many(status: int) -> None:
            answers = list[httpx.Response]()

            async def create() -> None:
                answers.append(await api.post("/connectors/s3", json=s3_body()))

            async with anyio.create_task_group() as tasks:
                for _ in range(POOL_SIZE):
                    tasks.start_soon(create)
            assert [answer.status_code for answer in answers] == [status] * POOL_SIZE

        await create_many(201)
        with stopped(postgresql, crash=crash):
            error = error_of(await api.get("/ready"), 503, "database_unavailable")
            assert error["details"] == {"retryable": True, "hint": "Try again."}
            await create_many(503)
        await create_many(201)
        assert len((await api.get("/connectors")).json()) == 2 * POOL_SIZE
    assert postgresql.password not in caplog.text


@contextmanager
def stopped(cluster: Postgresql, *, crash: bool) -> Generator[None]:
    cluster.stop(crash=crash)
    try:
        yield
    finally:
        cluster.start()


def at_first(real: Callable[..., bool], *, answer: bool) -> Callable[..., bool]:
    """Answers so when it is called for the first time."""
    answers = [answer]

    def act(*arguments: Any) -> bool:
        return answers.pop() if answers else real(*arguments)

    return act


@pytest.mark.parametrize("noticed", [True, False])
async def test_a_connection_that_broke_while_it_was_idle_is_replaced_when_it_is_wanted_again(
    settings: Settings, postgresql: Postgresql, monkeypatch: pytest.MonkeyPatch, *, noticed: bool
) -> None:
    monkeypatch.setattr(postgresql_room, "UNTRIED_SECONDS", 1000 if noticed else -1)

    async def used(database: Database) -> tuple[int, Any]:
        async with database.reading() as connection:
            backend = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
            return backend, (await connection.get_raw_connection()).driver_connection

    async with aclosing(await Database.open(settings)) as database:
        backend, driver = await used(database)
        assert await used(database) == (backend, driver)
        await anyio.to_thread.run_sync(postgresql.execute, f"SELECT pg_terminate_backend({backend})")
        if noticed:
            with anyio.fail_after(10):
                while not driver.is_closed():
                    await anyio.lowlevel.checkpoint()
        else:
            kind: Any = driver.__class__
            monkeypatch.setattr(kind, "is_closed", at_first(kind.is_closed, answer=False))
        assert (await used(database))[0] != backend


async def test_a_transaction_whose_connection_is_ended_is_an_error_worth_a_retry(
    settings: Settings, postgresql: Postgresql
) -> None:
    async def write(database: Database) -> None:
        async with database.writing() as connection:
            await connection.execute(insert(tenants).values(tenant_id="other"))
            backend = await connection.scalar(text("SELECT pg_backend_pid()"))
            await anyio.to_thread.run_sync(postgresql.execute, f"SELECT pg_terminate_backend({backend})")
            await connection.execute(select(tenants))

    async with aclosing(await Database.open(settings)) as database:
        with pytest.raises(DatabaseFault) as caught:
            await write(database)
        assert caught.value.retryable
        assert caught.value.cause
        async with database.reading() as connection:
            assert (await connection.scalars(select(tenants.c.tenant_id))).all() == [LOCAL_TENANT]


async def test_a_database_that_stands_still_is_given_up_in_time(
    settings: Settings, postgresql: Postgresql, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql_room, "SILENCE_SECONDS", 1.5)
    async with aclosing(await Service.open(settings)) as service, calling(service) as api:
        with standing_still(postgresql), anyio.fail_after(10):
            error_of(await api.get("/connectors"), 503, "database_unavailable")
        assert (await api.get("/connectors")).json() == []


@contextmanager
def standing_still(cluster: Postgresql) -> Generator[None]:
    """All its processes are there, and their sockets, and nothing is done."""
    cluster.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        cluster.signal(signal.SIGCONT)


async def test_a_wait_for_a_lock_has_its_bound(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql_room, "STATEMENT_SECONDS", 1.0)
    async with aclosing(await Service.open(settings)) as service, calling(service) as api:
        async with aclosing(await Database.open(settings)) as other, other.writing() as connection:
            await lock_tenant(connection, LOCAL_TENANT)
            key = {"Idempotency-Key": "one"}
            error_of(await api.post("/connectors/s3", json=s3_body(), headers=key), 503, "database_unavailable")
            assert (await api.post("/connectors/s3", json=s3_body())).status_code == 201
        assert (await api.post("/connectors/s3", json=s3_body(), headers=key)).status_code == 201


@asynccontextmanager
async def all_connections_in_use(database: Database) -> AsyncGenerator[None]:
    async with AsyncExitStack() as stack:
        for _ in range(POOL_SIZE):
            await stack.enter_async_context(database.reading())
        yield


async def test_when_all_connections_are_in_use_a_call_waits_for_its_turn_within_its_bound(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql_room, "TURN_SECONDS", 0.1)
    async with aclosing(await Database.open(settings)) as database:
        async with all_connections_in_use(database):
            with pytest.raises(DatabaseFault) as caught:
                await read(database)
        assert (caught.value.cause, caught.value.retryable) == ("TimeoutError", True)
        await read(database)


async def test_a_call_that_is_cancelled_while_it_waits_for_its_turn_ends_at_once(settings: Settings) -> None:
    async with aclosing(await Database.open(settings)) as database:
        start = anyio.current_time()
        async with all_connections_in_use(database), anyio.create_task_group() as tasks:
            tasks.start_soon(read, database)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        assert anyio.current_time() - start < 5
        await read(database)
