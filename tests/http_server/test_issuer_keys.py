"""How long an issuer's keys are used, and when it is asked again."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator

import anyio
import anyio.lowlevel
import anyio.to_thread
import httpx
import pytest
from jwt import PyJWK

from mcp_server.http_server.issuer_keys import IssuerKeys, KeysUnavailable
from tests.emulators.http_server import Asked, Reply, serving
from tests.http_server.clocks import Clock
from tests.http_server.issuing import KEYS, OPENID, Issuer, Signer, plain_client, private_key

pytestmark = pytest.mark.anyio


class Scene:
    """An issuer that can be held and taken down, and what remembers its keys."""

    def __init__(self) -> None:
        self.issuer, self.clock = Issuer(), Clock()
        self.is_down = False
        self.go, self.held = threading.Event(), threading.Event()
        self.go.set()

    def open(self, url: str, http: httpx.AsyncClient) -> None:
        self.issuer.url = url
        self.issuer.describe()
        self.issuer.publish()
        self.keys = IssuerKeys(url, http, self.clock, 20)

    def respond(self, asked: Asked) -> Reply:
        self.held.set()
        self.go.wait()
        return Reply(503) if self.is_down else self.issuer.respond(asked)

    async def find(self, identifier: str | None = "first", algorithm: str = "RS256") -> PyJWK | None:
        return await self.keys.find(identifier, algorithm)

    @property
    def fetches(self) -> int:
        return self.issuer.asked.count(KEYS)

    def hold(self) -> None:
        self.held.clear()
        self.go.clear()

    async def is_held(self) -> None:
        assert await anyio.to_thread.run_sync(self.held.wait, 20)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    with serving(scene.respond) as served:
        async with plain_client() as http:
            scene.open(served.url, http)
            try:
                yield scene
            finally:
                scene.go.set()


async def test_keys_are_fresh_for_ten_minutes(scene: Scene) -> None:
    for _ in range(3):
        assert await scene.find()
        scene.clock.now += 299
    assert scene.fetches == 1
    scene.clock.now += 3
    assert await scene.find()
    assert scene.fetches == 2


async def test_64_first_callers_ask_once(scene: Scene) -> None:
    found: list[PyJWK | None] = []

    async def call() -> None:
        found.append(await scene.find())

    async with anyio.create_task_group() as tasks:
        for _ in range(64):
            tasks.start_soon(call)
    assert len(set(map(id, found))) == 1
    assert (scene.fetches, len(found)) == (1, 64)


async def test_a_new_key_is_found_and_a_removed_one_is_refused(scene: Scene) -> None:
    assert await scene.find()
    new = Signer("ES256", "second", private_key("ES256"))
    scene.issuer.publish(scene.issuer.signer.public(), new.public())
    scene.clock.now += 10
    assert await scene.find("second", "ES256")
    scene.issuer.publish(new.public())
    assert await scene.find()
    scene.clock.now += 600
    assert await scene.find() is None
    assert await scene.find("second", "ES256")


@pytest.mark.parametrize(
    ("identifier", "algorithm"), [("other", "RS256"), ("first", "ES256"), ("first", "RS384"), ("", "")]
)
async def test_a_key_is_found_by_its_id_for_its_algorithm_only(scene: Scene, identifier: str, algorithm: str) -> None:
    assert await scene.find(identifier, algorithm) is None


async def test_a_flood_of_unknown_ids_asks_the_issuer_once_in_ten_seconds(scene: Scene) -> None:
    assert await scene.find()
    scene.clock.now += 10

    async def flood() -> None:
        async with anyio.create_task_group() as tasks:
            for number in range(100):
                tasks.start_soon(scene.find, f"unknown {number}")

    await flood()
    scene.clock.now += 9.9
    await flood()
    assert scene.fetches == 2
    scene.clock.now += 0.2
    await flood()
    assert scene.fetches == 3


async def test_without_an_id_the_only_key_for_the_algorithm_is_meant(scene: Scene) -> None:
    assert await scene.find(None) is await scene.find("first")
    assert await scene.find(None, "ES256") is None
    second = Signer("RS256", "second", private_key("RS256", 1))
    scene.issuer.publish(scene.issuer.signer.public(), second.public())
    scene.clock.now += 600
    assert await scene.find(None) is None
    assert await scene.find("second")


async def test_a_key_without_an_id_is_for_tokens_without_one(scene: Scene) -> None:
    scene.issuer.publish(scene.issuer.signer.public(kid=...))
    assert await scene.find(None)
    assert await scene.find("first") is None


async def test_keys_are_used_for_an_hour_when_the_issuer_is_down(scene: Scene) -> None:
    assert await scene.find()
    scene.is_down = True
    scene.clock.now += 3599
    assert await scene.find()
    scene.clock.now += 1
    with pytest.raises(KeysUnavailable):
        await scene.find()


async def test_whether_a_key_exists_is_unknown_while_the_issuer_is_down(scene: Scene) -> None:
    assert await scene.find()
    scene.is_down = True
    scene.clock.now += 10
    for _ in range(2):
        with pytest.raises(KeysUnavailable):
            await scene.find("unknown")
    assert await scene.find()
    scene.is_down = False
    scene.clock.now += 10
    assert await scene.find("unknown") is None


async def test_an_issuer_that_is_down_at_the_start_is_asked_again_after_ten_seconds(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.is_down = True
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            await scene.find()
    expected = "The keys of the OAuth issuer cannot be had: it answered with status 503."
    assert caplog.record_tuples == [("mcp_server.http_server.issuer_keys", logging.WARNING, expected)]
    scene.is_down = False
    scene.clock.now += 10
    assert await scene.find()


async def test_while_one_caller_asks_the_others_go_on_with_the_keys_that_there_are(scene: Scene) -> None:
    assert await scene.find()
    scene.clock.now += 600
    scene.hold()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(scene.find)
        await scene.is_held()
        with anyio.fail_after(5):
            assert await scene.find()
        assert scene.fetches == 1
        scene.go.set()
    assert scene.fetches == 2


async def test_keys_of_more_than_an_hour_ago_are_waited_for(scene: Scene) -> None:
    assert await scene.find()
    scene.clock.now += 3600
    scene.hold()
    found: list[PyJWK | None] = []

    async def call() -> None:
        found.append(await scene.find())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        await scene.is_held()
        tasks.start_soon(call)
        await anyio.wait_all_tasks_blocked()
        assert found == []
        scene.go.set()
    assert len(found) == 2
    assert all(found)


async def test_a_caller_that_goes_away_leaves_the_keys_to_the_others(scene: Scene) -> None:
    scene.hold()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(scene.find)
        await scene.is_held()
        tasks.cancel_scope.cancel()
        scene.go.set()
    await anyio.lowlevel.checkpoint()
    scene.is_down = True
    assert await scene.find()
    assert scene.issuer.asked == [OPENID, KEYS]
