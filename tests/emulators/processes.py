"""Starts servers as processes of their own, waits until they listen, and ends them."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

READY_SECONDS = 60
_POLL_SECONDS = 0.05


def children(pid: int) -> list[int]:
    """The processes that a process has started, on Linux."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()]


def command_line(pid: int) -> bytes:
    """What a process was started with, on Linux; nothing of one that is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def free_port() -> int:
    """A port of the loopback interface that nobody listens on at this moment.

    It is none of those that a system gives out for port 0 or for connections, and any other run of the tests would
    hardly take the same one before it is listened on.
    """
    while True:
        port = 15_000 + secrets.randbelow(15_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + READY_SECONDS
    while not _listens(port):
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with status {process.returncode} before it listened")
        if time.monotonic() > end:
            raise TimeoutError(f"{process.args!r} did not listen within {READY_SECONDS} seconds")
        time.sleep(_POLL_SECONDS)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def running(command: Sequence[str], port: int, environment: Mapping[str, str] | None = None) -> Generator[None]:
    """The command as a process that listens on the port; its output is dropped.

    Raises RuntimeError when it ends before, TimeoutError when it takes too long.
    """
    process = subprocess.Popen(
        command,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(process, port)
        yield
    finally:
        _end(process)
