"""Sealing anew what was sealed with an older key of the ring, in small steps, while others read and write.

What was done stays done: a rotation that was cut short goes on where it was when it is started again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mcp_server.embedded.database import Database
from mcp_server.embedded.tables import connectors
from mcp_server.embedded.vault import Vault
from mcp_server.errors import ApiRefused

BATCH = 100
"""Connectors of a transaction, which keeps them from other writers for some ten milliseconds."""


@dataclass(frozen=True)
class Progress:
    """How many connectors were sealed anew of those that had to be, and the ids of those that no key opens."""

    done: int
    total: int
    lost: tuple[str, ...] = ()


async def rotate(database: Database, vault: Vault) -> AsyncGenerator[Progress]:
    """Seals all credentials with the first key of the ring, and tells how far it is after each transaction.

    Passes over the table until one finds nothing to do: a process with an older ring may seal while this goes on.
    Digests are left: of requests because they cannot be made again, of API keys because their use renews them.
    Raises DatabaseFault.
    """
    progress = Progress(0, await _count(database, vault))
    yield progress
    before = -1
    while before < progress.done:
        before = progress.done
        progress = Progress(progress.done, progress.total)
        last = ""
        while ids := await _next_ids(database, vault, last):
            last = ids[-1]
            done, lost = await reseal(database, vault, ids)
            progress = Progress(progress.done + done, progress.total, (*progress.lost, *lost))
            yield progress


def _is_older(vault: Vault) -> ColumnElement[bool]:
    head = func.substr(connectors.c.sealed_credentials, 1, len(vault.seal_head))
    return head != vault.seal_head


async def _count(database: Database, vault: Vault) -> int:
    async with database.reading() as connection:
        query = select(func.count()).select_from(connectors).where(_is_older(vault))
        return (await connection.execute(query)).scalar_one()


async def _next_ids(database: Database, vault: Vault, last: str) -> Sequence[str]:
    query = select(connectors.c.connector_id).where(_is_older(vault), connectors.c.connector_id > last)
    async with database.reading() as connection:
        return (await connection.scalars(query.order_by(connectors.c.connector_id).limit(BATCH))).all()


async def reseal(database: Database, vault: Vault, ids: Sequence[str]) -> tuple[int, list[str]]:
    """How many of these were sealed anew, and which could not be opened.

    The rows are read again, and locked: what was given new credentials in the meantime is left as it is.
    """
    query = select(connectors).where(connectors.c.connector_id.in_(ids), _is_older(vault))
    sealed: list[dict[str, object]] = []
    lost: list[str] = []
    async with database.writing() as connection:
        for row in (await connection.execute(query.order_by(connectors.c.connector_id).with_for_update())).mappings():
            place = row["tenant_id"], row["connector_id"]
            try:
                sealed.append(
                    {"id": place[1], "new": vault.seal(vault.open(row["sealed_credentials"], *place), *place)}
                )
            except ApiRefused:
                lost.append(place[1])
        await _store(connection, sealed)
    return len(sealed), lost


async def _store(connection: AsyncConnection, sealed: list[dict[str, object]]) -> None:
    if sealed:
        query = update(connectors).where(connectors.c.connector_id == bindparam("id"))
        await connection.execute(query.values(sealed_credentials=bindparam("new")), sealed)
