"""What an operator does to the embedded API's database from the command line: each act yields the lines to print."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager

from mcp_server.embedded import database as database_room
from mcp_server.embedded.database import Database
from mcp_server.embedded.keys import encryption_keys
from mcp_server.embedded.rotation import Progress, rotate
from mcp_server.embedded.tables import LOCAL_TENANT
from mcp_server.embedded.tenancy import DEFAULT_SCOPES, ApiKey, ApiKeys
from mcp_server.embedded.vault import Vault
from mcp_server.settings import Settings

Lines = AsyncGenerator[str]
_HEAD = ("id", "name", "tenant", "scopes", "created", "revoked")


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncGenerator[tuple[Database, Vault]]:
    vault = Vault(encryption_keys(settings))
    async with aclosing(await Database.open(settings)) as database:
        yield database, vault


async def create_api_key(
    settings: Settings, name: str, scopes: Iterable[str] = (), tenant_id: str = LOCAL_TENANT
) -> Lines:
    """The key, alone on its line so that a script can take it; it is shown this once.

    Raises ConfigurationError.
    """
    async with _opened(settings) as (database, vault):
        yield await ApiKeys(database, vault).create(name, tuple(scopes) or DEFAULT_SCOPES, tenant_id)


async def list_api_keys(settings: Settings) -> Lines:
    """A table of all keys, without the keys. Raises ConfigurationError."""
    async with _opened(settings) as (database, vault):
        keys = await ApiKeys(database, vault).listing()
    for line in _table([_HEAD, *map(_cells, keys)]):
        yield line


async def revoke_api_key(settings: Settings, name_or_id: str) -> Lines:
    """Raises ConfigurationError."""
    async with _opened(settings) as (database, vault):
        key = await ApiKeys(database, vault).revoke(name_or_id)
    yield f"Revoked the API key {key.name} ({key.key_id}) of the tenant {key.tenant_id}: it is refused from now on."


async def upgrade_database(settings: Settings) -> Lines:
    """Raises ConfigurationError."""
    before, after = await database_room.upgrade(settings)
    if before == after:
        yield f"The database has schema version {after} already."
    else:
        earlier = f"schema version {before}" if before else "nothing"
        yield f"The database was upgraded from {earlier} to schema version {after}."


async def rotate_keys(settings: Settings) -> Lines:
    """A line for each step, then what is still to be known before an older key is taken away.

    Raises ConfigurationError.
    """
    async with _opened(settings) as (database, vault), aclosing(rotate(database, vault)) as steps:
        progress = Progress(0, 0)
        async for progress in steps:
            yield f"{progress.done} of {progress.total} connectors sealed with the first encryption key."
        waiting = await ApiKeys(database, vault).names_of_older()
    for line in _outstanding(progress.lost, waiting):
        yield line


def _outstanding(lost: Sequence[str], waiting: Sequence[str]) -> Iterator[str]:
    if lost:
        yield f"No key opens the credentials of these connectors, which stay as they are: {', '.join(lost)}."
    if waiting:
        yield f"An older key is needed until these API keys are used again: {', '.join(waiting)}."
    else:
        yield "An older key is needed only to recognize repeated requests, for 30 days."


def _cells(key: ApiKey) -> tuple[str, ...]:
    return key.key_id, key.name, key.tenant_id, " ".join(key.scopes), key.created_at, key.revoked_at or "-"


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
