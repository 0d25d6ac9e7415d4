"""How the tests of this room open storages: they are closed again at the end of each test."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from mcp_server.embedded.storage import Account, Limits, Storage, Storages
from mcp_server.settings import Settings, load
from tests.embedded.storage.clouds import PROVIDERS, QUICK, account_of, settings_at, some_account
from tests.emulators import Emulator

Opener = Callable[..., Storage]


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def emulator(provider: str, request: pytest.FixtureRequest) -> Emulator:
    running: Emulator = request.getfixturevalue(f"{provider}_emulator")
    return running


@pytest.fixture
async def open_with(anyio_backend: str) -> AsyncGenerator[Callable[..., Storage]]:
    """Opens the storage of an account with settings."""
    opened: list[Storages] = []

    def open_with(settings: Settings, account: Account, limits: Limits = QUICK) -> Storage:
        opened.append(Storages(settings, limits))
        return opened[-1].open(account)

    yield open_with
    for storages in opened:
        await storages.aclose()


@pytest.fixture
def open_emulated(provider: str, emulator: Emulator, open_with: Opener) -> Callable[..., Storage]:
    """Opens a bucket of the provider's emulator."""

    def open_emulated(bucket: str = "", arguments: dict[str, Any] | None = None) -> Storage:
        given = arguments or emulator.arguments()
        if bucket:
            given[emulator.bucket_field] = bucket
        return open_with(load({}, emulator.settings), account_of(provider, given))

    return open_emulated


@pytest.fixture
def open_at(open_with: Opener) -> Callable[..., Storage]:
    """Opens a storage of a provider, with secrets that nobody knows, at a URL."""

    def open_at(url: str, provider: str = "s3", limits: Limits = QUICK) -> Storage:
        return open_with(settings_at(url), some_account(provider), limits)

    return open_at
