"""Which storage, and as whom: an account class per provider. Names are checked again before any URL is made.

No request is made here, and nothing is read from the host's environment.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from mcp_server.fields import (
    AccessKeyId,
    ClientId,
    Container,
    GcpProjectId,
    GcsBucket,
    Region,
    S3Bucket,
    StorageAccount,
    TenantId,
)
from mcp_server.redaction import Secret
from mcp_server.service_account import ServiceAccountKey


class _Credentialed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, hide_input_in_errors=True)


class S3Account(_Credentialed):
    """One bucket of Amazon S3, or of the operator's S3-compatible endpoint."""

    bucket: S3Bucket
    region: Region
    aws_access_key_id: AccessKeyId
    aws_secret_access_key: Secret


class GcsAccount(_Credentialed):
    """One bucket of Google Cloud Storage."""

    bucket: GcsBucket
    gcp_project_id: GcpProjectId
    credentials_json: ServiceAccountKey


class AzureAccount(_Credentialed):
    """One container of Azure Blob Storage."""

    storage_account: StorageAccount
    container: Container
    tenant_id: TenantId
    client_id: ClientId
    client_secret: Secret


Account = S3Account | GcsAccount | AzureAccount
