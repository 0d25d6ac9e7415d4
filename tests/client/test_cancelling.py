"""A call that is given up ends what it had begun."""

from __future__ import annotations

import anyio
import pytest

from tests.client.calling import (
    LocalApi,
    Scripted,
    asked,
    client_of,
    happened,
)

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("name", ["list_connectors", "create_s3_connector", "update_connector"])
async def test_a_cancelled_call_ends_its_request(api: LocalApi, name: str) -> None:
    api.last = Scripted(hold=True)
    async with client_of(api) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(asked, client, name)
            assert await happened(api.holding)
            tasks.cancel_scope.cancel()
        assert await happened(api.gone)
        api.answers_for("list_connectors")
        await asked(client, "list_connectors")
    assert len(api.received) == 2


async def test_a_cancelled_call_ends_its_pause(api: LocalApi, monkeypatch: pytest.MonkeyPatch) -> None:
    pausing = anyio.Event()

    async def pause(_: float) -> None:
        pausing.set()
        await anyio.sleep_forever()

    monkeypatch.setattr(anyio, "sleep", pause)
    api.last = Scripted(503, b"", {"Retry-After": "30"})
    async with client_of(api) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(asked, client, "list_connectors")
        await pausing.wait()
        tasks.cancel_scope.cancel()
    assert len(api.received) == 1


async def test_closing_closes_the_pooled_connections(api: LocalApi) -> None:
    client = client_of(api)
    await asked(client, "list_connectors")
    await client.aclose()
    with pytest.raises(RuntimeError):
        await asked(client, "list_connectors")
