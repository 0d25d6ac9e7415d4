"""A server over stdio, driven with lines that were encoded before: the harness costs little, and the same for each."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

PROTOCOL = "2025-11-25"
INITIALIZE = {
    "protocolVersion": PROTOCOL,
    "capabilities": {},
    "clientInfo": {"name": "bench", "version": "1"},
}
LAST_CONNECTOR = b"conn_000000000000000000000009"
_ID = re.compile(rb'"id":\s*(\d+)')


@dataclass(frozen=True)
class Calls:
    """What a number of calls took: calls a second; milliseconds of the middle one, of 99 in 100, and of CPU a call."""

    rate: float
    p50: float
    p99: float
    cpu: float


def _line(method: str, params: Mapping[str, Any], number: int | None = None) -> bytes:
    message = {"jsonrpc": "2.0", "method": method, "params": params}
    return json.dumps(message if number is None else {**message, "id": number}).encode() + b"\n"


@dataclass(frozen=True)
class Session:
    """An open session; `seconds` is what it took from the start of the process to the answer of tools/list."""

    pid: int
    requests: IO[bytes]
    answers: IO[bytes]
    seconds: float
    tools: Sequence[dict[str, Any]]

    def resident_mib(self) -> float:
        """As Linux counts it."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) / 1024

    def _cpu_milliseconds(self) -> float:
        """Since the start of the process, as Linux counts it: in steps of 10."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")

    def calls(self, number: int, at_a_time: int) -> Calls:
        """Call list_connectors, so many at a time. Raises RuntimeError when an answer was wrong."""
        lines = [_line("tools/call", {"name": "list_connectors", "arguments": {}}, each) for each in range(number)]
        sent, took = [0.0] * number, [0.0] * number
        before, began = self._cpu_milliseconds(), time.perf_counter()
        for each in range(number + at_a_time):
            if each >= at_a_time:
                self._receive(sent, took)
            if each < number:
                sent[each] = time.perf_counter()
                self.requests.write(lines[each])
                self.requests.flush()
        spent = time.perf_counter() - began
        took.sort()
        cpu = (self._cpu_milliseconds() - before) / number
        return Calls(number / spent, took[number // 2] * 1000, took[number * 99 // 100] * 1000, cpu)

    def _receive(self, sent: Sequence[float], took: list[float]) -> None:
        answer = self.answers.readline()
        found = _ID.search(answer)
        if LAST_CONNECTOR not in answer or found is None:
            raise RuntimeError(answer.decode())
        number = int(found[1])
        took[number] = time.perf_counter() - sent[number]


@contextmanager
def started(command: Sequence[str], environment: Mapping[str, str]) -> Generator[Session]:
    """A server of the command, asked for its tools; it ends when its stdin is closed."""
    began = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError
        asked = partial(_asked, process.stdin, process.stdout)
        if asked("initialize", INITIALIZE, 1)["protocolVersion"] != PROTOCOL:
            raise RuntimeError
        process.stdin.write(_line("notifications/initialized", {}))
        tools = asked("tools/list", {}, 2)["tools"]
        yield Session(process.pid, process.stdin, process.stdout, time.perf_counter() - began, tools)
        process.stdin.close()


def _asked(requests: IO[bytes], answers: IO[bytes], method: str, params: Mapping[str, Any], number: int) -> Any:
    requests.write(_line(method, params, number))
    requests.flush()
    return json.loads(answers.readline())["result"]
