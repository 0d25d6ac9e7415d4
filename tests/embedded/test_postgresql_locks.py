"""On PostgreSQL several write at once: who changes a connector waits for another, and goes on from what that wrote."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest
from sqlalchemy import delete, select, update

from mcp_server.embedded.database import Database
from mcp_server.embedded.keys import encryption_keys
from mcp_server.embedded.rotation import rotate
from mcp_server.embedded.service import Service
from mcp_server.embedded.tables import LOCAL_TENANT, connectors
from mcp_server.embedded.vault import Vault
from mcp_server.settings import Settings
from tests.embedded.bodies import encryption_key
from tests.embedded.calling import calling, created
from tests.emulators.http_server import Reply, serving
from tests.emulators.postgresql import Postgresql

pytestmark = pytest.mark.anyio
LATER = "2999-12-31T23:59:59.999Z"
Act = Callable[[], Awaitable[Any]]


@pytest.fixture
def database_flags(postgresql_flags: dict[str, str]) -> dict[str, str]:
    return postgresql_flags


@pytest.fixture
async def database(settings: Settings) -> AsyncGenerator[Database]:
    """Another process's."""
    async with aclosing(await Database.open(settings)) as database:
        yield database


async def after_another(postgresql: Postgresql, database: Database, statement: Any, act: Act) -> Any:
    """What the act answers that began while another process had done its statement, and ended after that was over."""
    answers: list[Any] = []

    async def answer() -> None:
        answers.append(await act())

    async with anyio.create_task_group() as tasks, database.writing() as connection:
        await connection.execute(statement)
        tasks.start_soon(answer)
        await anyio.to_thread.run_sync(postgresql.wait_until_somebody_waits)
    return answers[0]


async def test_a_change_is_made_to_what_the_other_one_wrote(
    api: httpx.AsyncClient, postgresql: Postgresql, database: Database
) -> None:
    path = f"/connectors/{(await created(api))['connector_id']}"
    other = update(connectors).values(updated_at=LATER, import_mode="new_only")
    answer = await after_another(postgresql, database, other, lambda: api.patch(path, json={"name": "Renamed"}))
    assert (answer.json()["name"], answer.json()["import_mode"]) == ("Renamed", "new_only")
    assert answer.json()["updated_at"] > LATER


async def test_of_two_who_delete_a_connector_the_second_finds_none(
    api: httpx.AsyncClient, postgresql: Postgresql, database: Database
) -> None:
    path = f"/connectors/{(await created(api))['connector_id']}"
    answer = await after_another(postgresql, database, delete(connectors), lambda: api.delete(path))
    assert answer.status_code == 404


async def test_a_test_is_not_noted_for_access_that_another_one_was_changing(
    settings_with: Callable[..., Settings], postgresql: Postgresql, database: Database
) -> None:
    with serving(lambda _: Reply(403, b"<Error><Code>AccessDenied</Code></Error>")) as storage:
        settings = settings_with(s3_endpoint=storage.url)
        async with aclosing(await Service.open(settings)) as service, calling(service) as api:
            path = f"/connectors/{(await created(api))['connector_id']}"
            other = update(connectors).values(scopes=["export"])
            answer = await after_another(postgresql, database, other, lambda: api.post(f"{path}/test"))
            assert answer.json()["success"] is False
            assert (await api.get(path)).json()["status"] == "active"


async def test_a_rotation_does_not_undo_what_another_one_was_sealing(
    api: httpx.AsyncClient, settings_with: Callable[..., Settings], postgresql: Postgresql, database: Database
) -> None:
    connector_id = (await created(api))["connector_id"]
    ring = encryption_keys(settings_with(encryption_keys=encryption_key()))
    sealed = Vault(ring).seal({"aws_access_key_id": "new"}, LOCAL_TENANT, connector_id)

    async def rotate_all() -> list[int]:
        return [progress.done async for progress in rotate(database, Vault(ring))]

    other = update(connectors).values(sealed_credentials=sealed)
    assert await after_another(postgresql, database, other, rotate_all) == [0, 0]
    async with database.reading() as connection:
        assert await connection.scalar(select(connectors.c.sealed_credentials)) == sealed
