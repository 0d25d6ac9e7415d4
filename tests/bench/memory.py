"""Whether the server's memory grows with calls: an hour's worth of them and more, compressed into 5 minutes.

Run `python -m tests.bench.memory [seconds]` (300 by default; an hour at the default rate limit is 36,000 calls).
Resident memory is read after a fifth of the time, which warms up, and at the end. It needs wrk, and Linux.
"""

from __future__ import annotations

import sys

import httpx

from tests.bench.serving import driven, ours, stub_api

CONNECTIONS = 64
HOUR_OF_CALLS = 36_000


def resident_mib(url: str) -> float:
    """What the server says of itself."""
    figures = httpx.get(f"{url}/metrics", trust_env=False).text.splitlines()
    octets = next(line.split()[1] for line in figures if line.startswith("process_resident_memory_bytes"))
    return float(octets) / 2**20


def main() -> None:
    """Print memory before and after, and the growth."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    with stub_api() as api, ours(api, 1) as url:
        warm = driven(url, CONNECTIONS, max(1, seconds // 5)).requests
        before = resident_mib(url)
        calls = driven(url, CONNECTIONS, seconds - seconds // 5).requests
        after = resident_mib(url)
    print(f"memory of one process under {CONNECTIONS} connections")
    print(f"  after {warm:8} calls        {before:7.1f} MiB")
    print(f"  after {warm + calls:8} calls        {after:7.1f} MiB")
    print(f"  growth in an hour's calls   {(after - before) / calls * HOUR_OF_CALLS:7.2f} MiB")


if __name__ == "__main__":
    main()
