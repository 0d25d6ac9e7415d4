"""Pages of an API that knows none: made of its whole answer, which is asked for once a minute."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from mcp_server import kept_listings
from mcp_server.errors import ApiRefused, ApiUnreachable, ConnectorError, InvalidArguments
from mcp_server.progress import told_to
from tests.client.calling import LocalApi, Scripted, answering, client_of, scripted
from tests.client.listing import CONNECTOR_ID, MANY, ORDERS, all_paths, array, files, listed, ordered, pages
from tests.client.raw_api import Peer, http, listening

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("sort", ORDERS)
@pytest.mark.parametrize("limit", [100, 1_000])
async def test_its_pages_have_every_file_once_and_in_order(bare: LocalApi, sort: str, limit: int) -> None:
    async with client_of(bare) as client:
        assert await all_paths(client, sort=sort, limit=limit) == ordered(sort)
    assert len(bare.received) == 1
    assert bare.received[0].path.endswith(f"/browse?limit={limit}&sort={sort}")


async def test_an_array_in_any_order_has_the_same_pages(api: LocalApi) -> None:
    mixed = files(MANY)
    random.Random(1).shuffle(mixed)  # noqa: S311 - only another order
    api.last = Scripted(body=json.dumps(mixed).encode())
    async with client_of(api) as client:
        assert await all_paths(client) == ordered("path")
        assert await all_paths(client, sort="size") == ordered("size")
    assert len(api.received) == 1


async def test_totals_are_those_of_all_files_on_every_page(bare: LocalApi) -> None:
    all_files = files(MANY)
    times = sorted(file["last_modified"] for file in all_files)
    async with client_of(bare) as client:
        first = await client.connectors.browse(CONNECTOR_ID, limit=10)
        second = await client.connectors.browse(CONNECTOR_ID, limit=10, cursor=first.next_cursor)
    assert first.totals == second.totals
    assert first.totals is not None
    assert first.totals.model_dump() == {
        "files": MANY,
        "bytes": sum(file["size_bytes"] for file in all_files),
        "extensions": {"": 375, ".mov": 375, ".mp4": 375, ".srt": 375},
        "newest": times[-1],
        "oldest": times[0],
    }
    assert [file.model_dump() for file in first.files] == all_files[:10]


async def test_a_summary_another_order_and_another_limit_ask_nothing_more(bare: LocalApi) -> None:
    async with client_of(bare) as client:
        summary = await client.connectors.browse(CONNECTOR_ID, summary=True, limit=100)
        page = await client.connectors.browse(CONNECTOR_ID, sort="time", limit=1)
        again = await client.connectors.browse(CONNECTOR_ID, summary=True, limit=100)
    assert (summary.files, summary.next_cursor) == ([], None)
    assert [file.path for file in page.files] == ordered("time")[:1]
    assert summary == again
    assert summary.totals == page.totals
    assert len(bare.received) == 1


async def test_an_empty_array_is_a_page_without_files(api: LocalApi) -> None:
    async with client_of(api) as client:
        for _ in range(2):
            page = await client.connectors.browse(CONNECTOR_ID, limit=100)
            assert (page.files, page.next_cursor) == ([], None)
            assert page.totals is not None
            assert (page.totals.files, page.totals.newest) == (0, None)
    assert len(api.received) == 1


async def test_each_query_has_a_listing_of_its_own(bare: LocalApi) -> None:
    queries: list[dict[str, Any]] = [{}, {"prefix": "incoming/"}, {"pattern": "*.mp4"}, {"recursive": False}]
    async with client_of(bare) as client:
        for query in [*queries, *queries]:
            await client.connectors.browse(CONNECTOR_ID, **query, limit=100)
        await client.connectors.browse("conn_456", limit=100)
    assert len(bare.received) == len(queries) + 1


# ---- cursors -------------------------------------------------------------------------------------------------------


async def test_a_cursor_of_another_listing_is_refused_before_anything_is_sent(bare: LocalApi) -> None:
    async with client_of(bare) as client:
        cursor = (await client.connectors.browse(CONNECTOR_ID, limit=100)).next_cursor
        for wrong in ({"prefix": "other/"}, {"sort": "size"}, {"pattern": "*.mp4"}, {"cursor": "garbled"}):
            query: dict[str, Any] = {"cursor": cursor, **wrong}
            with pytest.raises(InvalidArguments, match="cursor: "):
                await client.connectors.browse(CONNECTOR_ID, **query, limit=100)
    assert len(bare.received) == 1


async def test_a_cursor_leads_on_when_files_came_and_went(api: LocalApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_listings, "MAX_FILES", 0)
    before, after = files(30), [listed(number) for number in range(5, 40) if number != 9]
    api.script = [Scripted(body=json.dumps(before).encode())]
    api.last = Scripted(body=json.dumps(after).encode())
    async with client_of(api) as client:
        found = [page async for page in pages(client, limit=10)]
    assert [file.path for page in found for file in page] == [listed(number)["path"] for number in range(40)]


# ---- an API that knows pages, and refusals -------------------------------------------------------------------------


async def test_a_page_of_the_api_is_taken_as_it_is_and_not_kept(api: LocalApi) -> None:
    api.last = Scripted(
        body=array(2), headers={"X-Next-Cursor": "more", "X-Listing-Totals": '{"files": 9, "bytes": 7}'}
    )
    async with client_of(api) as client:
        for _ in range(2):
            page = await client.connectors.browse(CONNECTOR_ID, limit=2)
            assert (len(page.files), page.next_cursor) == (2, "more")
            assert page.totals is not None
            assert page.totals.files == 9
    assert len(api.received) == 2


@pytest.mark.parametrize("status", [401, 404, 422, 503])
async def test_a_refusal_is_read_as_any_other(api: LocalApi, status: int) -> None:
    api.last = Scripted(status, b'{"error": {"code": "no", "message": "Not so."}}')
    async with client_of(api) as client:
        with pytest.raises(ApiRefused, match=r"Not so\.") as caught:
            await client.connectors.browse(CONNECTOR_ID, limit=100)
    assert (caught.value.status, caught.value.code) == (status, "no")
    assert len(api.received) == 1


async def test_each_answer_is_seen_once(api: LocalApi) -> None:
    seen: list[int] = []
    api.script = [Scripted(body=array(3)), Scripted(body=b"[1]"), Scripted(404)]
    async with client_of(api, seen=seen.append) as client:
        for _ in range(2):
            await client.connectors.browse(CONNECTOR_ID, limit=100)
        for connector_id in ("two", "three"):
            with pytest.raises(ConnectorError):
                await client.connectors.browse(connector_id, limit=100)
    assert seen == [200, 200, 404]


# ---- time, and how far it came -------------------------------------------------------------------------------------


def _slow(parts: int, pause: float) -> Callable[[Peer], Any]:
    """Sends an array in so many parts, each some time after the one before."""

    async def act(peer: Peer) -> None:
        await peer.request()
        answer = http(array(MANY))
        size = len(answer) // parts + 1
        for at in range(0, len(answer), size):
            await peer.send(answer[at : at + size])
            with anyio.move_on_after(pause):
                await anyio.sleep_forever()

    return act


async def test_an_array_that_keeps_coming_may_take_longer_than_the_timeout() -> None:
    async with listening() as api, client_of(api, timeout=2) as client:
        api.act = _slow(6, 0.5)
        began = anyio.current_time()
        assert len((await client.connectors.browse(CONNECTOR_ID, limit=100)).files) == 100
        assert anyio.current_time() - began > 2.2


@pytest.mark.parametrize(("parts", "pause"), [(2, 5.0), (1_000, 0.05)], ids=["stops", "drips"])
async def test_an_array_that_stops_or_drips_ends_in_time(parts: int, pause: float) -> None:
    async with listening() as api, client_of(api, timeout=0.3) as client:
        api.act = _slow(parts, pause)
        began = anyio.current_time()
        with pytest.raises(ApiUnreachable, match="did not answer in time"):
            await client.connectors.browse(CONNECTOR_ID, limit=100)
        assert anyio.current_time() - began < 20


async def test_whoever_listens_is_told_how_many_files_were_seen(bare: LocalApi) -> None:
    told: list[int] = []
    async with client_of(bare) as client:
        with told_to(told.append):
            await client.connectors.browse(CONNECTOR_ID, limit=100)
            assert len(told) > 3
            assert sum(told) == MANY
            await client.connectors.browse(CONNECTOR_ID, limit=100)
            assert sum(told) == MANY


async def test_a_listing_lets_others_have_their_turn() -> None:
    turns, first = 0, 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.lowlevel.checkpoint()

    async with scripted(answering(array(MANY))) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(others)
        await client.connectors.browse(CONNECTOR_ID, limit=100)
        first = turns
        await client.connectors.browse(CONNECTOR_ID, sort="size", limit=100)
        tasks.cancel_scope.cancel()
    assert first >= len(array(MANY)) // 65_536
    assert turns > first
