"""API keys of the embedded API, made as its operator makes them. No test lives here."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.sessions import COMMAND, DATA_DIR, environment


def new_key(data_dir: Path, name: str, *options: str) -> str:
    """A key of the API whose data folder this is; `options` are those of the command."""
    made = subprocess.run(
        [*COMMAND, "api-key", "create", name, *options],
        env=environment({DATA_DIR: str(data_dir)}),
        check=True,
        capture_output=True,
        text=True,
    )
    return made.stdout.strip()


def keys_of_two(data_dir: Path, **of_the_first: str) -> dict[str, str]:
    """Of the tenants "one" and "two", each with all rights, and further keys of the first: by name, with one scope."""
    admins = {tenant: new_key(data_dir, tenant, "--tenant", tenant, "--scope", "admin") for tenant in ("one", "two")}
    others = of_the_first.items()
    return admins | {name: new_key(data_dir, name, "--tenant", "one", "--scope", scope) for name, scope in others}
