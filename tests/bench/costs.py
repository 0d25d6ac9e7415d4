"""What the server costs over stdio, each figure beside a reference of the same run.

Run `python -m tests.bench.costs [rounds]`, 20 rounds by default. In each round both servers are started, and both are
called, first one call at a time, then 16: other load on a machine comes and goes, so a ratio is the median of the
rounds' ratios. Wanted: a start of at most 1.0, calls of at least 0.85, memory of at most 1.15 of the bare server. It
needs Linux.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TypeVar

from mcp_server.file_views import text
from tests.bench.decorated_tools import decorated_tools
from tests.bench.over_stdio import Calls, Session, started
from tests.bench.serving import stub_api
from tests.figures import as_the_vendor_shows, compact, listings, some_files, tool_list_tokens
from tests.o200k import tokens

ROUNDS = 20
CALLS = 100
AT_A_TIME = (1, 16)
BARE = [sys.executable, str(Path(__file__).with_name("bare_server.py"))]
OURS = [sys.executable, "-m", "mcp_server"]

T = TypeVar("T")
Command = tuple[Sequence[str], Mapping[str, str]]
Row = tuple[str, float, float, float]
"""What was measured, ours, the reference, and the ratio of the two."""


def commands(api: str, folder: str) -> tuple[Command, Command]:
    """Ours and the bare one's, which ask the same API."""
    settings = {
        "VIDEOVECTOR_BASE_URL": api,
        "VIDEOVECTOR_API_KEY": "bench-" + os.urandom(8).hex(),
        "VIDEOVECTOR_DATA_DIR": folder,
    }
    return (OURS, {**os.environ, **settings}), ([*BARE, api], dict(os.environ))


def _row(name: str, pairs: Sequence[tuple[float, float]]) -> Row:
    ours, reference = (statistics.median(column) for column in zip(*pairs, strict=True))
    return name, ours, reference, statistics.median(one / other for one, other in pairs)


def _taking_turns(ours: Callable[[], T], reference: Callable[[], T], rounds: int) -> list[tuple[T, T]]:
    """What both came to in each round, of which each begins every other one; one more before them is not counted."""
    turns: list[tuple[T, T]] = []
    for number in range(rounds + 1):
        if number % 2:
            turns.append((ours(), reference()))
        else:
            second = reference()
            turns.append((ours(), second))
    return turns[1:]


def start_row(both: Sequence[Command], rounds: int) -> Row:
    """Milliseconds. The first start of each, which may write byte code, is the one that is not counted."""

    def milliseconds(command: Command) -> float:
        with started(*command) as session:
            return session.seconds * 1000

    ours, bare = (partial(milliseconds, command) for command in both)
    return _row("start to tools/list, ms", _taking_turns(ours, bare, rounds))


def call_rows(ours: Session, bare: Session, rounds: int) -> Iterator[Row]:
    """Some rows for each number of calls at a time."""
    figures: Mapping[str, Callable[[Calls], float]] = {
        "calls a second": lambda calls: calls.rate,
        "p50, ms": lambda calls: calls.p50,
        "p99, ms": lambda calls: calls.p99,
        "CPU a call, ms": lambda calls: calls.cpu,
    }
    for at_a_time in AT_A_TIME:
        one, other = (partial(each.calls, CALLS, at_a_time) for each in (ours, bare))
        turns = _taking_turns(one, other, rounds)
        for name, figure in figures.items():
            pairs = [(figure(first), figure(second)) for first, second in turns]
            yield _row(f"list_connectors, {at_a_time} at a time, {name}", pairs)


def token_rows(ours: Session) -> Iterator[Row]:
    """The same on every machine."""
    files = some_files(1_000)
    reference = float(tokens(as_the_vendor_shows(files)))
    yield _row("tools/list, tokens (1)", [(tool_list_tokens(ours.tools), tool_list_tokens(decorated_tools()))])
    for form, shown in (("text", text), ("structure", compact)):
        for name, details in (("paths", False), ("files with details", True)):
            pages = listings(files, limit=1_000, details=details)
            yield _row(f"1,000 {name}, {form}, tokens (2)", [(tokens("".join(map(shown, pages))), reference)])


def rows(rounds: int) -> Iterator[Row]:
    """All rows, as they are measured."""
    with ExitStack() as stack:
        api = stack.enter_context(stub_api())
        both = commands(api, stack.enter_context(tempfile.TemporaryDirectory()))
        yield start_row(both, rounds)
        ours, bare = (stack.enter_context(started(*command)) for command in both)
        yield from call_rows(ours, bare, rounds)
        yield _row("resident after these calls, MiB", [(ours.resident_mib(), bare.resident_mib())])
        yield from token_rows(ours)


def main() -> None:
    """Print the table, a row as soon as it is known."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    print(f"{'what it costs over stdio':48}{'ours':>9}{'reference':>11}{'ratio':>8}")
    for name, ours, reference, ratio in rows(rounds):
        digits = 2 if reference < 100 else 0
        print(f"  {name:46}{ours:9.{digits}f}{reference:11.{digits}f}{ratio:8.2f}", flush=True)
    print(
        "The reference is the SDK's low-level server with this one tool; (1) the same tools by MCPServer's decorator;"
    )
    print("(2) the array of files that the vendor's API documents, indented, as its server shows it.")


if __name__ == "__main__":
    main()
