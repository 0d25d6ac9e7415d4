"""API keys and the tenants that they belong to: made, listed, revoked, and known again. A key itself is kept nowhere.

A key has 192 random bits. What is looked up is its keyed digest, so the time that takes tells nothing about a key.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from sqlalchemy import RowMapping, func, insert, or_, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from mcp_server.embedded import clock
from mcp_server.embedded.calls import SCOPES, Call
from mcp_server.embedded.database import Database, DatabaseFault
from mcp_server.embedded.tables import LOCAL_TENANT, api_keys
from mcp_server.embedded.vault import Vault
from mcp_server.errors import ApiRefused, ConfigurationError

DEFAULT_SCOPES = ("read",)
_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LIVE = api_keys.c.revoked_at.is_(None)
# Both databases know it, and SQLAlchemy has it for each of them alone.
_ADD_TENANT = text("INSERT INTO tenants (tenant_id) VALUES (:tenant_id) ON CONFLICT DO NOTHING")


@dataclass(frozen=True)
class ApiKey:
    """What is known of a key."""

    key_id: str
    name: str
    tenant_id: str
    scopes: tuple[str, ...]
    created_at: str
    revoked_at: str | None


class ApiKeys:
    """The keys of all tenants. What one process makes or revokes is so for all at their next request."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def create(self, name: str, scopes: Iterable[str] = DEFAULT_SCOPES, tenant_id: str = LOCAL_TENANT) -> str:
        """A new key, which cannot be had again. The tenant is made when it is not there.

        Raises ConfigurationError: a malformed name, an unknown scope, or the name of another live key of the tenant.
        """
        _check(name, tenant_id)
        chosen = _chosen(scopes)
        key = f"sk_live_{secrets.token_hex(24)}"
        row = {
            "key_id": f"key_{secrets.token_hex(6)}",
            "tenant_id": tenant_id,
            "name": name,
            "digest": self._vault.api_key_digests(key)[0],
            "scopes": chosen,
            "created_at": clock.now(),
        }
        try:
            async with self._database.writing() as connection:
                await connection.execute(_ADD_TENANT, {"tenant_id": tenant_id})
                await connection.execute(insert(api_keys).values(row))
        except IntegrityError:
            raise _refused(f"The tenant has a live API key {name}.", "Revoke it first, or take another name.") from None
        return key

    async def listing(self) -> list[ApiKey]:
        """All keys, revoked ones too, oldest first."""
        query = select(api_keys).order_by(api_keys.c.created_at, api_keys.c.key_id)
        async with self._database.reading() as connection:
            return [_shown(row) for row in (await connection.execute(query)).mappings()]

    async def revoke(self, name_or_id: str) -> ApiKey:
        """The live key of this id or name, which is refused from now on.

        Raises ConfigurationError when there is none, or several tenants have one of this name.
        """
        async with self._database.writing() as connection:
            row = _only(await _live_rows(connection, name_or_id))
            revoked = replace(_shown(row), revoked_at=clock.now())
            query = update(api_keys).filter_by(key_id=revoked.key_id)
            await connection.execute(query.values(revoked_at=revoked.revoked_at))
        return revoked

    async def call_of(self, api_key: str) -> Call:
        """The call of whoever holds this key.

        Raises ApiRefused (401), and DatabaseFault.
        """
        digests = self._vault.api_key_digests(api_key)
        async with self._database.reading() as connection:
            query = select(api_keys).where(api_keys.c.digest.in_(digests), _LIVE)
            row = (await connection.execute(query)).mappings().one_or_none()
        if row is None:
            raise ApiRefused(
                401,
                "api_key_unknown",
                "The API key is unknown or revoked.",
                hint="Ask the API's operator for one (videovector-connectors api-key create NAME).",
            )
        if row["digest"] != digests[0]:
            with suppress(DatabaseFault):  # the next call with this key will try again
                await self._renew(row, digests[0])
        return Call(row["tenant_id"], tuple(row["scopes"]))

    async def _renew(self, row: RowMapping, digest: bytes) -> None:
        """From now on the key is known by the first key of the ring: the others can go when no key needs them."""
        async with self._database.writing() as connection:
            await connection.execute(update(api_keys).filter_by(key_id=row["key_id"]).values(digest=digest))

    async def names_of_older(self) -> list[str]:
        """The live keys that were not used since the first key of the ring became that."""
        newest = func.substr(api_keys.c.digest, 1, len(self._vault.key_id)) == self._vault.key_id
        async with self._database.reading() as connection:
            return list(await connection.scalars(select(api_keys.c.name).where(_LIVE, ~newest).order_by("name")))


async def _live_rows(connection: AsyncConnection, name_or_id: str) -> Sequence[RowMapping]:
    named = or_(api_keys.c.key_id == name_or_id, api_keys.c.name == name_or_id)
    return (await connection.execute(select(api_keys).where(named, _LIVE).with_for_update())).mappings().all()


def _only(rows: Sequence[RowMapping]) -> RowMapping:
    if not rows:
        raise _refused("There is no live API key of this name or id.", "See: videovector-connectors api-key list")
    if len(rows) > 1:
        raise _refused("Several tenants have an API key of this name.", "Give its id, as api-key list shows it.")
    return rows[0]


def _check(name: str, tenant_id: str) -> None:
    for what, word in (("name of an API key", name), ("tenant", tenant_id)):
        if _NAME.fullmatch(word) is None:
            raise _refused(f"The {what} must be 1 to 64 letters, digits, dots, dashes and underscores.", "")


def _chosen(scopes: Iterable[str]) -> list[str]:
    """In the order that they always have."""
    given = set(scopes)
    if not given or not given <= {*SCOPES}:
        raise _refused(f"The scopes of an API key are {', '.join(SCOPES)}.", "Give one or more of them with --scope.")
    return [scope for scope in SCOPES if scope in given]


def _shown(row: RowMapping) -> ApiKey:
    scopes = tuple(row["scopes"])
    return ApiKey(row["key_id"], row["name"], row["tenant_id"], scopes, row["created_at"], row["revoked_at"])


def _refused(message: str, hint: str) -> ConfigurationError:
    return ConfigurationError(message, hint=hint, code="api_key_refused")
