"""The command line, mostly as a real process: what it prints, where, and its exit status."""

from __future__ import annotations

import json
import logging
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mcp_server import __version__, cli
from mcp_server.demo import Step
from mcp_server.logs import ScrubbedFormatter
from mcp_server.redaction import guarding
from mcp_server.settings import DESCRIPTIONS, GROUPS, SWITCHES, flag_name
from tests.commands import COMMAND, ran
from tests.emulators.processes import children, command_line

pytestmark = pytest.mark.usefixtures("process_state")


def test_the_help_has_short_lines_and_names_every_command_and_every_setting_under_its_heading() -> None:
    shown = ran("--help")
    assert shown.returncode == 0
    assert shown.stdout.isascii()
    lines = shown.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert all(f"  {name or '(none)'} " in shown.stdout for name in cli.COMMANDS)
    headings = [lines.index(f"{group}:") for group in GROUPS]
    for names, start in zip(GROUPS.values(), headings, strict=True):
        assert [line.split()[0] for line in lines[start + 1 : start + 1 + len(names)]] == list(map(flag_name, names))


def test_the_descriptions_in_the_help_stand_below_each_other() -> None:
    lines = [line for line in ran("--help").stdout.splitlines() if line.startswith("  --")]
    assert len(lines) == len(DESCRIPTIONS)
    assert [line[25:] for line in lines] == list(DESCRIPTIONS.values())


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
        (["api", "--host", "127.0.0.1:80"], {}, "--host"),
        (["api"], {"VIDEOVECTOR_PORT": "65536"}, "VIDEOVECTOR_PORT"),
        (["--port", "-1"], {}, "--port"),
        (["--tools", ","], {}, "--tools"),
        (["--exclude-tools", "delete_everything"], {}, "--exclude-tools"),
        (["--transport", "http", "--host", "0.0.0.0", "--auth", "none"], {}, "--auth"),
        (["--transport", "sse", "--workers", "2"], {}, "--workers"),
        (["api-key", "create"], {}, "needs a name"),
        (["api-key", "show"], {}, "create, list, revoke"),
        (["db", "downgrade"], {}, "upgrade, rotate-keys"),
        (["nonsense"], {}, "command"),
    ],
)
def test_a_wrong_value_ends_the_start_with_one_line_that_names_it(
    arguments: list[str],
    environment: dict[str, str],
    named: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    assert cli.run(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.strip().splitlines()) == 1
    assert named in shown.err


def test_a_process_that_is_started_wrong_ends_with_status_2() -> None:
    ended = ran("--timeout", "soon")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("videovector-connectors: --timeout: must be ")


def test_a_mistyped_flag_is_corrected_and_what_follows_it_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    secret = secrets.token_hex(24)
    for arguments in (["--api-kee", secret], [f"--api-key{secret}"], ["demo", secret], [f"--api-kee={secret}"]):
        assert cli.run(arguments) == 2
        shown = capsys.readouterr()
        assert secret not in shown.err + shown.out
    assert "did you mean --api-key?" in shown.err


FLAGS = [flag for flag, _ in SWITCHES.values()]


def test_switches_stand_alone_and_before_or_after_the_command(tmp_path: Path) -> None:
    assert ran("--data-dir", str(tmp_path), *FLAGS).returncode == 0
    assert cli.run([*FLAGS, "schemas", "--check"]) == cli.run(["schemas", "--check", *FLAGS]) == 0


@pytest.mark.parametrize("flag", FLAGS)
def test_a_switch_takes_no_value(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([f"{flag}=maybe"]) == 2
    shown = capsys.readouterr()
    assert "maybe" not in shown.out + shown.err
    assert len(shown.err.strip().splitlines()) == 1


def test_a_credentials_file_that_is_no_good_ends_the_start_with_one_line_that_says_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book, secret = tmp_path / "credentials.toml", secrets.token_hex(20)
    for text in ("", "[broken", f'[studio]\nprovider = "s3"\naws_secret_access_key = "{secret}"\n'):
        if text:
            book.write_text(text, encoding="utf-8")
            book.chmod(0o600)
        assert cli.run(["--data-dir", str(tmp_path), "--credentials-file", str(book)]) == 2
        shown = capsys.readouterr()
        assert shown.out == ""
        assert str(book) in shown.err
        assert secret not in shown.err


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
        assert server.wait(timeout=30) == 0
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
    formatter = ScrubbedFormatter("%(message)s")
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
        assert any("create_s3_connector" in line for line in demo.stdout)
        emulators = children(demo.pid)
        demo.terminate()
        demo.stdout.read()
    assert demo.returncode == cli.INTERRUPTED
    assert emulators
    assert not [pid for pid in emulators if b"moto" in command_line(pid)]


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
