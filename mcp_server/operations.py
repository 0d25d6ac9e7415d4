"""The nine operations: each request class directly above its row, and OPERATIONS, from which all else is derived.

Only facts are here. How an operation is sent, served, shown or listed lives in the rooms that read this table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from pydantic import Field

from mcp_server.errors import Violation
from mcp_server.fields import (
    CREDENTIAL_FIELDS,
    AccessKeyId,
    ClientId,
    ConfirmedName,
    ConnectorId,
    ConnectorName,
    Container,
    Cursor,
    ExportBasePath,
    Flag,
    GcpProjectId,
    GcsBucket,
    IdempotencyKey,
    ImportMode,
    Region,
    S3Bucket,
    Scopes,
    StorageAccount,
    TenantId,
    truth,
)
from mcp_server.file_operations import BROWSE_CONNECTOR_FILES
from mcp_server.operation import CREATION, LOCAL_READ, OVERWRITE, PROBE, Body, Operation, Request
from mcp_server.redaction import Secret
from mcp_server.resources import Connector, Deletion, TestResult
from mcp_server.service_account import ServiceAccountKey


class NewConnector(Request):
    """What the three creations have in common."""

    name: ConnectorName = Field(description="1-100 characters")
    scopes: Scopes = Field(default=["import"], description="import reads, export writes")
    export_base_path: ExportBasePath | None = Field(default=None, description="e.g. exports/review")
    import_mode: ImportMode = Field(default="all", description="new_only skips what was imported")
    idempotency_key: IdempotencyKey | None = Field(default=None, description="Reuse to retry safely")


class CreateGcsConnector(NewConnector):
    """Arguments of create_gcs_connector."""

    bucket: GcsBucket = Field(description="3-63 of a-z 0-9 . _ -")
    gcp_project_id: GcpProjectId
    credentials_json: ServiceAccountKey = Field(description="Service-account key file's JSON")


CREATE_GCS_CONNECTOR = Operation(
    name="create_gcs_connector",
    title="Create GCS connector",
    description="Connect a Google Cloud Storage bucket. Then call test_connector.",
    method="POST",
    path="/connectors/gcs",
    request=CreateGcsConnector,
    answer=Connector,
    scope="write",
    effect=CREATION,
    body=Body.FORM,
    status=201,
    wire_names=MappingProxyType({"credentials_json": "credentials_file"}),
    providers=("gcs",),
)


class CreateS3Connector(NewConnector):
    """Arguments of create_s3_connector."""

    bucket: S3Bucket = Field(description="3-63 of a-z 0-9 . -")
    region: Region = Field(description="e.g. us-east-1")
    aws_access_key_id: AccessKeyId
    aws_secret_access_key: Secret


CREATE_S3_CONNECTOR = Operation(
    name="create_s3_connector",
    title="Create S3 connector",
    description="Connect an Amazon S3 bucket. Then call test_connector.",
    method="POST",
    path="/connectors/s3",
    request=CreateS3Connector,
    answer=Connector,
    scope="write",
    effect=CREATION,
    body=Body.JSON,
    status=201,
    providers=("s3",),
)


class CreateAzureConnector(NewConnector):
    """Arguments of create_azure_connector."""

    storage_account: StorageAccount = Field(description="3-24 of a-z 0-9")
    container: Container = Field(description="3-63 of a-z 0-9 -")
    tenant_id: TenantId = Field(description="Entra tenant: UUID or domain")
    client_id: ClientId = Field(description="Application UUID")
    client_secret: Secret


CREATE_AZURE_CONNECTOR = Operation(
    name="create_azure_connector",
    title="Create Azure Blob connector",
    description="Connect an Azure Blob container. Then call test_connector.",
    method="POST",
    path="/connectors/azure",
    request=CreateAzureConnector,
    answer=Connector,
    scope="write",
    effect=CREATION,
    body=Body.JSON,
    status=201,
    providers=("azure",),
)


class ListConnectors(Request):
    """Arguments of list_connectors; the API always answers with all."""

    cursor: Cursor | None = Field(default=None, description="next_cursor")


LIST_CONNECTORS = Operation(
    name="list_connectors",
    title="List connectors",
    description="Connectors with their ids, status and last test; counts by provider.",
    method="GET",
    path="/connectors",
    request=ListConnectors,
    answer=list[Connector],
    scope="read",
    effect=LOCAL_READ,
    unsent=("cursor",),
)


class GetConnector(Request):
    """Arguments of get_connector."""

    connector_id: ConnectorId


GET_CONNECTOR = Operation(
    name="get_connector",
    title="Get connector",
    description="One connector's settings and last test.",
    method="GET",
    path="/connectors/{connector_id}",
    request=GetConnector,
    answer=Connector,
    scope="read",
    effect=LOCAL_READ,
)


class UpdateConnector(Request):
    """Arguments of update_connector; what is absent stays. Credentials are replaced whole."""

    FIXED = frozenset({"provider", "bucket", "region", "gcp_project_id", "storage_account", "container"})

    connector_id: ConnectorId
    name: ConnectorName | None = None
    scopes: Scopes | None = None
    export_base_path: ExportBasePath | None = None
    clear_export_base_path: Flag = Field(default=False, description="Remove export_base_path")
    import_mode: ImportMode | None = None
    credentials_json: ServiceAccountKey | None = Field(default=None, description="GCS: service-account key JSON")
    aws_access_key_id: AccessKeyId | None = Field(default=None, description="S3, with all of its credentials")
    aws_secret_access_key: Secret | None = None
    tenant_id: TenantId | None = Field(default=None, description="Azure, with all of its credentials")
    client_id: ClientId | None = None
    client_secret: Secret | None = None

    @classmethod
    def broken_combinations(cls, given: Mapping[str, object]) -> Iterator[Violation]:
        """Something must change, a folder cannot be set and cleared, and credentials come whole, of one provider."""
        cleared = truth(given.get("clear_export_base_path")) is True
        if not cleared and not given.keys() - {"connector_id", "clear_export_base_path"}:
            yield Violation("", "name at least one field to change", missing=True)
        if cleared and "export_base_path" in given:
            yield Violation("clear_export_base_path", "cannot go with export_base_path")
        yield from _partial_credentials(given)


def _partial_credentials(given: Mapping[str, object]) -> Iterator[Violation]:
    touched = [provider for provider, names in CREDENTIAL_FIELDS.items() if any(name in given for name in names)]
    for provider in touched:
        missing = [name for name in CREDENTIAL_FIELDS[provider] if name not in given]
        yield from (Violation(name, f"is required to rotate {provider} credentials", missing=True) for name in missing)
    if len(touched) > 1:
        yield Violation("", f"credentials of several providers: {', '.join(touched)}; a connector has one")


UPDATE_CONNECTOR = Operation(
    name="update_connector",
    title="Update connector",
    description="Change only what is given; bucket, region, account are fixed.",
    method="PATCH",
    path="/connectors/{connector_id}",
    request=UpdateConnector,
    answer=Connector,
    scope="write",
    effect=OVERWRITE,
    body=Body.MERGE_PATCH,
    providers=tuple(CREDENTIAL_FIELDS),
)


class TestConnector(Request):
    """Arguments of test_connector."""

    __test__ = False

    connector_id: ConnectorId
    idempotency_key: IdempotencyKey | None = Field(default=None, description="Made if absent")


TEST_CONNECTOR = Operation(
    name="test_connector",
    title="Test connector",
    description=(
        "Check access by scope (import: list, read; export: write, delete a probe); sets the status. "
        "A failure is a result."
    ),
    method="POST",
    path="/connectors/{connector_id}/test",
    request=TestConnector,
    answer=TestResult,
    scope="write",
    effect=PROBE,
)


class DeleteConnector(Request):
    """Arguments of delete_connector."""

    connector_id: ConnectorId
    confirm_name: ConfirmedName | None = Field(default=None, description="Its name, to confirm")


DELETE_CONNECTOR = Operation(
    name="delete_connector",
    title="Delete connector",
    description="Delete a connector for good. Stored files and imported media stay.",
    method="DELETE",
    path="/connectors/{connector_id}",
    request=DeleteConnector,
    answer=Deletion,
    scope="admin",
    effect=OVERWRITE,
    unsent=("confirm_name",),
)

OPERATIONS = (
    CREATE_GCS_CONNECTOR,
    CREATE_S3_CONNECTOR,
    CREATE_AZURE_CONNECTOR,
    LIST_CONNECTORS,
    GET_CONNECTOR,
    UPDATE_CONNECTOR,
    TEST_CONNECTOR,
    BROWSE_CONNECTOR_FILES,
    DELETE_CONNECTOR,
)
OPERATION_BY_NAME = {row.name: row for row in OPERATIONS}
