"""What a process still has to finish before it ends. Who ends it and why is not known here."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

import anyio

WORK = "videovector.work"
"""Where in a request's scope the cancel scope is of what is done for it, so that it ends when its client is gone."""


class Drain:
    """The calls that a process has accepted and not answered yet; of one event loop."""

    def __init__(self) -> None:
        self.draining = False
        self.in_flight = 0
        self._changed = anyio.Event()
        self._farewells: list[Callable[[], object]] = []

    def before(self, act: Callable[[], object]) -> None:
        """To be done as soon as nothing new is wanted: for work that would not end by itself."""
        self._farewells.append(act)

    @contextmanager
    def working(self) -> Generator[None]:
        """Around one accepted call, to the end of its answer."""
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1
            if not self.in_flight:
                self._changed.set()
                self._changed = anyio.Event()

    def begin(self) -> None:
        """From now on nothing new is wanted; what comes all the same is still counted."""
        self.draining = True
        for act in self._farewells:
            act()

    async def idle(self) -> None:
        """Wait until nothing is in flight."""
        while self.in_flight:
            await self._changed.wait()
