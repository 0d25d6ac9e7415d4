"""Callers that create connectors, each under a key of its own, and list them. No test is here."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from tests.embedded.bodies import s3_body
from tests.faults.calls import GUARD_SECONDS, Caller, Json, Told

CALLERS = 16
PAUSE_SECONDS = 0.2
ENOUGH = 12


@dataclass
class Load:
    """What 16 callers heard. A call that failed is repeated under its key, as the text of a failure says."""

    caller: Caller
    body: Json = field(default_factory=s3_body)
    made: dict[str, str] = field(default_factory=dict[str, str])
    failures: list[Told] = field(default_factory=list[Told])
    listings: int = 0
    slowest: float = 0.0
    _ending: bool = False
    _changed: anyio.Event = field(default_factory=anyio.Event)

    async def _create(self, key: str) -> None:
        """A connector under this key, however often that fails."""
        while True:
            told = await self.caller.call("create_s3_connector", **self.body, idempotency_key=key)
            if self._heard(told):
                assert told.data is not None
                self.made[key] = told.data["connector_id"]
                return
            await anyio.sleep(PAUSE_SECONDS)

    async def _list(self) -> None:
        told = await self.caller.call("list_connectors")
        self.listings += self._heard(told)

    def _heard(self, told: Told) -> bool:
        self.slowest = max(self.slowest, told.seconds)
        if told.data is None:
            self.failures.append(told)
        self._changed.set()
        self._changed = anyio.Event()
        return told.data is not None

    async def _work(self, number: int) -> None:
        count = 0
        while not self._ending:
            await self._create(f"connector-create-s3:{number}-{count}")
            await self._list()
            count += 1

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait for something that answers bring about."""
        with anyio.fail_after(GUARD_SECONDS):
            while not happened():
                await self._changed.wait()

    async def works(self) -> None:
        """Every caller has got several answers from now on."""
        made, listings = len(self.made), self.listings
        await self.until(lambda: len(self.made) >= made + ENOUGH and self.listings >= listings + ENOUGH)

    async def fails(self) -> None:
        """From now on, as many calls failed as there are callers."""
        failed = len(self.failures)
        await self.until(lambda: len(self.failures) >= failed + CALLERS)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """The callers call inside; every one gets an answer to its last call."""
        async with anyio.create_task_group() as tasks:
            for number in range(CALLERS):
                tasks.start_soon(self._work, number)
            yield
            self._ending = True
