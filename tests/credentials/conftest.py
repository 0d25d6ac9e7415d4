"""Keyrings: a real one in a file of its own, and none; a command with its own book; a desk with its own time."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_server.credentials.tickets import Desk
from tests.credentials.commanding import Command
from tests.credentials.errands import Clock


def _backend(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """For this process and those that it starts."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", name)
    monkeypatch.setattr("keyring.core._keyring_backend", None)


@pytest.fixture
def config_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the platform wants the configuration of this program."""

    def user_config_path(name: str, *, appauthor: bool) -> Path:
        return tmp_path / "platform" / name

    monkeypatch.setattr("platformdirs.user_config_path", user_config_path)
    return tmp_path / "platform" / "videovector-connectors"


@pytest.fixture
def keyring_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the items are."""
    for variable in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path / "keyring"))
    _backend(monkeypatch, "keyrings.alt.file.PlaintextKeyring")
    return tmp_path / "keyring"


@pytest.fixture
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    _backend(monkeypatch, "keyring.backends.fail.Keyring")


@pytest.fixture
def forgetful_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes everything and keeps nothing."""
    _backend(monkeypatch, "keyring.backends.null.Keyring")


@pytest.fixture
def broken_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    _backend(monkeypatch, "no_such_module.Keyring")


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    path = tmp_path / "config" / "credentials.toml"
    path.parent.mkdir()
    monkeypatch.setenv("VIDEOVECTOR_CREDENTIALS_FILE", str(path))
    return Command(path, monkeypatch, capsys)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(clock: Clock) -> Desk:
    return Desk(lambda: "http://127.0.0.1:1", clock)
