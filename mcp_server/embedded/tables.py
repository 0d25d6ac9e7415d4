"""The tables, in SQL that SQLite and PostgreSQL both speak. Every row has its tenant; no column a clear credential.

A change here needs a new revision in `migrations`.
"""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, LargeBinary, MetaData, String, Table, Text, text

LOCAL_TENANT = "local"
"""The tenant of all calls that come through no socket."""

metadata = MetaData()

alembic_version = Table("alembic_version", metadata, Column("version_num", String(32), primary_key=True))

tenants = Table("tenants", metadata, Column("tenant_id", String(64), primary_key=True))

connectors = Table(
    "connectors",
    metadata,
    Column("connector_id", String(64), primary_key=True),
    Column("tenant_id", String(64), ForeignKey("tenants.tenant_id"), nullable=False),
    Column("provider", String(16), nullable=False),
    Column("name", String(100), nullable=False),
    Column("status", String(16), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("import_mode", String(16), nullable=False),
    Column("export_base_path", String(512)),
    Column("bucket", String(222)),
    Column("region", String(64)),
    Column("storage_account", String(24)),
    Column("container", String(63)),
    Column("gcp_project_id", String(131)),
    Column("sealed_credentials", LargeBinary, nullable=False),
    Column("created_at", String(24), nullable=False),
    Column("updated_at", String(24), nullable=False),
    Column("last_tested_at", String(24)),
    Column("last_test_result", String(16)),
    Column("last_test_error", Text),
    Index("connectors_in_order", "tenant_id", "created_at", "connector_id"),
)

keyed_requests = Table(
    "keyed_requests",
    metadata,
    Column("tenant_id", String(64), ForeignKey("tenants.tenant_id"), primary_key=True),
    Column("idempotency_key", String(255), primary_key=True),
    Column("request_digest", LargeBinary, nullable=False),
    Column("answer", Text, nullable=False),
    Column("created_at", String(24), nullable=False),
    Index("keyed_requests_by_age", "created_at"),
)

_LIVE = text("revoked_at IS NULL")

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", String(64), primary_key=True),
    Column("tenant_id", String(64), ForeignKey("tenants.tenant_id"), nullable=False),
    Column("name", String(64), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("created_at", String(24), nullable=False),
    Column("revoked_at", String(24)),
    Index("api_keys_by_digest", "digest", unique=True),
    Index("api_keys_by_live_name", "tenant_id", "name", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE),
)
