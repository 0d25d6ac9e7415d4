"""Processes of a module of this folder that are all ready before each is given the same job, and what they answer."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from typing import Any

from tests.embedded.bodies import Json


def racing(module: str, job: Json, count: int = 4) -> list[Any]:
    """The answers. The module says `ready`, reads a line of JSON and says its answer as one."""
    command = [sys.executable, "-m", f"tests.embedded.{module}"]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
            )
            for _ in range(count)
        ]
        assert [process.stdout.readline() for process in processes if process.stdout] == ["ready\n"] * count
        for process in processes:
            assert process.stdin
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
        return [json.loads(process.communicate()[0]) for process in processes]
