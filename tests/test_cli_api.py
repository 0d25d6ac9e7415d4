"""The command line of the embedded API: it is served, its keys are made, its database is upgraded."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from mcp_server import cli
from tests.commands import COMMAND, ran

pytestmark = pytest.mark.usefixtures("process_state")


def test_the_api_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    created = ran("api-key", "create", "studio", "--scope", "read", "--data-dir", str(tmp_path))
    command = [*COMMAND, "api", "--port", "0", "--data-dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as api:
        assert api.stdout is not None
        try:
            url = api.stdout.readline().split()[3]
            key = {"X-API-Key": created.stdout.strip()}
            assert httpx.get(f"{url}/auth/validate", headers=key).status_code == 200
            assert httpx.get(f"{url}/auth/validate").status_code == 401
            api.terminate()
            status = api.wait(timeout=30)
        finally:
            api.kill()
    assert status == 0 or sys.platform == "win32"
    assert {path.name for path in tmp_path.iterdir()} == {"connectors.db", "encryption.key"} or sys.platform == "win32"


def test_the_api_takes_its_port_from_the_environment_too(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = ran("api", "--data-dir", str(tmp_path), environment={"VIDEOVECTOR_PORT": str(taken.getsockname()[1])})
    assert ended.returncode == 2
    assert "--port: cannot listen" in ended.stderr


def test_a_port_in_use_is_a_configuration_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert cli.run(["api", "--port", port, "--data-dir", str(tmp_path)]) == 2
    assert "--port: cannot listen" in capsys.readouterr().err


def test_keys_are_made_listed_and_revoked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ["--data-dir", str(tmp_path)]
    assert cli.run(["api-key", "create", "studio", "--scope", "read", "--scope", "write", *folder]) == 0
    key = capsys.readouterr().out
    assert re.fullmatch("sk_live_[0-9a-f]{48}\n", key)
    assert cli.run(["api-key", "create", "archive", "--tenant", "archive", *folder]) == 0
    assert cli.run(["api-key", "revoke", "archive", *folder]) == 0
    assert cli.run(["api-key", "list", *folder]) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("studio", "read write", "archive"))
    assert key.strip() not in shown
    assert cli.run(["api-key", "revoke", "nobody", *folder]) == 2


def test_a_database_is_upgraded_and_sealed_with_the_first_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ["--data-dir", str(tmp_path)]
    assert cli.run(["db", "upgrade", *folder]) == 0
    assert "upgraded from nothing" in capsys.readouterr().out
    assert cli.run(["db", "rotate-keys", *folder]) == 0
    assert capsys.readouterr().err == ""
