"""`client.connectors`: the nine operations as typed methods over one `ask`. No HTTP is known here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, overload

from mcp_server import operations as op
from mcp_server import wire
from mcp_server.fields import ConnectorScope, ImportMode, Sort
from mcp_server.file_operations import BROWSE_ALL_FILES, BROWSE_CONNECTOR_FILES
from mcp_server.operation import AnswerT, Ask, Operation, RequestT
from mcp_server.redaction import Secret
from mcp_server.resources import CloudFile, Connector, Deletion, FilePage, TestResult


class Connectors:
    """`client.connectors`: the nine operations as typed methods.

    Every method raises InvalidArguments (before anything is sent), ApiUnreachable, ApiRefused or ApiMisbehaved. The
    bounds of the arguments are those of the request classes in `mcp_server.operations`.
    """

    def __init__(self, ask: Ask) -> None:
        self._send = ask

    async def _ask(self, operation: Operation[RequestT, AnswerT], **arguments: object) -> AnswerT:
        return await self._send(operation, wire.parse(operation, arguments))

    async def create_gcs(  # noqa: PLR0913 - the fields of the API
        self,
        *,
        name: str,
        bucket: str,
        gcp_project_id: str,
        credentials_json: Mapping[str, Any] | str | bytes,
        scopes: Sequence[ConnectorScope] = ("import",),
        export_base_path: str | None = None,
        import_mode: ImportMode = "all",
        idempotency_key: str | None = None,
    ) -> Connector:
        """Connect a GCS bucket; `credentials_json` is a service-account key, parsed or as JSON of at most 64 KiB."""
        return await self._ask(
            op.CREATE_GCS_CONNECTOR,
            name=name,
            bucket=bucket,
            gcp_project_id=gcp_project_id,
            credentials_json=credentials_json,
            scopes=list(scopes),
            export_base_path=export_base_path,
            import_mode=import_mode,
            idempotency_key=idempotency_key,
        )

    async def create_s3(  # noqa: PLR0913 - the fields of the API
        self,
        *,
        name: str,
        bucket: str,
        region: str,
        aws_access_key_id: str,
        aws_secret_access_key: str | Secret,
        scopes: Sequence[ConnectorScope] = ("import",),
        export_base_path: str | None = None,
        import_mode: ImportMode = "all",
        idempotency_key: str | None = None,
    ) -> Connector:
        """Connect an S3 bucket."""
        return await self._ask(
            op.CREATE_S3_CONNECTOR,
            name=name,
            bucket=bucket,
            region=region,
            aws_access_key_id=aws_access_key_id,
            aws_secret_access_key=aws_secret_access_key,
            scopes=list(scopes),
            export_base_path=export_base_path,
            import_mode=import_mode,
            idempotency_key=idempotency_key,
        )

    async def create_azure(  # noqa: PLR0913 - the fields of the API
        self,
        *,
        name: str,
        storage_account: str,
        container: str,
        tenant_id: str,
        client_id: str,
        client_secret: str | Secret,
        scopes: Sequence[ConnectorScope] = ("import",),
        export_base_path: str | None = None,
        import_mode: ImportMode = "all",
        idempotency_key: str | None = None,
    ) -> Connector:
        """Connect an Azure Blob container through a service principal."""
        return await self._ask(
            op.CREATE_AZURE_CONNECTOR,
            name=name,
            storage_account=storage_account,
            container=container,
            tenant_id=tenant_id,
            client_id=client_id,
            client_secret=client_secret,
            scopes=list(scopes),
            export_base_path=export_base_path,
            import_mode=import_mode,
            idempotency_key=idempotency_key,
        )

    async def list(self) -> list[Connector]:
        """All connectors, oldest first."""
        return await self._ask(op.LIST_CONNECTORS)

    async def retrieve(self, connector_id: str) -> Connector:
        """One connector."""
        return await self._ask(op.GET_CONNECTOR, connector_id=connector_id)

    async def update(  # noqa: PLR0913 - the fields of the API
        self,
        connector_id: str,
        *,
        name: str | None = None,
        scopes: Sequence[ConnectorScope] | None = None,
        export_base_path: str | None = None,
        clear_export_base_path: bool = False,
        import_mode: ImportMode | None = None,
        credentials_json: Mapping[str, Any] | str | bytes | None = None,
        aws_access_key_id: str | None = None,
        aws_secret_access_key: str | Secret | None = None,
        tenant_id: str | None = None,
        client_id: str | None = None,
        client_secret: str | Secret | None = None,
    ) -> Connector:
        """Change what is given, leave the rest; the provider's credentials are replaced whole."""
        return await self._ask(
            op.UPDATE_CONNECTOR,
            connector_id=connector_id,
            name=name,
            scopes=scopes and [*scopes],
            export_base_path=export_base_path,
            clear_export_base_path=clear_export_base_path or None,
            import_mode=import_mode,
            credentials_json=credentials_json,
            aws_access_key_id=aws_access_key_id,
            aws_secret_access_key=aws_secret_access_key,
            tenant_id=tenant_id,
            client_id=client_id,
            client_secret=client_secret,
        )

    async def test(self, connector_id: str, *, idempotency_key: str | None = None) -> TestResult:
        """Check the access for each scope; a failed test is an answer, not an error."""
        return await self._ask(op.TEST_CONNECTOR, connector_id=connector_id, idempotency_key=idempotency_key)

    @overload
    async def browse(
        self, connector_id: str, *, prefix: str = "", pattern: str = "*", recursive: bool = True
    ) -> Sequence[CloudFile]: ...

    @overload
    async def browse(
        self,
        connector_id: str,
        *,
        prefix: str = "",
        pattern: str = "*",
        recursive: bool = True,
        limit: int,
        cursor: str | None = None,
        sort: Sort = "path",
        summary: bool = False,
    ) -> FilePage: ...

    async def browse(  # noqa: PLR0913 - the fields of the API
        self,
        connector_id: str,
        *,
        prefix: str = "",
        pattern: str = "*",
        recursive: bool = True,
        limit: int | None = None,
        cursor: str | None = None,
        sort: Sort = "path",
        summary: bool = False,
    ) -> Sequence[CloudFile] | FilePage:
        """The files below a prefix that match a glob, sorted by path; all, or with a `limit` a page of 1 to 1,000.

        A page has totals of all where they are known, and leads to the next one; that of a `summary` has no files.
        """
        which = {"connector_id": connector_id, "prefix": prefix, "pattern": pattern, "recursive": recursive}
        if limit is None:
            return await self._ask(BROWSE_ALL_FILES, **which)
        return await self._ask(BROWSE_CONNECTOR_FILES, **which, limit=limit, cursor=cursor, sort=sort, summary=summary)

    async def delete(self, connector_id: str) -> Deletion:
        """Delete a connector; stored files and imported media stay."""
        return await self._ask(op.DELETE_CONNECTOR, connector_id=connector_id)
