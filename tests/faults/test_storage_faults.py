"""A storage that hangs, drips or breaks off in the middle of a tool call, and a client that leaves then."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import anyio
import httpx
import pytest

from tests.client.raw_api import Peer, RawApi, answering, http
from tests.embedded.bodies import s3_body
from tests.faults.api_process import api_process, new_key
from tests.faults.calls import Caller, Json, calling, message
from tests.faults.vitals import calls_in_flight, idle, resident_mib
from tests.http_server.serving import Served, serving
from tests.sessions import ERAS, modern

pytestmark = pytest.mark.anyio
# A storage's answer is waited for so long; a check, so long in all.
READ_SECONDS, CHECK_SECONDS = 10, 12
SLACK_SECONDS = 20
GROWTH_MIB = 48
JSON, STREAM = "application/json", "application/json, text/event-stream"
OF_2026 = {"MCP-Protocol-Version": ERAS[1], "Mcp-Method": "tools/call", "Mcp-Name": "browse_connector_files"}
CLIENTS = {
    "an older one that takes JSON": {"Accept": JSON},
    "an older one that takes streams": {"Accept": STREAM},
    "one of 2026 that takes JSON": {"Accept": JSON, **OF_2026},
    "one of 2026 that takes streams": {"Accept": STREAM, **OF_2026},
}


class Storage(RawApi):
    """An S3 whose buckets are named for what they do."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.pages = 0
        self.act = self._as_named
        self._given = anyio.Event()
        self._marks = itertools.count(1)

    async def gives_pages(self, number: int) -> None:
        """So many more."""
        with anyio.fail_after(SLACK_SECONDS):
            for _ in range(number):
                await self._given.wait()

    async def _as_named(self, peer: Peer) -> None:
        acts: dict[str, Callable[[Peer], Awaitable[object]]] = {
            "hangs": Peer.gone,
            "drips": partial(Peer.drip, octets=b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b" " * 99_000),
            "resets": Peer.reset,
            "never-ends": self._next_page,
        }
        while True:
            target = (await peer.request()).split(maxsplit=2)[1].decode()
            await acts[target.lstrip("/").partition("?")[0].partition("/")[0]](peer)

    async def _next_page(self, peer: Peer) -> None:
        self.pages += 1
        self._given.set()
        self._given = anyio.Event()
        mark = f"<NextContinuationToken>{next(self._marks)}</NextContinuationToken>"
        await peer.send(http(f"<ListBucketResult><IsTruncated>true</IsTruncated>{mark}</ListBucketResult>".encode()))


@pytest.fixture(scope="module")
async def storage() -> AsyncIterator[Storage]:
    async with answering(Storage) as storage:
        yield storage


@pytest.fixture(scope="module")
def settings(storage: Storage) -> Mapping[str, str]:
    return {"VIDEOVECTOR_S3_ENDPOINT": storage.url}


@pytest.fixture(scope="module")
def served(settings: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("storage"), settings=settings) as served:
        yield served


@pytest.fixture
async def caller(served: Served) -> AsyncIterator[Caller]:
    async with calling(served) as caller:
        yield caller


async def connector_of(caller: Caller, bucket: str) -> str:
    made = await caller.done("create_s3_connector", **s3_body(bucket=bucket))
    connector_id: str = made["connector_id"]
    return connector_id


async def test_a_storage_that_hangs_drips_or_breaks_off_is_told_in_time_and_others_are_served(caller: Caller) -> None:
    browsed: dict[str, str] = {}
    checked: dict[str, str] = {}
    memory, began = resident_mib(caller.served), anyio.current_time()

    async def browse(bucket: str, connector_id: str) -> None:
        told = await caller.refused("browse_connector_files", connector_id=connector_id)
        browsed[bucket] = told.code
        assert told.retryable
        assert told.seconds < 2 * READ_SECONDS + SLACK_SECONDS

    async def check(bucket: str, connector_id: str) -> None:
        report = await caller.call("test_connector", connector_id=connector_id)
        assert report.data is not None
        assert report.data["success"] is False
        checked[bucket] = report.data["error_message"]
        assert report.seconds < CHECK_SECONDS + SLACK_SECONDS

    async with anyio.create_task_group() as tasks:
        for bucket in ("hangs", "drips", "resets"):
            connector_id = await connector_of(caller, bucket)
            for _ in range(4):
                tasks.start_soon(browse, bucket, connector_id)
                tasks.start_soon(check, bucket, connector_id)
        while anyio.current_time() - began < READ_SECONDS / 2:
            assert (await caller.call("list_connectors")).seconds < SLACK_SECONDS / 2
    assert browsed == {"hangs": "storage_timeout", "drips": "storage_timeout", "resets": "storage_unreachable"}
    assert "did not answer in time" in checked["hangs"]
    assert "did not finish the check" in checked["drips"]
    assert "is not reachable" in checked["resets"]
    await idle(caller.http, caller.served)
    assert resident_mib(caller.served) - memory < GROWTH_MIB


async def left_in_mid_browse(caller: Caller, storage: Storage, connector_id: str, headers: Mapping[str, str]) -> None:
    """A client that goes as soon as the storage has given some pages; the storage is asked for no more of them."""
    asked = message("browse_connector_files", {"connector_id": connector_id})
    asked = {**asked, "params": modern(asked["params"])} if "Mcp-Name" in headers else asked

    async def browse(http_headers: Mapping[str, str], body: Json) -> None:
        await caller.http.post(f"{caller.served.url}/mcp", json=body, headers=http_headers)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(browse, headers, asked)
        await storage.gives_pages(3)
        assert await calls_in_flight(caller.http, caller.served) == 1
        tasks.cancel_scope.cancel()
    await idle(caller.http, caller.served)


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_client_that_leaves_in_mid_browse_takes_its_listing_with_it(
    caller: Caller, storage: Storage, client: str
) -> None:
    connector_id = await connector_of(caller, "never-ends")
    await left_in_mid_browse(caller, storage, connector_id, CLIENTS[client])
    await ended(partial(caller.done, "list_connectors"), storage)
    assert "Traceback" not in caller.served.said()


async def ended(call: Callable[[], Awaitable[object]], storage: Storage) -> None:
    """Nobody asks for pages any more: while other calls are answered, their number stays what it is."""
    with anyio.fail_after(SLACK_SECONDS):
        pages = -1
        while storage.pages != pages:
            pages = storage.pages
            for _ in range(10):
                await call()


async def test_a_client_of_the_api_that_leaves_in_mid_browse_takes_its_listing_with_it(
    tmp_path: Path, storage: Storage, settings: Mapping[str, str]
) -> None:
    with api_process(tmp_path, settings) as api:
        headers = {"X-API-Key": await new_key(api.settings, "client", "admin")}
        async with httpx.AsyncClient(
            base_url=f"{api.url}/api/v2", headers=headers, trust_env=False, timeout=60
        ) as client:
            made = (await client.post("/connectors/s3", json=s3_body(bucket="never-ends"))).json()
            path = f"/connectors/{made['connector_id']}/browse"
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(partial(client.post, path, json={}))
                await storage.gives_pages(3)
                tasks.cancel_scope.cancel()
            await ended(partial(client.get, "/connectors"), storage)
