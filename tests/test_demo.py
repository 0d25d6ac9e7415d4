"""The demo as a stranger runs it: a process, a real emulator, the story of the main job."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from typing import Any

import pytest

from mcp_server import cli, demo

pytestmark = pytest.mark.usefixtures("process_state")


def test_the_demo_creates_tests_browses_changes_and_deletes_a_connector() -> None:
    shown = subprocess.run([sys.executable, "-m", "mcp_server", "demo"], capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stderr) == (0, "")
    calls = [block.split(" ", 1)[0] for block in shown.stdout.strip().split("\n\n")[1:]]
    assert calls == [
        "create_s3_connector",
        "test_connector",
        "browse_connector_files",
        "update_connector",
        "delete_connector",
        "list_connectors",
    ]
    assert "success: true" in shown.stdout
    assert "total_files: 3" in shown.stdout
    assert "incoming/2026/04/interview.mp4" in shown.stdout
    assert "skyline.mov" not in shown.stdout
    assert "name: Archive S3 (read only)" in shown.stdout
    assert "Exports through this connector are refused from now on" in shown.stdout
    assert '"confirm_name": "Archive S3 (read only)"' in shown.stdout
    assert "deleted: true" in shown.stdout
    assert "total: 0" in shown.stdout
    assert '"credentials": "archive"' in shown.stdout
    assert "secret" not in shown.stdout.lower()


def test_without_its_optional_group_the_demo_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = importlib.util.find_spec

    def without_moto(name: str, package: str | None = None) -> Any:
        return None if name == "moto" else found(name, package)

    monkeypatch.setattr(demo, "find_spec", without_moto)
    assert cli.run(["demo"]) == 2
    assert "pip install 'videovector-connectors[demo]'" in capsys.readouterr().err


def test_an_emulator_that_does_not_start_is_said_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "EMULATOR", ("-c", "raise SystemExit(1)"))
    assert cli.run(["demo"]) == 2
    assert "did not start" in capsys.readouterr().err


@pytest.mark.anyio
async def test_a_refused_creation_ends_the_story(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(demo.CREATION, "bucket", "Not_A_Bucket")
    steps: list[demo.Step] = []
    await demo.story(steps.append)
    assert [(step.tool, step.failed) for step in steps] == [("create_s3_connector", True)]
