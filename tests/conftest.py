"""What all tests share: servers in both eras, and the storage emulators, each started when first wanted."""

from __future__ import annotations

import logging
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.emulators import PROVIDERS, Emulator
from tests.emulators.azure import AzureEmulator
from tests.emulators.gcs import GcsEmulator
from tests.emulators.s3 import S3Emulator
from tests.sessions import DATA_DIR, ERAS, Lines, speaking

# An example may take its time on a busy machine.
settings.register_profile("patient", settings.default, deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Of the session, so that fixtures of any scope can be coroutines."""
    return "asyncio"


@pytest.fixture(scope="module", params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def embedded(tmp_path: Path) -> dict[str, str]:
    """The settings of a server with the embedded API in a new folder."""
    return {DATA_DIR: str(tmp_path / "data")}


@pytest.fixture
def lines(embedded: dict[str, str], tmp_path: Path) -> Generator[Lines]:
    """That server, over its stdin and stdout."""
    with speaking(embedded, tmp_path) as lines:
        yield lines


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
