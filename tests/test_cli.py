"""The command line, mostly as a real process: what it prints, where, and its exit status."""

from __future__ import annotations

import json
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import pytest

from mcp_server import __version__, cli
from mcp_server.demo import Step
from mcp_server.redaction import guarding
from mcp_server.settings import DESCRIPTIONS, flag_name

COMMAND = [sys.executable, "-m", "mcp_server"]


pytestmark = pytest.mark.usefixtures("process_state")


def ran(
    *arguments: str, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The finished process of a command line; its stdin is empty."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_help_fits_a_screen_and_names_every_command_and_setting() -> None:
    shown = ran("--help")
    assert shown.returncode == 0
    lines = shown.stdout.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert all(flag_name(name) in shown.stdout for name in DESCRIPTIONS)
    assert all(name in shown.stdout for name in cli.COMMANDS)


def test_the_version_is_that_of_the_package() -> None:
    assert ran("--version").stdout.strip() == __version__


@pytest.mark.parametrize(
    ("arguments", "environment", "named"),
    [
        (["--timeout", "soon"], {}, "--timeout"),
        ([], {"VIDEOVECTOR_TIMEOUT": "soon"}, "VIDEOVECTOR_TIMEOUT"),
        (["--s3-endpoint", "ftp://x"], {}, "--s3-endpoint"),
        ([], {"VIDEOVECTOR_DATABASE_URL": "mysql://x"}, "VIDEOVECTOR_DATABASE_URL"),
        ([], {"VIDEO_VECTOR_BASE_URL": "http://example.com"}, "VIDEO_VECTOR_BASE_URL"),
        (["schemas"], {}, "--write"),
        (["api", "--host", "0.0.0.0"], {}, "--host"),
        (["nonsense"], {}, "command"),
    ],
)
def test_a_wrong_value_ends_the_start_with_one_line_that_names_it(
    arguments: list[str], environment: dict[str, str], named: str
) -> None:
    ended = ran(*arguments, environment=environment)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert len(ended.stderr.strip().splitlines()) == 1
    assert named in ended.stderr


def test_a_mistyped_flag_is_corrected_and_what_follows_it_not_repeated() -> None:
    secret = secrets.token_hex(24)
    for arguments in (["--api-kee", secret], [f"--api-kee={secret}"], [f"--api-key{secret}"], ["demo", secret]):
        ended = ran(*arguments)
        assert ended.returncode == 2
        assert secret not in ended.stderr + ended.stdout
    assert "did you mean --api-key?" in ran(f"--api-kee={secret}").stderr


@pytest.mark.parametrize("flag", ["--no-inline-secrets", "--open-browser"])
def test_a_switch_stands_alone_and_before_or_after_the_command(flag: str, tmp_path: Path) -> None:
    for arguments in (["--data-dir", str(tmp_path), flag], [flag, "schemas", "--check"], ["schemas", "--check", flag]):
        assert "unknown argument" not in ran(*arguments).stderr
    refused = ran(f"{flag}=maybe")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "maybe" not in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1


def test_a_credentials_file_that_is_no_good_ends_the_start_with_one_line_that_says_where(tmp_path: Path) -> None:
    book = tmp_path / "credentials.toml"
    for text in (None, "[broken", f'[studio]\nprovider = "s3"\naws_secret_access_key = "{secrets.token_hex(20)}"\n'):
        if text is not None:
            book.write_text(text, encoding="utf-8")
            book.chmod(0o600)
        ended = ran("--data-dir", str(tmp_path), "--credentials-file", str(book))
        assert (ended.returncode, ended.stdout) == (2, "")
        assert str(book) in ended.stderr
        assert (text or "").rpartition(" ")[2].strip('"\n') not in ended.stderr or text is None


def test_the_end_of_stdin_ends_the_server_with_status_0_and_nothing_on_stdout(tmp_path: Path) -> None:
    ended = ran("--data-dir", str(tmp_path))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without telling it")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_waiting_server_at_once_with_status_0(number: signal.Signals, tmp_path: Path) -> None:
    command = [*COMMAND, "--data-dir", str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}) + "\n")
        server.stdin.flush()
        assert json.loads(server.stdout.readline())["id"] == 1
        server.send_signal(number)
        assert server.wait(timeout=5) == 0
        assert server.stdout.read() == ""


def test_schemas_are_written_and_then_agree(tmp_path: Path) -> None:
    assert ran("schemas", "--check", cwd=tmp_path).returncode == 1
    assert ran("schemas", "--write", cwd=tmp_path).returncode == 0
    checked = ran("schemas", "--check", cwd=tmp_path)
    assert (checked.returncode, checked.stdout) == (0, "")


def test_a_drifted_schema_is_shown_as_a_diff(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(["schemas", "--write"]) == 0
    drifted = tmp_path / "tool_schemas" / "get_connector.json"
    drifted.write_text(drifted.read_text(encoding="utf-8").replace("Get connector", "Fetch"), encoding="utf-8")
    (tmp_path / "tool_schemas" / "stray.json").write_text("{}\n", encoding="utf-8")
    capsys.readouterr()
    assert cli.run(["schemas", "--check"]) == 1
    diff = capsys.readouterr().out
    assert '-  "title": "Fetch"' in diff
    assert "tool_schemas/stray.json" in diff


def test_the_api_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    command = [*COMMAND, "api", "--port", "0", "--data-dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as api:
        assert api.stdout is not None
        announced = api.stdout.readline()
        url = announced.split()[3]
        key = {"X-API-Key": "sk_live_" + secrets.token_hex(24)}
        assert httpx.get(f"{url}/auth/validate", headers=key).status_code == 200
        assert httpx.get(f"{url}/auth/validate").status_code == 401
        api.terminate()
        status = api.wait(timeout=10)
    assert status == 0 or sys.platform == "win32"
    assert {path.name for path in tmp_path.iterdir()} == {"connectors.db", "encryption.key"} or sys.platform == "win32"


def test_a_port_in_use_is_a_configuration_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert cli.run(["api", "--port", port, "--data-dir", str(tmp_path)]) == 2
    assert "--port: cannot listen" in capsys.readouterr().err


def test_someone_at_a_terminal_is_told_what_the_server_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)

    async def served(_: object) -> None:
        """Ends at once, as with an empty stdin."""

    monkeypatch.setattr("mcp_server.transports.serve_stdio", served)
    assert cli.run(["--data-dir", str(tmp_path)]) == 0
    assert "waiting for a client" in capsys.readouterr().err


def test_log_lines_and_their_tracebacks_hold_no_guarded_secret(capsys: pytest.CaptureFixture[str]) -> None:
    secret = secrets.token_hex(20)
    formatter = cli.ScrubbedFormatter("%(message)s")
    error = ValueError(secret)
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, "saw %s", (secret,), (ValueError, error, None))
    with guarding([secret]):
        shown = formatter.format(record)
    assert secret not in shown
    assert "ValueError" in shown
    assert "saw [redacted secret]" in shown


@pytest.mark.parametrize("failed", [False, True])
def test_the_demo_prints_each_call_and_its_text_as_they_are(
    *, failed: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story(report: Callable[[Step], None]) -> None:
        report(Step("list_connectors", {"note": "[bold]"}, "total: 0 [red]", failed=failed))

    monkeypatch.setattr("mcp_server.demo.story", story)
    assert cli.run(["demo"]) == int(failed)
    shown = capsys.readouterr().out
    assert 'list_connectors {"note": "[bold]"}' in shown
    assert "total: 0 [red]" in shown


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without telling it")
def test_an_interrupted_demo_ends_its_emulator_and_says_so_in_its_status() -> None:
    with subprocess.Popen([*COMMAND, "demo"], stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        while "create_s3_connector" not in demo.stdout.readline():
            pass
        emulators = children(demo.pid)
        demo.terminate()
        demo.stdout.read()
    assert demo.returncode == cli.INTERRUPTED
    assert emulators
    assert not [pid for pid in emulators if Path(f"/proc/{pid}/cmdline").exists() and b"moto" in cmdline(pid)]


def cmdline(pid: str) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def children(pid: int) -> list[str]:
    """The processes that a process has started, where the system tells."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without telling it")
def test_a_signal_ends_a_starting_server_with_status_0_too(tmp_path: Path) -> None:
    starting = "import mcp_server.__main__ as m, os, signal, sys; sys.modules['mcp_server.cli'] = m; {}; m.main()"
    tell = "m.run = lambda _: os.kill(os.getpid(), signal.SIGTERM) or 1"
    ended = subprocess.run([sys.executable, "-c", starting.format(tell)], cwd=tmp_path, check=False)
    assert ended.returncode == 0


def test_a_command_that_is_told_to_end_is_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(["schemas", "--write"]) == 0
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
