"""An embedded API on a database of its own, on SQLite and then on PostgreSQL, and a client that calls it in process."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import anyio
import httpx
import pytest

from mcp_server.embedded.database import upgrade
from mcp_server.embedded.migrations import HEAD
from mcp_server.embedded.service import Service
from mcp_server.embedded.tables import LOCAL_TENANT, alembic_version, metadata, tenants
from mcp_server.settings import Settings
from tests.embedded.bodies import encryption_key, settings_in
from tests.embedded.calling import calling
from tests.emulators.postgresql import TEMPLATE, Postgresql

# What makes a used database as good as a new one.
EMPTIED = (
    *(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables)),  # noqa: S608
    f"INSERT INTO {tenants.name} VALUES ('{LOCAL_TENANT}')",  # noqa: S608
    f"INSERT INTO {alembic_version.name} VALUES ('{HEAD}')",  # noqa: S608
)


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgresql]:
    """A cluster with a database that has the current schema, to be copied."""
    with Postgresql.running() as cluster:
        anyio.run(upgrade, settings_in(tmp_path_factory.mktemp("template"), database_url=cluster.url(TEMPLATE)))
        yield cluster


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def postgresql_flags(postgresql: Postgresql) -> Iterator[dict[str, str]]:
    with postgresql.copy(EMPTIED) as name:
        yield {"database_url": postgresql.url(name, sslmode="disable"), "encryption_key": encryption_key()}


@pytest.fixture(params=["sqlite", "postgresql"])
def database_flags(request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings of a database that no other test uses."""
    if request.param == "sqlite":
        return {}
    flags: dict[str, str] = request.getfixturevalue("postgresql_flags")
    return flags


@pytest.fixture
def settings_with(data_dir: Path, database_flags: dict[str, str]) -> Callable[..., Settings]:
    """Settings on the test's database, with flags."""

    def settings_with(**flags: str) -> Settings:
        return settings_in(data_dir, **{**database_flags, **flags})

    return settings_with


@pytest.fixture
def settings(settings_with: Callable[..., Settings]) -> Settings:
    return settings_with()


@pytest.fixture
async def service(settings: Settings) -> AsyncGenerator[Service]:
    async with aclosing(await Service.open(settings)) as service:
        yield service


@pytest.fixture
async def api(service: Service) -> AsyncGenerator[httpx.AsyncClient]:
    async with calling(service) as api:
        yield api
