"""Whose the listings are that the client keeps of an API without pages, how long, and what forgets them."""

from __future__ import annotations

import json
from contextlib import nullcontext
from functools import partial

import anyio
import pytest

from mcp_server import kept_listings, listings
from mcp_server.client import VideoVector
from mcp_server.errors import ApiRefused, ConnectorError
from mcp_server.kept_listings import KEPT_SECONDS, KeptListings
from mcp_server.redaction import Secret
from tests.client.calling import LocalApi, Scripted, client_of
from tests.client.listing import CONNECTOR_ID, MANY, all_paths, array, ordered
from tests.client.raw_api import Peer, http, listening
from tests.materials import ANSWERS, made

pytestmark = pytest.mark.anyio

OTHER_KEY = "_".join(("sk", "live", made("another tenant", 48)))


async def test_no_key_sees_what_another_one_got(api: LocalApi) -> None:
    api.script = [Scripted(body=array(3)), Scripted(body=array(5))]
    api.last = Scripted(403)
    async with client_of(api) as client:
        other = client.acting_for(Secret(OTHER_KEY))
        for _ in range(2):
            assert len(await all_paths(client)) == 3
            assert len(await all_paths(other)) == 5
            assert len(await all_paths(client.acting_for(Secret(OTHER_KEY)))) == 5
        third = client.acting_for(Secret(f"{OTHER_KEY[:-1]}x"))
        with pytest.raises(ApiRefused):
            await third.connectors.browse(CONNECTOR_ID, limit=100)
    assert [request.headers["x-api-key"] for request in api.received][1:] == [OTHER_KEY, f"{OTHER_KEY[:-1]}x"]


async def test_no_key_is_in_what_is_kept(bare: LocalApi, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptListings()
    monkeypatch.setattr(listings, "KeptListings", lambda: kept)
    async with client_of(bare, api_key=OTHER_KEY) as client:
        await client.connectors.browse(CONNECTOR_ID, limit=100)
    held = repr(vars(kept))
    assert CONNECTOR_ID in held
    assert OTHER_KEY not in held


async def test_after_a_minute_it_is_asked_for_again(bare: LocalApi, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(listings, "KeptListings", lambda: KeptListings(lambda: now))
    async with client_of(bare) as client:
        for moment in (0.0, KEPT_SECONDS - 1, KEPT_SECONDS + 1):
            now = moment
            await client.connectors.browse(CONNECTOR_ID, limit=100)
            assert len(bare.received) == (1 if moment < KEPT_SECONDS else 2)


@pytest.mark.parametrize("change", ["update_connector", "delete_connector", "test_connector"])
@pytest.mark.parametrize("status", [200, 500])
async def test_a_change_of_the_connector_forgets_its_listings(api: LocalApi, change: str, status: int) -> None:
    async def changed(client: VideoVector) -> None:
        if change == "update_connector":
            await client.connectors.update(CONNECTOR_ID, name="New")
        elif change == "delete_connector":
            await client.connectors.delete(CONNECTOR_ID)
        else:
            await client.connectors.test(CONNECTOR_ID)

    answer = Scripted(status, json.dumps(ANSWERS[change]).encode())
    api.script = [Scripted(body=array(3)), Scripted(body=array(4)), answer, Scripted(body=array(5))]
    async with client_of(api, max_retries=0) as client:
        assert len(await all_paths(client)) == 3
        await client.connectors.browse("conn_456", limit=100)
        with nullcontext() if status == 200 else pytest.raises(ApiRefused):
            await changed(client.acting_for(Secret(OTHER_KEY)))
        assert len(await all_paths(client)) == 5
        await client.connectors.browse("conn_456", limit=100)
    assert len(api.received) == 4


async def test_what_changes_nothing_forgets_nothing(api: LocalApi) -> None:
    api.script = [Scripted(body=array(3)), Scripted(body=json.dumps(ANSWERS["get_connector"]).encode())]
    async with client_of(api) as client:
        assert len(await all_paths(client)) == 3
        await client.connectors.retrieve(CONNECTOR_ID)
        assert len(await all_paths(client)) == 3
    assert len(api.received) == 2


async def test_a_listing_that_a_change_overtook_is_not_kept() -> None:
    async with listening() as api, client_of(api) as client:
        half, changed, asked = anyio.Event(), anyio.Event(), 0

        async def act(peer: Peer) -> None:
            nonlocal asked
            while True:
                if b"DELETE" in await peer.request():
                    await peer.send(http(json.dumps(ANSWERS["delete_connector"]).encode()))
                    continue
                asked += 1
                answer = http(array(MANY))
                await peer.send(answer[:-5])
                half.set()
                await changed.wait()
                await peer.send(answer[-5:])

        api.act = act
        async with anyio.create_task_group() as calls:
            calls.start_soon(partial(client.connectors.browse, CONNECTOR_ID, limit=100))
            await half.wait()
            await client.connectors.delete(CONNECTOR_ID)
            changed.set()
        await client.connectors.browse(CONNECTOR_ID, limit=100)
    assert asked == 2


async def test_what_is_too_large_to_be_kept_is_read_again_and_right(
    bare: LocalApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_listings, "MAX_FILES", MANY - 1)
    async with client_of(bare) as client:
        assert await all_paths(client, limit=500, sort="size") == ordered("size")
    assert len(bare.received) == MANY // 500


async def test_an_answer_that_failed_is_not_kept(api: LocalApi, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptListings()
    monkeypatch.setattr(listings, "KeptListings", lambda: kept)
    api.script = [Scripted(500), Scripted(body=array(MANY)[:-1]), Scripted(hang_up=True)]
    api.last = Scripted(body=array(3))
    async with client_of(api) as client:
        for _ in range(3):
            with pytest.raises(ConnectorError):
                await client.connectors.browse(CONNECTOR_ID, limit=100)
        assert len(await all_paths(client)) == 3
    assert vars(kept)["_drafts"] == set()
