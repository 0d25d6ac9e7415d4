"""The nine operations: one method each, named as the operation, from a checked request to an answer. No HTTP here.

Credentials are clear only on the stack of the method that needs them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any, TypeVar

from sqlalchemy import RowMapping, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from mcp_server import operations as op
from mcp_server.embedded import clock, records, storage
from mcp_server.embedded.calls import Call
from mcp_server.embedded.database import Database
from mcp_server.embedded.idempotency import Ledger
from mcp_server.embedded.keys import encryption_keys
from mcp_server.embedded.listings import Listings, all_files
from mcp_server.embedded.tenancy import ApiKeys
from mcp_server.embedded.vault import Vault
from mcp_server.errors import InvalidArguments, Violation
from mcp_server.fields import CREDENTIAL_FIELDS
from mcp_server.file_operations import BrowseAllFiles, BrowseConnectorFiles
from mcp_server.file_pages import Columns
from mcp_server.operation import Operation
from mcp_server.resources import Connector, Deletion, FilePage, TestResult
from mcp_server.settings import Settings

CreationT = TypeVar("CreationT", bound=op.NewConnector)


class Service:
    """The embedded Connectors API below HTTP: open it, use it from one event loop, close it."""

    def __init__(self, settings: Settings, vault: Vault, storages: storage.Storages, database: Database) -> None:
        self._settings = settings
        self._vault = vault
        self._storages = storages
        self._database = database
        self._ledger = Ledger(database, vault)
        self._listings = Listings()
        self.api_keys = ApiKeys(database, vault)
        """Of those who call over HTTP."""

    @classmethod
    async def open(cls, settings: Settings) -> Service:
        """The service on the settings' database and keys; a file of either is made when it is not there.

        The database comes last: what can fail before it holds nothing open. Raises ConfigurationError.
        """
        vault = Vault(encryption_keys(settings))
        storages = storage.Storages(settings)
        return cls(settings, vault, storages, await Database.open(settings))

    async def aclose(self) -> None:
        """Ends the connections to storages and to the database."""
        try:
            await self._storages.aclose()
        finally:
            await self._database.aclose()

    async def check(self) -> None:
        """Nothing, if the database answers. Raises DatabaseFault."""
        async with self._database.reading() as connection:
            await connection.execute(select(true()))

    async def create_gcs_connector(self, call: Call, request: op.CreateGcsConnector) -> Connector:
        """Raises InvalidArguments for a key that names a foreign token endpoint."""
        storage.check_token_uri(request.credentials_json, self._settings)
        return await self._create(call, op.CREATE_GCS_CONNECTOR, request, "gcs")

    async def create_s3_connector(self, call: Call, request: op.CreateS3Connector) -> Connector:
        """The storage is not asked: `test_connector` is for that."""
        return await self._create(call, op.CREATE_S3_CONNECTOR, request, "s3")

    async def create_azure_connector(self, call: Call, request: op.CreateAzureConnector) -> Connector:
        """The storage is not asked: `test_connector` is for that."""
        return await self._create(call, op.CREATE_AZURE_CONNECTOR, request, "azure")

    async def list_connectors(self, call: Call, request: op.ListConnectors) -> list[Connector]:
        """Oldest first."""
        async with self._database.reading() as connection:
            return [records.connector_of(row) for row in await records.list_rows(connection, call)]

    async def get_connector(self, call: Call, request: op.GetConnector) -> Connector:
        """Raises ApiRefused (404)."""
        return records.connector_of(await self._row(call, request.connector_id))

    async def update_connector(self, call: Call, request: op.UpdateConnector) -> Connector:
        """Columns that the request does not name keep what another request may be writing to them.

        Raises ApiRefused (404) and InvalidArguments.
        """
        async with self._database.writing() as connection:
            row = await records.find_row(connection, call, request.connector_id, to_change=True)
            changes = {**self._changes(call, row, request), "updated_at": clock.after(row["updated_at"])}
            await records.change_row(connection, call, row, changes)
            return records.connector_of(await records.find_row(connection, call, request.connector_id))

    async def test_connector(self, call: Call, request: op.TestConnector) -> TestResult:
        """A failed test is an answer. While the storage is asked, no transaction is open.

        Raises ApiRefused: 404, or 409 when the credentials cannot be opened.
        """
        earlier = await self._ledger.recall(call, op.TEST_CONNECTOR, request)
        if earlier is not None:
            return earlier
        row = await self._row(call, request.connector_id)
        result = await self._probe(call, row)

        async def conclude(connection: AsyncConnection) -> TestResult:
            await records.note_test(connection, call, row, _outcome(result), self._vault)
            return result

        return await self._ledger.once(call, op.TEST_CONNECTOR, request, conclude)

    async def browse_connector_files(self, call: Call, request: BrowseConnectorFiles) -> FilePage:
        """Raises InvalidArguments, StorageFault, and ApiRefused: 404, or 409 when the credentials cannot be opened."""
        opened = self._opened(call, await self._row(call, request.connector_id))
        return await self._listings.page(call.tenant_id, opened, request)

    async def browse_all_files(self, call: Call, request: BrowseAllFiles) -> AsyncGenerator[Columns]:
        """As `browse_connector_files`; what goes wrong with the storage is raised on the way."""
        return all_files(self._opened(call, await self._row(call, request.connector_id)), request)

    async def delete_connector(self, call: Call, request: op.DeleteConnector) -> Deletion:
        """Needs no key: a connector whose credentials are lost can go. Raises ApiRefused (404)."""
        async with self._database.writing() as connection:
            row = await records.find_row(connection, call, request.connector_id, to_change=True)
            await records.remove_row(connection, call, request.connector_id)
        message = f'Deleted the connector "{row["name"]}" ({row["connector_id"]}).'
        return Deletion(message=f"{message} The files in its storage and the media already imported stay.")

    async def _create(
        self, call: Call, operation: Operation[CreationT, Connector], request: CreationT, provider: str
    ) -> Connector:
        connector = records.new_connector(provider, request)
        credentials = records.credentials_in(provider, request)
        sealed = self._vault.seal(credentials, call.tenant_id, connector.connector_id)

        async def store(connection: AsyncConnection) -> Connector:
            await records.add_row(connection, call, connector, sealed)
            return connector

        return await self._ledger.once(call, operation, request, store)

    async def _row(self, call: Call, connector_id: str) -> RowMapping:
        async with self._database.reading() as connection:
            return await records.find_row(connection, call, connector_id)

    def _opened(self, call: Call, row: RowMapping) -> storage.Storage:
        credentials = self._vault.open(row["sealed_credentials"], call.tenant_id, row["connector_id"])
        return self._storages.open(records.account_of(row, credentials))

    async def _probe(self, call: Call, row: RowMapping) -> TestResult:
        opened = self._opened(call, row)
        report = await storage.check_access(opened, row["scopes"], row["export_base_path"])
        error = None if report.fault is None else str(report.fault)
        return TestResult(success=report.fault is None, error_message=error, checked=list(report.checked))

    def _changes(self, call: Call, row: RowMapping, request: op.UpdateConnector) -> dict[str, Any]:
        changes = request.model_dump(include={*records.MUTABLE}, exclude_none=True)
        if request.clear_export_base_path:
            changes["export_base_path"] = None
        credentials = self._new_credentials(row["provider"], request)
        if credentials:
            changes["sealed_credentials"] = self._vault.seal(credentials, call.tenant_id, row["connector_id"])
        return changes

    def _new_credentials(self, provider: str, request: op.UpdateConnector) -> Mapping[str, str]:
        """Those of the connector's provider, whole (`wire.parse` sees to that), or none.

        Raises InvalidArguments for another provider's.
        """
        foreign = [
            Violation(name, f"is for provider {other}; this connector's provider is {provider}")
            for other in CREDENTIAL_FIELDS
            if other != provider
            for name in records.credentials_in(other, request)
        ]
        if foreign:
            raise InvalidArguments(tuple(foreign))
        if request.credentials_json is not None:
            storage.check_token_uri(request.credentials_json, self._settings)
        return records.credentials_in(provider, request)


def _outcome(result: TestResult) -> dict[str, str | None]:
    return {
        "status": "active" if result.success else "failed",
        "last_tested_at": clock.now(),
        "last_test_result": "success" if result.success else "failure",
        "last_test_error": result.error_message,
    }
