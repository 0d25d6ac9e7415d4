"""What Alembic runs around the revisions: on the connection, and in the transaction, that `run` was given."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
