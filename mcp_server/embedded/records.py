"""Connectors as rows: found for their tenant, shown as `Connector`, made into the account that opens their storage.

A row holds its credentials sealed; opening them is the service's decision.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mcp_server.embedded import clock, storage
from mcp_server.embedded.calls import Call
from mcp_server.embedded.tables import connectors
from mcp_server.embedded.vault import Vault
from mcp_server.error_envelope import HINTS
from mcp_server.errors import ApiRefused
from mcp_server.fields import CREDENTIAL_FIELDS
from mcp_server.operations import NewConnector, UpdateConnector
from mcp_server.redaction import reveal
from mcp_server.resources import Connector

UNTESTED: Mapping[str, str | None] = MappingProxyType(
    {"status": "active", "last_tested_at": None, "last_test_result": None, "last_test_error": None}
)
_ACCOUNTS: Mapping[str, type[storage.S3Account] | type[storage.GcsAccount] | type[storage.AzureAccount]] = (
    MappingProxyType({"gcs": storage.GcsAccount, "s3": storage.S3Account, "azure": storage.AzureAccount})
)
_LOCATIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"gcs": ("bucket", "gcp_project_id"), "s3": ("bucket", "region"), "azure": ("storage_account", "container")}
)
MUTABLE = ("name", "scopes", "import_mode", "export_base_path")
_TESTED = ("scopes", "export_base_path")


def new_connector(provider: str, request: NewConnector) -> Connector:
    """The connector that the request makes, with an id of its own, not tested yet."""
    kept = request.model_dump(include={*MUTABLE, *_LOCATIONS[provider]}, exclude_none=True)
    moment = clock.now()
    identity = {"connector_id": f"conn_{secrets.token_hex(12)}", "provider": provider}
    return Connector.model_validate({**kept, **identity, **UNTESTED, "created_at": moment, "updated_at": moment})


def credentials_in(provider: str, request: NewConnector | UpdateConnector) -> dict[str, str]:
    """The provider's credentials in clear, as far as the request has them."""
    given = reveal(request)
    return {name: given[name] for name in CREDENTIAL_FIELDS[provider] if name in given}


def connector_of(row: RowMapping) -> Connector:
    """What may be shown of a row."""
    return Connector.model_validate(dict(row))


def account_of(row: RowMapping, credentials: Mapping[str, str]) -> storage.Account:
    """What the connector's storage is opened with."""
    location = {name: row[name] for name in _LOCATIONS[row["provider"]]}
    return _ACCOUNTS[row["provider"]].model_validate({**location, **credentials})


def _belongs(call: Call, connector_id: str) -> ColumnElement[bool]:
    return and_(connectors.c.tenant_id == call.tenant_id, connectors.c.connector_id == connector_id)


async def list_rows(connection: AsyncConnection, call: Call) -> list[RowMapping]:
    """The tenant's connectors, oldest first."""
    query = select(connectors).filter_by(tenant_id=call.tenant_id)
    rows = await connection.execute(query.order_by(connectors.c.created_at, connectors.c.connector_id))
    return list(rows.mappings())


async def find_row(
    connection: AsyncConnection, call: Call, connector_id: str, *, to_change: bool = False
) -> RowMapping:
    """The tenant's connector of this id; if it is to be changed, nobody else changes it until the transaction ends.

    Raises ApiRefused (404), also for another tenant's.
    """
    row = await _row(connection, call, connector_id, to_change=to_change)
    if row is None:
        raise ApiRefused(404, "connector_not_found", "There is no connector with this id.", hint=HINTS[404])
    return row


async def _row(connection: AsyncConnection, call: Call, connector_id: str, *, to_change: bool) -> RowMapping | None:
    query = select(connectors).where(_belongs(call, connector_id))
    return (await connection.execute(query.with_for_update() if to_change else query)).mappings().one_or_none()


async def add_row(connection: AsyncConnection, call: Call, connector: Connector, sealed: bytes) -> None:
    """Stores a new connector."""
    values = {**connector.model_dump(), "tenant_id": call.tenant_id, "sealed_credentials": sealed}
    await connection.execute(insert(connectors).values(values))


async def change_row(connection: AsyncConnection, call: Call, row: RowMapping, changes: Mapping[str, Any]) -> None:
    """Changes these columns, and no other. What was tested before says nothing about access that is not the same."""
    same = all(row[name] == changes.get(name, row[name]) for name in (*_TESTED, "sealed_credentials"))
    query = update(connectors).where(_belongs(call, row["connector_id"]))
    await connection.execute(query.values(dict(changes) if same else {**UNTESTED, **changes}))


async def note_test(
    connection: AsyncConnection, call: Call, tested: RowMapping, outcome: Mapping[str, Any], vault: Vault
) -> None:
    """Writes what a test of this row found, unless the connector went or its access changed in the meantime.

    Credentials that were only sealed anew are the same.
    """
    row = await _row(connection, call, tested["connector_id"], to_change=True)
    if row is not None and _is_access_same(vault, tested, row):
        await change_row(connection, call, row, outcome)


def _is_access_same(vault: Vault, one: RowMapping, other: RowMapping) -> bool:
    sealed = (one["sealed_credentials"], other["sealed_credentials"])
    return all(one[name] == other[name] for name in _TESTED) and vault.is_same(
        *sealed, one["tenant_id"], one["connector_id"]
    )


async def remove_row(connection: AsyncConnection, call: Call, connector_id: str) -> None:
    """Removes the connector and its credentials for good."""
    await connection.execute(delete(connectors).where(_belongs(call, connector_id)))
