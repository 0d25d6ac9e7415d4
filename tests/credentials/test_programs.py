"""Programs that print a secret, real ones: what they get, and that no bound of theirs can be crossed."""

from __future__ import annotations

import os
import shlex
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from mcp_server.credentials import sources
from mcp_server.credentials.programs import CommandOutput
from mcp_server.credentials.sources import Unreadable
from tests.materials import API_KEY, AZURE_SECRET, made

pytestmark = pytest.mark.anyio
ON_POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups")
STAY = "import socket, sys, time; line = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); time.sleep(60)"
LEAVE_BEHIND = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {STAY!r}, sys.argv[1]])"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        yield server


def python(script: str, *arguments: str, folder: Path | None = None) -> CommandOutput:
    return CommandOutput((sys.executable, "-c", script, *arguments), folder or Path.cwd())


def script(path: Path) -> str:
    """The path of a program that prints a secret."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {shlex.quote(AZURE_SECRET)}\n", encoding="utf-8")
    path.chmod(0o700)
    return str(path)


async def printed(command: CommandOutput) -> str:
    return (await command.read("client_secret"))["client_secret"]


async def fault_of(command: CommandOutput) -> str:
    with pytest.raises(Unreadable) as caught:
        await command.read("client_secret")
    return str(caught.value)


def port_of(listener: socket.socket) -> str:
    return str(listener.getsockname()[1])


def connected(listener: socket.socket) -> socket.socket:
    """The process that called, for as long as it lives."""
    line, _ = listener.accept()
    line.settimeout(20)
    return line


async def test_what_a_command_prints_is_the_secret() -> None:
    assert await printed(python("import sys; print(sys.argv[1])", AZURE_SECRET)) == AZURE_SECRET


async def test_a_command_runs_at_each_call(tmp_path: Path) -> None:
    command = python("print(open('now').read())", folder=tmp_path)
    for secret in (AZURE_SECRET, made("rotated")):
        (tmp_path / "now").write_text(secret, encoding="utf-8")
        assert await printed(command) == secret


async def test_there_is_no_shell() -> None:
    text = "$(echo a) `b` | c > d; * ~ %PATH%"
    assert await printed(python("import sys; print(sys.argv[1])", text)) == text


async def test_its_input_is_empty_and_its_errors_are_nobodys(capfd: pytest.CaptureFixture[str]) -> None:
    script = "import sys; print(sys.argv[1], file=sys.stderr); print('read', len(sys.stdin.read()))"
    assert await printed(python(script, AZURE_SECRET)) == "read 0"
    assert capfd.readouterr() == ("", "")


async def test_it_sees_the_environment_without_the_servers_own_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VIDEOVECTOR_API_KEY", "VIDEO_VECTOR_API_KEY", "VIDEOVECTOR_ENCRYPTION_KEY", "VIDEOVECTOR_TIMEOUT"):
        monkeypatch.setenv(name, API_KEY)
    names = "import os; print(sorted(name for name in os.environ if name.startswith('VIDEO')))"
    assert await printed(python(names)) == "['VIDEOVECTOR_TIMEOUT']"


async def test_it_does_not_see_the_variables_that_are_withheld(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STUDIO_SECRET", "STUDIO_REGION"):
        monkeypatch.setenv(name, AZURE_SECRET)
    command = python("import os; print(sorted(name for name in os.environ if name.startswith('STUDIO')))")
    assert await printed(command) == "['STUDIO_REGION', 'STUDIO_SECRET']"
    assert await printed(command.withholding(["STUDIO_SECRET"])) == "['STUDIO_REGION']"


async def test_its_exit_status_is_told_and_not_its_output(caplog: pytest.LogCaptureFixture) -> None:
    script = "import sys; print(sys.argv[1]); print(sys.argv[1], file=sys.stderr); sys.exit(3)"
    assert await fault_of(python(script, AZURE_SECRET)) == "exit status 3"
    assert AZURE_SECRET not in caplog.text


async def test_a_program_that_is_not_there_is_a_fault_and_of_its_words_the_first_is_told(tmp_path: Path) -> None:
    command = CommandOutput((made("program"), AZURE_SECRET), tmp_path)
    assert await fault_of(command) == "it cannot be started: there is no such program in PATH"
    absent = CommandOutput((str(tmp_path / "absent"), AZURE_SECRET), tmp_path)
    assert (await fault_of(absent)).startswith("it cannot be started: No such file")
    assert command.place == f"the command {made('program')}"
    assert made("program") not in repr(command)


async def test_a_program_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    command = CommandOutput((Path(sys.executable).name, "-c", "print('found by name')"), tmp_path)
    assert await printed(command) == "found by name"


@ON_POSIX
@pytest.mark.parametrize("entry", ["", ".", "tools", "{here}", "{here}/tools/.."])
async def test_a_name_that_leads_to_the_working_folder_is_refused(
    entry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join([entry.format(here=tmp_path), "/no-such-folder"]))
    script(tmp_path / "secret-program")
    script(tmp_path / "tools" / "secret-program")
    command = CommandOutput(("secret-program",), tmp_path)
    assert await fault_of(command) == "its name leads to the working folder: give its path"


@ON_POSIX
async def test_a_program_of_the_working_folder_or_below_is_run_when_its_path_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "tools"))
    script(tmp_path / "tools" / "secret-program")
    assert await printed(CommandOutput((script(tmp_path / "program"),), tmp_path)) == AZURE_SECRET
    assert await printed(CommandOutput(("secret-program",), tmp_path)) == AZURE_SECRET


async def test_a_flood_ends_at_64_kib() -> None:
    assert await fault_of(python("while True: print('x' * 4096, flush=True)")) == "more than 64 KiB"


async def test_a_command_has_its_time_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sources.SECONDS == 10
    monkeypatch.setattr(sources, "SECONDS", 0.3)
    began = time.monotonic()
    assert await fault_of(python("import time; time.sleep(60)")) == "it has not answered within 0.3 s"
    assert time.monotonic() - began < 10


async def test_a_command_that_closes_its_output_has_no_more_time_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "SECONDS", 0.5)
    script = "import os, time; print('x' * 9, flush=True); os.close(1); time.sleep(60)"
    assert await fault_of(python(script)) == "it has not answered within 0.5 s"


@ON_POSIX
async def test_what_a_command_leaves_behind_is_ended_with_it(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "SECONDS", 3)
    assert await fault_of(python(LEAVE_BEHIND, port_of(listener))) == "it has not answered within 3 s"
    with connected(listener) as line:
        assert line.recv(1) == b""


@ON_POSIX
@pytest.mark.parametrize("script", [STAY, LEAVE_BEHIND])
async def test_a_cancelled_call_ends_the_command_and_what_it_started(script: str, listener: socket.socket) -> None:
    received: list[bytes] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(python(script, port_of(listener)).read, "client_secret")
        line = await anyio.to_thread.run_sync(connected, listener)
        tasks.cancel_scope.cancel()
        with line, anyio.CancelScope(shield=True):
            received.append(await anyio.to_thread.run_sync(line.recv, 1))
    assert received == [b""]
