"""How long it takes to list a large bucket, and how much memory: ours beside obstore, boto3 and rclone.

Run `python -m tests.bench.million [keys [late keys]]`, by default a million, and 500,000 for an endpoint that answers
40 ms late. Ours makes a page and the totals of `*.{mp4,mov}`; the others only go through all keys. Wanted: at most 1.5
of obstore's time, and with latency 8 times as fast at once as one page after another for a tree of folders, 3 times
for a flat folder; more than 150 MiB over idle is an error. A row of a tool that is not installed is left out. It needs
Linux.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.emulators.processes import free_port, running

LATENCY = 40
DEFAULTS = (1_000_000, 500_000)
MOST_MIB_OVER_IDLE = 150


@dataclass(frozen=True)
class Row:
    """What a process printed."""

    files: int
    seconds: float
    mib: float


@contextmanager
def endpoint(shape: str, keys: int, milliseconds: int = 0) -> Generator[str]:
    """A bucket of that shape, in a process of its own."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.s3_listing", str(port), shape, str(keys), str(milliseconds)]
    with running(command, port):
        yield f"http://127.0.0.1:{port}"


def row(way: str, url: str) -> Row | None:
    """One way of listing, in a process of its own; nothing where its tool is missing."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.listers", way, url], capture_output=True, text=True, check=False
    )
    if "ModuleNotFoundError" in done.stderr or "FileNotFoundError" in done.stderr:
        return None
    done.check_returncode()
    return Row(**json.loads(done.stdout))


def compare_tools(keys: int) -> None:
    """Without latency. The last row's process lists one key, which shows what it needs when it is idle."""
    print(f"{keys:,} keys of one folder from a fast local endpoint")
    print("  way         files  seconds     files/s   peak MiB   of obstore's time")
    rows: dict[str, Row | None] = {}
    with endpoint("flat", keys) as url:
        for way in ("obstore", "ours", "boto3", "rclone"):
            rows[way] = row(way, url)
            _show(way, rows[way], rows["obstore"])
    with endpoint("flat", 1) as url:
        _check_memory(rows["ours"], row("ours", url))


def _check_memory(ours: Row | None, idle: Row | None) -> None:
    """Ends the program where a bucket takes too much: unlike time, memory is about the same on every machine."""
    if ours is None or idle is None:
        raise SystemExit("Ours is not installed.")
    print(f"  ours with one key: {idle.mib:.0f} MiB", flush=True)
    if ours.mib - idle.mib > MOST_MIB_OVER_IDLE:
        raise SystemExit(f"Ours took more than {MOST_MIB_OVER_IDLE} MiB over idle.")


def _show(way: str, found: Row | None, reference: Row | None) -> None:
    if found is None:
        print(f"  {way} is not installed")
        return
    ratio = found.seconds / reference.seconds if reference else float("nan")
    speed = f"{found.files / found.seconds:,.0f}"
    print(f"  {way:8} {found.files:8} {found.seconds:8.2f} {speed:>11} {found.mib:10.0f} {ratio:19.2f}", flush=True)


def compare_latency(keys: int) -> None:
    """With latency: ours at once, and one page after another."""
    print(f"{keys:,} keys from an endpoint that answers {LATENCY} ms late, seconds")
    print("  bucket       one after another    at once   times as fast")
    for shape, name in (("tree", "1,000 folders"), ("flat", "one folder"), ("random", "random names")):
        with endpoint(shape, keys, LATENCY) as url:
            slow, fast = row("ours_one_after_another", url), row("ours", url)
        if slow and fast:
            times = slow.seconds / fast.seconds
            print(f"  {name:14} {slow.seconds:15.2f} {fast.seconds:10.2f} {times:15.1f}", flush=True)


def main() -> None:
    """Print both tables."""
    given = [int(each) for each in sys.argv[1:]]
    keys, late_keys = (*given, *DEFAULTS[len(given) :])
    compare_tools(keys)
    compare_latency(late_keys)


if __name__ == "__main__":
    main()
