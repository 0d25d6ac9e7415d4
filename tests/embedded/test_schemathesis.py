"""schemathesis against the API as it is served, with all of its checks: a process, a socket, storages that answer.

By hand for longer: `API_EXAMPLES=1000 pytest tests/embedded/test_schemathesis.py`, with another seed each time.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from tests.embedded.api_process import empty_storage, served
from tests.emulators.http_server import serving
from tests.sessions import environment

ROOT = Path(__file__).parents[2]
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = os.environ.get("API_EXAMPLES", "")
SEED = secrets.randbelow(2**32) if EXAMPLES else 1


@pytest.mark.timeout(0 if EXAMPLES else 600)  # a tenth of it, where nothing else runs
@pytest.mark.parametrize(("phases", "examples"), [("examples,coverage", 5), ("fuzzing", 15), ("stateful", 25)])
def test_what_the_document_tells_is_what_is_taken_and_no_request_is_a_server_error(
    phases: str, examples: int, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION), "run"]
    chosen = ["--phases", phases, "--max-examples", EXAMPLES or str(examples), "--seed", str(SEED)]
    report = tmp_path / "report.json"
    with serving(empty_storage) as storage, served(storage.url, tmp_path / "data") as (document, key):
        run = subprocess.run(
            [*command, document, *chosen, "--report-json-path", str(report)],
            cwd=tmp_path,
            env=environment({"PYTHONPATH": str(ROOT), "API_KEY": key}),
            capture_output=True,
            text=True,
            check=False,
        )
    assert run.returncode == 0, f"{run.stdout}\n{run.stderr}"
    assert storage.asked, "no connector that was made was tested or browsed"
    assert not never_accepted(report)


def never_accepted(report: Path) -> list[str]:
    """The operations of which no well-formed request was done; the report does not count those that links led to."""
    rates: dict[str, dict[str, dict[str, int]]] = json.loads(report.read_text())["valid_rates"]
    return [name for name, phases in rates.items() if not any(rate["accepted"] for rate in phases.values())]
