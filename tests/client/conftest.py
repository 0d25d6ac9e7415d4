"""A scripted API for each test, no proxies, and pauses that are noted instead of waited for."""

from __future__ import annotations

from collections.abc import Iterator

import anyio
import anyio.lowlevel
import pytest

from tests.client.calling import (
    LocalApi,
    running,
)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on this machine is reached without what the environment may name."""
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def api() -> Iterator[LocalApi]:
    with running() as local:
        yield local


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were asked for; none is made."""
    asked: list[float] = []

    async def pause(seconds: float) -> None:
        asked.append(seconds)
        await anyio.lowlevel.checkpoint()

    monkeypatch.setattr(anyio, "sleep", pause)
    return asked
