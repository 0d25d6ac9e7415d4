"""Tenants, connectors, and the answers to requests with an idempotency key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes the tables and the local tenant."""
    tenants = op.create_table("tenants", sa.Column("tenant_id", sa.String(64), primary_key=True))
    op.bulk_insert(tenants, [{"tenant_id": "local"}])
    _create_connectors()
    _create_keyed_requests()


def _create_connectors() -> None:
    op.create_table(
        "connectors",
        sa.Column("connector_id", sa.String(64), primary_key=True),
        sa.Column("tenant_id", sa.String(64), sa.ForeignKey("tenants.tenant_id"), nullable=False),
        sa.Column("provider", sa.String(16), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("import_mode", sa.String(16), nullable=False),
        sa.Column("export_base_path", sa.String(512)),
        sa.Column("bucket", sa.String(222)),
        sa.Column("region", sa.String(64)),
        sa.Column("storage_account", sa.String(24)),
        sa.Column("container", sa.String(63)),
        sa.Column("gcp_project_id", sa.String(131)),  # 128 in files from before Alembic; SQLite counts no characters
        sa.Column("sealed_credentials", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.Column("updated_at", sa.String(24), nullable=False),
        sa.Column("last_tested_at", sa.String(24)),
        sa.Column("last_test_result", sa.String(16)),
        sa.Column("last_test_error", sa.Text),
    )
    op.create_index("connectors_in_order", "connectors", ["tenant_id", "created_at", "connector_id"])


def _create_keyed_requests() -> None:
    op.create_table(
        "keyed_requests",
        sa.Column("tenant_id", sa.String(64), sa.ForeignKey("tenants.tenant_id"), primary_key=True),
        sa.Column("idempotency_key", sa.String(255), primary_key=True),
        sa.Column("request_digest", sa.LargeBinary, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("created_at", sa.String(24), nullable=False),
    )
    op.create_index("keyed_requests_by_age", "keyed_requests", ["created_at"])
