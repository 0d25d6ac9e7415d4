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
