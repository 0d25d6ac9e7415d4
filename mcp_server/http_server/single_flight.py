"""One piece of work for all who want its outcome at the same time. No outcome is kept once it is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import anyio

OutcomeT = TypeVar("OutcomeT")


class _Flight(Generic[OutcomeT]):
    def __init__(self) -> None:
        self.landed = anyio.Event()
        self.outcome: OutcomeT | None = None


class SingleFlight(Generic[OutcomeT]):
    """Flights by key. Who comes first does the work, and who comes meanwhile waits for its outcome.

    Should the first be cancelled, or its work raise, the next of those who wait does it.
    """

    def __init__(self) -> None:
        self._flights: dict[str, _Flight[OutcomeT]] = {}

    async def outcome(self, key: str, work: Callable[[], Awaitable[OutcomeT]]) -> OutcomeT:
        """What the work returns (not None), or the work for the same key that is under way."""
        while (flight := self._flights.get(key)) is not None:
            await flight.landed.wait()
            if flight.outcome is not None:
                return flight.outcome
        return await self._led(key, work)

    async def _led(self, key: str, work: Callable[[], Awaitable[OutcomeT]]) -> OutcomeT:
        flight = self._flights[key] = _Flight[OutcomeT]()
        try:
            flight.outcome = await work()
        finally:
            del self._flights[key]
            flight.landed.set()
        return flight.outcome
