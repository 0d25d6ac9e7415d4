"""What all tests share: the storage emulators, each started when first wanted and ended with the session."""

from __future__ import annotations

import logging
import signal
from collections.abc import Generator, Iterator

import pytest

from tests.emulators import PROVIDERS, Emulator
from tests.emulators.azure import AzureEmulator
from tests.emulators.gcs import GcsEmulator
from tests.emulators.s3 import S3Emulator


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def s3_emulator() -> Iterator[S3Emulator]:
    with S3Emulator.running() as emulator:
        yield emulator


@pytest.fixture(scope="session")
def azure_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureEmulator]:
    with AzureEmulator.running(tmp_path_factory.mktemp("azurite")) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def gcs_emulator() -> Iterator[GcsEmulator]:
    with GcsEmulator.running() as emulator:
        yield emulator


@pytest.fixture(scope="module", params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def emulator(provider: str, request: pytest.FixtureRequest) -> Emulator:
    running: Emulator = request.getfixturevalue(f"{provider}_emulator")
    return running


@pytest.fixture
def process_state() -> Generator[None]:
    """`run` belongs to a process of its own; what it sets for the whole process is set back."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    log = logging.getLogger()
    kept = (log.handlers[:], log.level)
    yield
    log.handlers[:], log.level = kept
    for number, handler in handlers.items():
        signal.signal(number, handler)
