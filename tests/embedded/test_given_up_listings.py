"""A listing whose client goes away ends, with the requests to its storage; who listens hears how far it came."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from anyio.lowlevel import checkpoint

from mcp_server import bootstrap, progress
from mcp_server.embedded import storage
from mcp_server.embedded.app import create_app
from mcp_server.embedded.service import Service
from mcp_server.file_pages import Columns
from tests.embedded.api_process import served
from tests.embedded.bodies import s3_body, settings_in
from tests.embedded.calling import calling, created
from tests.emulators.http_server import Asked, Reply, Served, serving
from tests.http_server.draining import running
from tests.sessions import DATA_DIR, ERAS, connected

pytestmark = pytest.mark.anyio
GUARD_SECONDS = 60
SOON_SECONDS = 20
PAGE_SECONDS = 0.05


class Endless:
    """A bucket that has always one more page."""

    def __init__(self) -> None:
        self.pages = 0
        self.listed = threading.Event()
        self.last = 0.0

    def answer(self, _: Asked) -> Reply:
        """One file, and the token of the next page, after some time."""
        time.sleep(PAGE_SECONDS)
        self.pages += 1
        self.last = time.monotonic()
        if self.pages == 3:
            self.listed.set()
        file = f"<Contents><Key>clip-{self.pages:09}.mp4</Key><Size>1</Size>"
        file += "<LastModified>2026-04-01T12:00:00.000Z</LastModified></Contents>"
        more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{self.pages}</NextContinuationToken>"
        return Reply(200, f"<?xml version='1.0'?><ListBucketResult>{more}{file}</ListBucketResult>".encode())

    async def ends(self) -> None:
        """Wait until nothing more is asked for, which must be soon."""
        given_up = time.monotonic()
        while time.monotonic() - max(self.last, given_up) < 6 * PAGE_SECONDS:
            assert time.monotonic() - given_up < GUARD_SECONDS
            await anyio.sleep(PAGE_SECONDS)
        assert self.last - given_up < SOON_SECONDS


@contextmanager
def endless() -> Generator[tuple[Endless, Served]]:
    bucket = Endless()
    with serving(bucket.answer) as storage:
        yield bucket, storage


async def _listed(bucket: Endless) -> None:
    assert await anyio.to_thread.run_sync(bucket.listed.wait, GUARD_SECONDS)


@pytest.mark.parametrize("query", ["", "?limit=10", "?summary=true"])
async def test_the_served_api_stops_when_its_client_closes(query: str, tmp_path: Path) -> None:
    with endless() as (bucket, emulated), served(emulated.url, tmp_path) as (document, key):
        base_url = document.removesuffix("/openapi.json")
        async with httpx.AsyncClient(
            base_url=base_url, headers={"X-API-Key": key}, trust_env=False, timeout=60
        ) as http:
            connector = (await http.post("/connectors/s3", json=s3_body())).json()
            async with anyio.create_task_group() as calls:
                calls.start_soon(http.post, f"/connectors/{connector['connector_id']}/browse{query}")
                await _listed(bucket)
                calls.cancel_scope.cancel()
            await bucket.ends()


@pytest.mark.parametrize("era", ERAS)
async def test_the_api_in_a_server_stops_when_the_call_is_given_up(era: str, tmp_path: Path) -> None:
    with endless() as (bucket, emulated):
        settings = {DATA_DIR: str(tmp_path / "data"), "VIDEOVECTOR_S3_ENDPOINT": emulated.url}
        async with connected(era, settings) as session:
            connector = await session.call("create_s3_connector", **s3_body())
            arguments = {"connector_id": connector["connector_id"]}
            async with anyio.create_task_group() as calls:
                calls.start_soon(session.client.call_tool, "browse_connector_files", arguments)
                await _listed(bucket)
                calls.cancel_scope.cancel()
            await bucket.ends()


# ---- with storages that are made up ----------------------------------------------------------------------------------

TIME = "2026-04-01T12:00:00Z"


def _columns(count: int) -> Columns:
    return Columns([f"{number:09}" for number in range(count)], [1] * count, [TIME] * count, [None] * count)


class Walk:
    """A listing that is streamed, without end."""

    def __init__(self) -> None:
        self.parts = 0
        self.began = anyio.Event()
        self.ended = anyio.Event()

    async def __call__(self, *_: object) -> AsyncGenerator[Columns]:
        try:
            while True:
                await checkpoint()
                self.parts += 1
                yield _columns(100)
                self.began.set()
        finally:
            self.ended.set()


@asynccontextmanager
async def _open(folder: Path) -> AsyncGenerator[tuple[Service, str]]:
    async with aclosing(await Service.open(settings_in(folder))) as service, calling(service) as api:
        yield service, (await created(api))["connector_id"]


@pytest.mark.parametrize("reads", [True, False], ids=["reads", "does not read"])
async def test_an_array_ends_when_its_reader_goes(reads: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = Walk()
    monkeypatch.setattr(storage, "walk", walk)
    async with (
        _open(tmp_path) as (service, connector_id),
        running(create_app(service, authenticate=False)) as server,
    ):
        url = f"{server.url}/api/v2/connectors/{connector_id}/browse"
        async with httpx.AsyncClient(trust_env=False) as http, http.stream("POST", url, json={}) as answer:
            await walk.began.wait()
            if reads:
                assert (await anext(answer.aiter_raw())).startswith(b"[")
            assert not walk.ended.is_set()
        with anyio.fail_after(GUARD_SECONDS):
            await walk.ended.wait()
        with anyio.fail_after(GUARD_SECONDS):
            await server.drain.idle()
    await checkpoint()


async def test_whoever_listens_to_a_call_in_process_is_told_what_its_storage_saw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def page(*_: object, **__: object) -> bool:
        progress.seen(5)
        async with anyio.create_task_group() as tasks:
            for _each in range(3):
                tasks.start_soon(_see)
        return True

    async def _see() -> None:
        await checkpoint()
        progress.seen(100)

    monkeypatch.setattr(storage, "page", page)
    told: list[int] = []
    async with bootstrap.open_client(settings_in(tmp_path)) as client:
        connector = await client.connectors.create_s3(**s3_body())
        with progress.told_to(told.append):
            await client.connectors.browse(connector.connector_id, limit=100)
        await client.connectors.browse(connector.connector_id, limit=100)
    assert sorted(told) == [5, 100, 100, 100]
