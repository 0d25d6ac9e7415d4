"""list_connectors: what there is, of which provider, in which state."""

from __future__ import annotations

import pytest

from tests.emulators import PROVIDERS, Emulator
from tests.operations.conftest import settings_of
from tests.sessions import Session, connected

pytestmark = pytest.mark.anyio


async def counted(session: Session) -> tuple[int, dict[str, int]]:
    listed = await session.call("list_connectors")
    assert listed["total"] == len(listed["connectors"])
    return listed["total"], listed["by_provider"]


async def test_one_server_lists_the_connectors_of_all_providers_oldest_first_and_counts_them(
    era: str, clouds: dict[str, Emulator], embedded: dict[str, str]
) -> None:
    settings = settings_of(clouds) | embedded
    async with connected(era, settings) as session:
        assert await counted(session) == (0, {"gcs": 0, "s3": 0, "azure": 0})
        made: list[str] = []
        for number, provider in enumerate((*PROVIDERS, "s3")):
            arguments = clouds[provider].arguments(name=f"Media {number}")
            made.append((await session.call(f"create_{provider}_connector", **arguments))["connector_id"])
            await session.call("test_connector", connector_id=made[-1])
        assert await counted(session) == (4, {"gcs": 1, "s3": 2, "azure": 1})
        listed = (await session.call("list_connectors"))["connectors"]
        assert [connector["connector_id"] for connector in listed] == made
        assert [connector["name"] for connector in listed] == [f"Media {number}" for number in range(4)]
        assert {(connector["status"], connector["last_test_result"]) for connector in listed} == {("active", "success")}
    async with connected(era, settings) as later:
        assert await counted(later) == (4, {"gcs": 1, "s3": 2, "azure": 1})


async def test_it_takes_no_argument_but_a_cursor(era: str, embedded: dict[str, str]) -> None:
    async with connected(era, embedded) as session:
        refused = await session.refused("list_connectors", provider="s3")
        assert "provider: is not an argument; allowed: cursor" in refused
        assert "cursor: leads to no connector any more" in await session.refused("list_connectors", cursor="conn_1")
