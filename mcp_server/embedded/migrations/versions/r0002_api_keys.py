"""API keys: of a tenant, with scopes, known by a keyed digest alone. A revoked key keeps its row, not its name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.String(64), primary_key=True),
        sa.Column("tenant_id", sa.String(64), sa.ForeignKey("tenants.tenant_id"), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.Column("revoked_at", sa.String(24)),
    )
    op.create_index("api_keys_by_digest", "api_keys", ["digest"], unique=True)
    live = sa.text("revoked_at IS NULL")
    op.create_index(
        "api_keys_by_live_name",
        "api_keys",
        ["tenant_id", "name"],
        unique=True,
        sqlite_where=live,
        postgresql_where=live,
    )
