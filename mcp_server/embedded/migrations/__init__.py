"""The revisions of the schema, and Alembic run on a connection that somebody else opened and locked.

Alembic is imported when something is to be migrated: to know whether, it is not needed.
"""

from __future__ import annotations

from sqlalchemy import Connection

from mcp_server.errors import ConfigurationError

REVISIONS = ("0001", "0002")
"""All of them, oldest first, as in `versions`."""
HEAD = REVISIONS[-1]


def check_known(revision: str | None, database: str) -> None:
    """Raises ConfigurationError for a revision that a newer program made."""
    if revision not in (None, *REVISIONS):
        raise ConfigurationError(
            f"{database} has schema version {revision}; this program knows up to {HEAD}.",
            hint="Update videovector-connectors, or give another database with VIDEOVECTOR_DATABASE_URL.",
            code="database_too_new",
        )


def run(connection: Connection, before: str | None) -> None:
    """Brings the schema from the revision that it has to `HEAD`, in the connection's transaction.

    That revision may be known to nobody but the caller: what Alembic has noted then follows.
    """
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "mcp_server.embedded:migrations")
    if before is not None:
        command.stamp(config, before)
    command.upgrade(config, HEAD)
