"""One process or several on one address, as real processes: how they begin, are replaced, and end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx
import pytest

from mcp_server.http_server.metrics import SHARED_MEMORY
from tests.emulators.processes import children, command_line
from tests.sessions import environment

pytestmark = pytest.mark.skipif(not Path("/proc").exists(), reason="looks at processes as Linux shows them")
MODULE = "tests.http_server.small_server"
SECONDS = 30


def until(condition: Callable[[], object], what: str) -> None:
    """Wait until it holds."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def state_and_group(pid: str | int) -> tuple[str, int]:
    """What Linux shows of a process, Z being one that ended and that nobody has waited for."""
    with suppress(FileNotFoundError, ProcessLookupError):
        state, _, group, *_ = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return state, int(group)
    return "Z", 0


def is_alive(pid: int) -> bool:
    return state_and_group(pid)[0] != "Z"


def processes_of(group: int) -> list[str]:
    """The processes of a group that run."""
    seen = {each.name: state_and_group(each.name) for each in Path("/proc").glob("[0-9]*")}
    return [pid for pid, (state, of) in seen.items() if of == group and state != "Z"]


@dataclass
class Small:
    """A small server that begins or serves."""

    process: subprocess.Popen[str]
    folder: Path
    errors: Path

    @property
    def stdout(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout

    def url(self) -> str:
        """Where it serves, as soon as it does."""
        return self.stdout.readline().strip()

    def children(self) -> list[int]:
        """The processes that serve, in the order in which they began; without the one that multiprocessing needs."""
        return [each for each in children(self.process.pid) if b"spawn_main" in command_line(each)]

    def zombies(self) -> list[int]:
        return [pid for pid in self.children() if not is_alive(pid)]

    def began(self) -> int:
        """How many processes have begun to open what they serve."""
        return len(list(self.folder.glob("began-*")))

    def said(self) -> str:
        return self.errors.read_text(encoding="utf-8")

    def shared(self) -> list[Path]:
        """What is in the folder for temporary files, and of this server in the memory of the system."""
        kept = [each for each in (self.folder / "tmp").iterdir() if not each.name.startswith("pymp-")]
        return [*kept, *SHARED_MEMORY.glob(f"videovector-metrics-{self.process.pid}-*")]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=SECONDS)


@contextmanager
def small(folder: Path, workers: int, how: str = "serves", seconds: float = 20, **given: str) -> Generator[Small]:
    (folder / "tmp").mkdir(exist_ok=True)
    command = [sys.executable, "-m", MODULE, str(workers), str(seconds), how, str(folder)]
    settings = {"TMPDIR": str(folder / "tmp"), **given}
    errors = folder / "stderr.txt"
    with (
        errors.open("w") as sink,
        subprocess.Popen(
            command,
            env=environment(settings),
            stdout=subprocess.PIPE,
            stderr=sink,
            text=True,
            cwd=Path(__file__).parents[2],
            start_new_session=True,
        ) as process,
    ):
        try:
            yield Small(process, folder, errors)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            until(lambda: not processes_of(process.pid), "processes were left")


def pid_that_answers(url: str) -> int:
    return int(httpx.get(f"{url}/pid", trust_env=False, timeout=SECONDS).text)


@contextmanager
def calling(url: str, running: Path) -> Generator[list[httpx.Response]]:
    """A call that runs, until the file is gone; its answer is in the list after the block."""
    answers: list[httpx.Response] = []

    def call() -> None:
        answers.append(httpx.post(f"{url}/call", params={"file": str(running)}, trust_env=False, timeout=60))

    caller = threading.Thread(target=call)
    caller.start()
    until(running.exists, "the call did not begin")
    try:
        yield answers
    finally:
        running.unlink(missing_ok=True)
        caller.join()


@pytest.mark.parametrize(("workers", "number"), [(1, signal.SIGTERM), (1, signal.SIGINT), (2, signal.SIGTERM)])
def test_told_to_end_it_answers_what_it_accepted_and_leaves_nothing(
    tmp_path: Path, workers: int, number: signal.Signals
) -> None:
    with small(tmp_path, workers) as server:
        url = server.url()
        assert len(server.children()) == (workers if workers > 1 else 0)
        assert len(server.shared()) == (1 if workers > 1 else 0)
        with calling(url, tmp_path / "running") as answers:
            server.process.send_signal(number)
            until(lambda: not connects(url), "connections are still taken")
            server.process.send_signal(number)  # who is impatient changes nothing
        assert [answer.text for answer in answers] == ["called"]
        assert server.process.wait(timeout=SECONDS) == 0
        assert server.said() == ""
        assert server.shared() == []


def connects(url: str) -> bool:
    try:
        httpx.get(f"{url}/pid", trust_env=False, timeout=SECONDS)
    except httpx.TransportError:
        return False
    return True


def test_ctrl_c_in_a_terminal_reaches_all_processes_and_is_one_quiet_end(tmp_path: Path) -> None:
    with small(tmp_path, 2) as server:
        url = server.url()
        with calling(url, tmp_path / "running") as answers:
            os.killpg(server.process.pid, signal.SIGINT)
            until(lambda: not connects(url), "connections are still taken")
        assert [answer.text for answer in answers] == ["called"]
        assert (server.process.wait(timeout=SECONDS), server.said()) == (0, "")


def test_ctrl_c_while_processes_begin_is_a_quiet_end_too(tmp_path: Path) -> None:
    with small(tmp_path, 2, "hangs") as server:
        until(server.children, "no process began")
        os.killpg(server.process.pid, signal.SIGINT)
        assert (server.process.wait(timeout=SECONDS), server.said(), server.stdout.read()) == (0, "", "")
        assert server.shared() == []


def test_a_process_that_was_killed_is_replaced_and_the_address_is_served_meanwhile(tmp_path: Path) -> None:
    with small(tmp_path, 2) as server:
        url = server.url()
        first, second = server.children()
        os.kill(first, signal.SIGKILL)
        until(lambda: first not in server.children() and len(server.children()) == 2, "not replaced")
        assert pid_that_answers(url) == second
        (third,) = set(server.children()) - {second}
        until(lambda: server.began() == 3, "the new one did not begin")
        os.kill(second, signal.SIGKILL)
        until(lambda: connects(url) and pid_that_answers(url) == third, "the new one does not serve")
        until(lambda: server.said().count("ended with status -9: another one is started.") == 2, "not replaced")
        assert server.zombies() == []
        assert server.end() == 0
        assert server.shared() == []


def test_one_that_cannot_begin_again_is_tried_again_and_says_why(tmp_path: Path) -> None:
    with small(tmp_path, 2, "serves,serves,refused,dies,serves") as server:
        url = server.url()
        os.kill(server.children()[0], signal.SIGKILL)
        until(lambda: server.began() == 5, "not tried again")
        assert connects(url)
        assert server.end() == 0
    lines = server.said().splitlines()
    assert [line.rpartition("status ")[2] for line in lines] == [
        "-9: another one is started.",
        "2: another one is started. The database is not there.",
        "3: another one is started.",
    ]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("serves,refused", "The database is not there."),
        ("dies", "A process ended at its start; its log says why."),
        ("hangs", "A process did not begin to serve in time."),
    ],
)
def test_when_one_cannot_begin_all_end_with_one_line(tmp_path: Path, how: str, said: str) -> None:
    with small(tmp_path, 2, how, READY_SECONDS="4" if how == "hangs" else "60") as server:
        assert server.process.wait(timeout=SECONDS) == 1
        assert (server.said(), server.stdout.read()) == (f"{said}\n", "")
        assert server.shared() == []


def test_without_other_processes_the_error_is_the_same(tmp_path: Path) -> None:
    with small(tmp_path, 1, "refused") as server:
        assert server.process.wait(timeout=SECONDS) == 1
        assert server.said() == "The database is not there.\n"


def test_processes_whose_parent_was_killed_answer_what_they_accepted_and_leave_nothing(tmp_path: Path) -> None:
    with small(tmp_path, 2) as server:
        url = server.url()
        children = server.children()
        with calling(url, tmp_path / "running") as answers:
            server.process.kill()
            server.process.wait()
            until(lambda: not connects(url), "connections are still taken")
        assert [answer.text for answer in answers] == ["called"]
        until(lambda: not any(map(is_alive, children)), "they go on")
        assert (server.said(), server.shared()) == ("", [])


def test_a_process_that_does_not_end_is_killed(tmp_path: Path) -> None:
    with small(tmp_path, 2, seconds=0.2) as server:
        url = server.url()
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{url}/block", trust_env=False, timeout=1)
        children = server.children()
        assert server.end() == 0
        assert not any(map(is_alive, children))


@pytest.mark.parametrize("workers", [1, 2])
def test_what_takes_longer_than_it_may_is_cut_off(tmp_path: Path, workers: int) -> None:
    with small(tmp_path, workers, seconds=0.3) as server:
        url = server.url()
        running = tmp_path / "running"
        with pytest.raises(httpx.RemoteProtocolError):
            cut_off(server, url, running)
        assert server.process.wait(timeout=SECONDS) == 0
        assert "Calls that ran for longer than 0.3 seconds" in server.said()
        assert "Traceback" not in server.said()


def cut_off(server: Small, url: str, running: Path) -> None:
    def end() -> None:
        until(running.exists, "the call did not begin")
        server.process.terminate()

    ending = threading.Thread(target=end)
    ending.start()
    try:
        httpx.post(f"{url}/call", params={"file": str(running)}, trust_env=False, timeout=60)
    finally:
        ending.join()
