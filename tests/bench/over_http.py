"""Requests a second and p99 of `/mcp`, beside a bare SDK server that asks the same stub API.

Run `python -m tests.bench.over_http [seconds [turns]]`: the two take turns, five of 3 seconds by default, after one
that warms them up. Each figure is the median of its turns, the ratio that of the pairs of turns, since other load on a
machine comes and goes. At least 0.9 is wanted. It needs wrk.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence

from tests.bench.serving import Load, bare, driven, ours, stub_api

WORKERS = (1, 2)
CONNECTIONS = (16, 256)
DEFAULTS = (3, 5)


def middle(loads: Sequence[Load]) -> Load:
    """The median of each figure."""
    rate, p99 = (statistics.median(column) for column in zip(*((load.rate, load.p99) for load in loads), strict=True))
    return Load(rate, p99, sum(load.requests for load in loads))


def compared(api: str, workers: int, connections: int, seconds: int, number: int) -> tuple[Load, Load, float]:
    """Ours, the bare one's, and the ratio of their rates."""
    with ours(api, workers) as mine, bare(api, workers) as reference:
        for url in (mine, reference):
            driven(url, connections, seconds)
        turns = [(driven(mine, connections, seconds), driven(reference, connections, seconds)) for _ in range(number)]
    first, second = zip(*turns, strict=True)
    # In so short a turn a slow server may answer nothing.
    return middle(first), middle(second), statistics.median(own.rate / max(other.rate, 1) for own, other in turns)


def main() -> None:
    """Print the table."""
    given = [int(each) for each in sys.argv[1:]]
    seconds, turns = (*given, *DEFAULTS[len(given) :])
    print("list_connectors over Streamable HTTP (2026-07-28): requests a second, p99 in ms")
    print("  workers  connections      ours    p99      bare    p99   ratio")
    with stub_api() as api:
        for workers in WORKERS:
            for connections in CONNECTIONS:
                mine, reference, ratio = compared(api, workers, connections, seconds, turns)
                figures = f"{mine.rate:9.0f} {mine.p99:6.0f} {reference.rate:9.0f} {reference.p99:6.0f} {ratio:7.2f}"
                print(f"  {workers:7} {connections:12} {figures}")


if __name__ == "__main__":
    main()
