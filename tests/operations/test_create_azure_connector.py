"""create_azure_connector, as someone with an Azure Blob container meets it."""

from __future__ import annotations

import pytest

from tests.operations import creating
from tests.operations.conftest import Desk

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def provider() -> str:
    return "azure"


async def test_a_new_connector_tells_its_key_and_the_next_step(desk: Desk) -> None:
    given = desk.emulator.arguments()
    kept = {name: given[name] for name in ("name", "storage_account", "container")}
    await creating.tells_its_key_and_the_next_step(desk, **kept)


async def test_the_same_key_replays_the_same_connector_and_is_refused_for_another_request(desk: Desk) -> None:
    await creating.replays_the_same_connector_for_the_same_key(desk)


async def test_wrong_names_are_refused_before_anything_is_stored(desk: Desk) -> None:
    await creating.refuses_before_anything_is_stored(
        desk,
        storage_account="evil.invalid/x?",
        container="Not--A--Container",
        tenant_id="common/oauth2?x=",
        client_id="not a client",
        client_secret="short",
    )


async def test_a_tenant_may_be_a_domain_name(desk: Desk) -> None:
    assert (await desk.create(tenant_id="contoso.onmicrosoft.com"))["status"] == "active"
