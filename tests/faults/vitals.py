"""What a running server tells of itself, and what the system tells of it. No test is here."""

from __future__ import annotations

import re
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import anyio
import httpx
import pytest
import tenacity

from tests.http_server.serving import Served

SETTLING_SECONDS = 20
IN_FLIGHT = re.compile(r"^videovector_tool_calls_in_flight(?:\{.*\})? (\S+)$", re.MULTILINE)


def resident_mib(served: Served) -> float:
    """The memory of a process now. Skips the test where there is no /proc."""
    if not sys.platform.startswith("linux"):
        pytest.skip("memory is read from /proc")
    status = Path(f"/proc/{served.process.pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))


def open_sockets(served: Served) -> int:
    """How many sockets a process has open."""
    count = 0
    for descriptor in Path(f"/proc/{served.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since it was listed
            count += str(descriptor.readlink()).startswith("socket:")
    return count


async def eventually(holds: Callable[[], Awaitable[bool]], seconds: float = SETTLING_SECONDS) -> None:
    """It holds; raises tenacity's RetryError when it still does not after so many seconds."""
    await tenacity.AsyncRetrying(
        sleep=anyio.sleep,
        stop=tenacity.stop_after_delay(seconds),
        wait=tenacity.wait_fixed(0.05),
        retry=tenacity.retry_if_result(lambda held: not held),
    )(holds)


async def calls_in_flight(http: httpx.AsyncClient, served: Served) -> int:
    """How many tool calls run now, as /metrics tells."""
    told = (await http.get(f"{served.url}/metrics")).text
    return sum(int(float(number)) for number in IN_FLIGHT.findall(told))


async def idle(http: httpx.AsyncClient, served: Served) -> None:
    """No tool call runs any more."""

    async def is_idle() -> bool:
        return await calls_in_flight(http, served) == 0

    await eventually(is_idle)


async def sockets_closed(served: Served, but: int) -> None:
    """No more sockets are open than these."""

    async def are_closed() -> bool:
        return open_sockets(served) <= but

    await eventually(are_closed)


async def ready(http: httpx.AsyncClient, served: Served, status: int) -> None:
    """/ready answers with this status; what it knows is remembered for a second."""

    async def is_so() -> bool:
        return (await http.get(f"{served.url}/ready")).status_code == status

    await eventually(is_so)
