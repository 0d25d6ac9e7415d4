"""How long `initialize` takes from the start of the process, beside a bare low-level SDK server.

Run `python -m tests.bench.start`: medians of 10 alternating starts of each, and their ratio (at most 1.0 is wanted).
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 10
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "bench", "version": "1"},
    },
}
OURS = [sys.executable, "-m", "mcp_server"]
BARE = [sys.executable, str(Path(__file__).with_name("bare_server.py"))]


def seconds_to_initialize(command: list[str]) -> float:
    """From spawning the command to its answer to `initialize`."""
    began = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError
        process.stdin.write(json.dumps(INITIALIZE) + "\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        took = time.perf_counter() - began
        process.stdin.close()
    if answer["result"]["protocolVersion"] != "2025-11-25":
        raise RuntimeError
    return took


def main() -> None:
    """Print the medians and their ratio."""
    for command in (OURS, BARE):
        seconds_to_initialize(command)  # the first start of a machine also writes byte code
    rounds = [(seconds_to_initialize(OURS), seconds_to_initialize(BARE)) for _ in range(ROUNDS)]
    ours, bare = (statistics.median(column) for column in zip(*rounds, strict=True))
    print("start to the answer of initialize, median of", ROUNDS)
    print(f"  videovector-connectors   {ours * 1000:6.0f} ms")
    print(f"  bare low-level server    {bare * 1000:6.0f} ms")
    print(f"  ratio                    {ours / bare:6.2f}")


if __name__ == "__main__":
    main()
