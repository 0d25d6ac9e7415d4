"""Who tells the stories: a client of each era, connected to a server that uses the emulators.

A module's stories share a server process for each era and provider; each begins without connectors.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.emulators import PROVIDERS, Emulator
from tests.emulators.azure import AzureEmulator
from tests.emulators.gcs import GcsEmulator
from tests.emulators.s3 import S3Emulator
from tests.sessions import DATA_DIR, Json, Session, connected


@dataclass(frozen=True)
class Desk:
    """A session, and the storage emulator of the provider that the story is about."""

    session: Session
    provider: str
    emulator: Emulator

    async def create(self, **changes: Any) -> Json:
        """Create a connector that works, with changes."""
        return await self.session.call(self.creation, **self.emulator.arguments(**changes))

    @property
    def creation(self) -> str:
        """The tool that creates connectors of this provider."""
        return f"create_{self.provider}_connector"


@pytest.fixture(scope="module")
def clouds(gcs_emulator: GcsEmulator, s3_emulator: S3Emulator, azure_emulator: AzureEmulator) -> dict[str, Emulator]:
    """The emulators of all providers."""
    return dict(zip(PROVIDERS, (gcs_emulator, s3_emulator, azure_emulator), strict=True))


def settings_of(clouds: Mapping[str, Emulator]) -> dict[str, str]:
    """The environment of a server that is to use all of them."""
    return {name: value for cloud in clouds.values() for name, value in cloud.settings.items()}


@pytest.fixture
def settings(emulator: Emulator, embedded: Mapping[str, str]) -> dict[str, str]:
    """Those of a server of one story alone, which is to use the provider's emulator."""
    return {**emulator.settings, **embedded}


@pytest.fixture(scope="module")
async def open_desk(
    anyio_backend: str, era: str, provider: str, emulator: Emulator, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Desk]:
    data_dir = {DATA_DIR: str(tmp_path_factory.mktemp("server") / "data")}
    async with connected(era, {**emulator.settings, **data_dir}) as session:
        yield Desk(session, provider, emulator)


@pytest.fixture
async def desk(open_desk: Desk) -> Desk:
    for connector in (await open_desk.session.call("list_connectors"))["connectors"]:
        one = {"connector_id": connector["connector_id"], "confirm_name": connector["name"]}
        await open_desk.session.call("delete_connector", **one)
    return open_desk
