"""Callers with API keys of their own: what is asked about a key, how often, and what is remembered."""

from __future__ import annotations

import gc
import secrets
from collections.abc import Iterator
from types import FunctionType, ModuleType

import anyio
import anyio.lowlevel
import pytest
from starlette.datastructures import Headers

from mcp_server.errors import ApiMisbehaved, ApiRefused, ApiUnreachable, ConnectorError
from mcp_server.http_server.api_keys import ApiKeys
from mcp_server.http_server.identity import MISSING, Identity, Turned
from mcp_server.redaction import Secret, reveal_text
from tests.http_server.clocks import Clock

pytestmark = pytest.mark.anyio
Answer = frozenset[str] | None | Exception


def new_key() -> str:
    return "sk_live_" + secrets.token_hex(24)


def refused(status: int) -> ApiRefused:
    return ApiRefused(status, "any_code", "No.")


class Api:
    """Answers by key; what it does not know is refused. While `held`, it thinks."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.default: Answer = refused(401)
        self.asked: list[str] = []
        self.go = anyio.Event()
        self.go.set()

    async def validate(self, key: Secret) -> frozenset[str] | None:
        self.asked.append(reveal_text(key))
        await self.go.wait()
        answer = self.answers.get(reveal_text(key), self.default)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Scene:
    """An API with one key that is good, and what authenticates by asking it."""

    def __init__(self) -> None:
        self.api, self.clock, self.key = Api(), Clock(), new_key()
        self.api.answers[self.key] = frozenset({"read"})
        self.api_keys = ApiKeys(self.api.validate, self.clock)

    async def sent(self, key: str) -> Identity:
        return await self.api_keys(Headers({"X-API-Key": key}))

    async def turned(self, key: str) -> Turned:
        with pytest.raises(Turned) as caught:
            await self.sent(key)
        assert key not in f"{caught.value!r} {caught.value.__cause__!r}"
        return caught.value


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_a_key_is_taken_from_either_header(scene: Scene, scheme: str) -> None:
    by_key = await scene.api_keys(Headers({"x-api-key": scene.key}))
    by_bearer = await scene.api_keys(Headers({"authorization": f"{scheme} {scene.key}"}))
    assert by_key == by_bearer
    assert by_key.api_key == Secret(scene.key)


async def test_x_api_key_wins(scene: Scene) -> None:
    identity = await scene.api_keys(Headers({"x-api-key": scene.key, "authorization": f"Bearer {new_key()}"}))
    assert identity.api_key == Secret(scene.key)
    assert scene.api.asked == [scene.key]


@pytest.mark.parametrize("headers", [{}, {"x-api-key": ""}, {"authorization": "Basic abcdefgh"}, {"authorization": ""}])
async def test_without_a_key_the_caller_is_told_where_to_put_it(scene: Scene, headers: dict[str, str]) -> None:
    with pytest.raises(Turned, match=r"header X-API-Key, or as Authorization: Bearer") as caught:
        await scene.api_keys(Headers(headers))
    assert (caught.value.status, caught.value.error, caught.value.is_wrong_guess) == (401, MISSING, False)


@pytest.mark.parametrize(
    "key", ["short", "with blank inside", "k" * 4097, "kéy-with-accent", "\x00" * 8, "key\n-with-break"]
)
async def test_a_text_that_can_be_no_key_is_refused_without_asking(scene: Scene, key: str) -> None:
    turned = await scene.turned(key)
    assert (turned.status, turned.error, turned.is_wrong_guess) == (401, "invalid_api_key", True)
    assert scene.api.asked == []


@pytest.mark.parametrize(
    ("told", "scopes"),
    [
        (None, None),
        (frozenset[str](), frozenset[str]()),
        (frozenset({"search", "read"}), frozenset({"read"})),
        (frozenset({"read", "write", "admin", "billing"}), frozenset({"read", "write", "admin"})),
    ],
)
async def test_of_the_scopes_those_of_the_rows_are_kept(
    scene: Scene, told: frozenset[str] | None, scopes: frozenset[str] | None
) -> None:
    scene.api.answers[scene.key] = told
    assert (await scene.sent(scene.key)).scopes == scopes


async def test_callers_are_told_apart_by_what_gives_no_key_away(scene: Scene) -> None:
    other = new_key()
    scene.api.answers[other] = None
    first, second = await scene.sent(scene.key), await scene.sent(other)
    elsewhere = await ApiKeys(scene.api.validate)(Headers({"x-api-key": scene.key}))
    assert len({first.caller, second.caller, elsewhere.caller}) == 3
    assert all(len(each.caller) == 64 for each in (first, second, elsewhere))


async def test_a_good_key_is_asked_about_once_a_minute(scene: Scene) -> None:
    for _ in range(3):
        await scene.sent(scene.key)
        scene.clock.now += 29.9
    assert scene.api.asked == [scene.key]
    scene.clock.now += 1
    await scene.sent(scene.key)
    assert scene.api.asked == [scene.key] * 2


async def test_a_key_that_was_revoked_is_refused_within_a_minute(scene: Scene) -> None:
    await scene.sent(scene.key)
    scene.api.answers[scene.key] = refused(401)
    scene.clock.now += 60
    assert (await scene.turned(scene.key)).status == 401


@pytest.mark.parametrize("status", [401, 403])
async def test_a_bad_key_is_asked_about_every_ten_seconds(scene: Scene, status: int) -> None:
    scene.api.default, key = refused(status), new_key()
    for _ in range(3):
        turned = await scene.turned(key)
        assert (turned.status, turned.error, turned.retry_after) == (401, "invalid_api_key", None)
        scene.clock.now += 4.9
    assert scene.api.asked == [key]
    scene.clock.now += 1
    scene.api.answers[key] = None
    await scene.sent(key)


@pytest.mark.parametrize(
    ("error", "status", "word", "wait"),
    [
        (ApiUnreachable("Down."), 503, "api_unavailable", 5),
        (ApiMisbehaved("Odd."), 503, "api_unavailable", 5),
        (refused(404), 503, "api_unavailable", 5),
        (refused(500), 503, "api_unavailable", 5),
        (refused(429), 429, "rate_limited", 5),
        (Turned(429, "rate_limited", "Slow down.", retry_after=17), 429, "rate_limited", 17),
    ],
)
async def test_what_cannot_be_found_out_is_said_and_not_remembered(
    scene: Scene, error: Exception, status: int, word: str, wait: int
) -> None:
    scene.api.default, key = error, new_key()
    turned = await scene.turned(key)
    assert (turned.status, turned.error, turned.retry_after) == (status, word, wait)
    assert turned is not error
    scene.api.default = None
    assert (await scene.sent(key)).api_key == Secret(key)


async def test_what_is_no_answer_of_the_api_is_raised_as_it_is(scene: Scene) -> None:
    scene.api.default = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        await scene.sent(new_key())


async def together(scene: Scene, key: str, count: int) -> list[Identity | Turned]:
    """What so many callers get that come while the API thinks."""
    scene.api.go, got = anyio.Event(), list[Identity | Turned]()

    async def call() -> None:
        try:
            got.append(await scene.sent(key))
        except Turned as turned:
            got.append(turned)

    async with anyio.create_task_group() as tasks:
        for _ in range(count):
            tasks.start_soon(call)
        await anyio.wait_all_tasks_blocked()
        scene.api.go.set()
    return got


async def test_64_first_calls_of_one_key_are_one_validation(scene: Scene) -> None:
    identities = await together(scene, scene.key, 64)
    assert identities == [identities[0]] * 64
    assert scene.api.asked == [scene.key]


@pytest.mark.parametrize("error", [refused(401), refused(429), ApiUnreachable("Down.")])
async def test_64_first_calls_share_a_failure_and_each_gets_an_error_of_its_own(
    scene: Scene, error: ConnectorError
) -> None:
    scene.api.default, key = error, new_key()
    turned = await together(scene, key, 64)
    assert len({id(each) for each in turned}) == 64
    assert {(each.status, each.error) for each in turned if isinstance(each, Turned)} == {
        (each.status, each.error) for each in turned[:1] if isinstance(each, Turned)
    }
    assert scene.api.asked == [key]


async def test_a_first_caller_that_goes_away_fails_nobody_else(scene: Scene) -> None:
    scene.api.go = anyio.Event()
    got: list[Identity] = []

    async def call() -> None:
        got.append(await scene.sent(scene.key))

    async with anyio.create_task_group() as others:
        async with anyio.create_task_group() as first:
            first.start_soon(call)
            await anyio.wait_all_tasks_blocked()
            others.start_soon(call)
            await anyio.wait_all_tasks_blocked()
            first.cancel_scope.cancel()
        await anyio.lowlevel.checkpoint()
        await anyio.wait_all_tasks_blocked()
        scene.api.go.set()
    assert len(got) == 1
    assert scene.api.asked == [scene.key] * 2


async def test_a_flood_of_wrong_keys_pushes_out_no_good_one_and_takes_bounded_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mcp_server.http_server.api_keys.REMEMBERED", 100)
    scene = Scene()
    await scene.sent(scene.key)
    for number in range(101):
        await scene.turned(f"wrong-key-{number}")
    asked = len(scene.api.asked)
    await scene.sent(scene.key)
    await scene.turned("wrong-key-100")
    assert len(scene.api.asked) == asked
    await scene.turned("wrong-key-0")
    assert len(scene.api.asked) == asked + 1


async def test_only_what_the_api_must_be_asked_about_is_a_stranger(scene: Scene) -> None:
    def is_stranger(key: str) -> bool:
        return scene.api_keys.is_stranger(Headers({"X-API-Key": key}))

    wrong = new_key()
    assert [is_stranger(key) for key in (scene.key, wrong, "short", "")] == [True, True, False, False]
    await scene.sent(scene.key)
    await scene.turned(wrong)
    assert not is_stranger(scene.key)
    assert not is_stranger(wrong)  # for as long as it is remembered to be wrong
    scene.clock.now += 3599
    assert is_stranger(wrong)
    assert not is_stranger(scene.key)
    scene.clock.now += 2
    assert is_stranger(scene.key)


async def test_a_key_that_was_revoked_is_a_stranger(scene: Scene) -> None:
    await scene.sent(scene.key)
    scene.api.answers[scene.key] = refused(401)
    scene.clock.now += 60
    await scene.turned(scene.key)
    scene.clock.now += 10
    assert scene.api_keys.is_stranger(Headers({"X-API-Key": scene.key}))


def held_by(thing: object) -> Iterator[object]:
    """Everything that it refers to, code apart."""
    seen, found = {id(thing)}, [thing]
    for holder in found:
        yield holder
        for held in gc.get_referents(holder):
            if id(held) not in seen and not isinstance(held, type | ModuleType | FunctionType):
                seen.add(id(held))
                found.append(held)


async def test_no_key_is_remembered(scene: Scene) -> None:
    wrong = new_key()
    await scene.sent(scene.key)
    await scene.turned(wrong)
    scene.api.answers, scene.api.asked, scene.api.default = {}, [], None  # it had to know them
    held = list(held_by(scene.api_keys))
    assert sum(isinstance(each, str) and len(each) == 64 for each in held) == 2  # their digests are seen
    assert not any(isinstance(each, Secret) for each in held)
    assert not any(key in each for key in (scene.key, wrong) for each in held if isinstance(each, str))
