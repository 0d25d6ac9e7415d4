"""The `credentials` command as a test runs it, with a book of its own. No test is here."""

from __future__ import annotations

import io
from pathlib import Path

import keyring
import pytest
import tomlkit

from mcp_server import cli
from tests.materials import AWS_SECRET, AZURE_SECRET, UUID

SERVICE = "videovector-connectors"
S3_ANSWERS = ("access-key-id", AWS_SECRET)
AZURE_ANSWERS = (UUID, UUID, AZURE_SECRET)
S3_ENTRY = {
    "provider": "s3",
    "aws_access_key_id": "access-key-id",
    "aws_secret_access_key": {"keyring": "archive/aws_secret_access_key"},
}


class Command:
    """The command line with a book of its own; what a run wrote is in `out` and `err`."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.path = path
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.out = ""
        self.err = ""

    def run(self, *arguments: str, answers: tuple[str, ...] = ()) -> int:
        """The exit status; the answers are piped, one a line."""
        return self.run_with(io.StringIO("".join(f"{line}\n" for line in answers)), *arguments)

    def run_with(self, stdin: io.TextIOBase, *arguments: str) -> int:
        self._monkeypatch.setattr("sys.stdin", stdin)
        status = cli.run(["credentials", *arguments])
        self.out, self.err = self._capsys.readouterr()
        return status

    def book(self) -> dict[str, object]:
        """What the file says."""
        return tomlkit.parse(self.path.read_bytes()).unwrap() if self.path.exists() else {}

    def write(self, text: str) -> None:
        self.path.write_text(text, encoding="utf-8")
        self.path.chmod(0o600)


def kept(name: str) -> str | None:
    return keyring.get_password(SERVICE, name)
