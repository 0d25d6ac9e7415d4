"""A scripted API for each test, no proxies, and pauses that are noted instead of waited for."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import anyio
import anyio.lowlevel
import pytest

from tests.client.calling import LocalApi, Scripted, running
from tests.client.listing import MANY, array


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on this machine is reached without what the environment may name."""
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def api() -> Iterator[LocalApi]:
    with running() as local:
        yield local


@pytest.fixture(params=["plain", "gzip"])
def bare(request: pytest.FixtureRequest, api: LocalApi) -> LocalApi:
    """An API that answers with all files, however many were asked for."""
    body = array(MANY)
    packed = request.param == "gzip"
    api.last = (
        Scripted(body=gzip.compress(body), headers={"Content-Encoding": "gzip"}) if packed else Scripted(200, body)
    )
    return api


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were asked for; none is made."""
    asked: list[float] = []

    async def pause(seconds: float) -> None:
        asked.append(seconds)
        await anyio.lowlevel.checkpoint()

    monkeypatch.setattr(anyio, "sleep", pause)
    return asked
