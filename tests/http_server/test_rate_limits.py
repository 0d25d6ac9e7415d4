"""How often a caller may call and an address may guess, and that counting stays cheap and small."""

from __future__ import annotations

import time

import anyio
import pytest
from starlette.datastructures import Headers

from mcp_server.http_server.identity import MISSING, Identity, Turned
from mcp_server.http_server.rate_limits import COUNTED, RateLimits, network_of
from tests.http_server.clocks import Clock

HOME, ELSEWHERE = "192.0.2.1", "192.0.2.2"
GOOD, FAMILIAR, WRONG = Headers({"x": "good"}), Headers({"x": "familiar"}), Headers({"x": "wrong"})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("throttled.utils.now_mono_f", clock)
    return clock


def wait_of(limits: RateLimits, caller: str) -> int | None:
    with pytest.raises(Turned, match="Too many calls") as caught:
        limits.check(caller)
    assert (caught.value.status, caught.value.error) == (429, "rate_limited")
    return caught.value.retry_after


@pytest.mark.parametrize(("per_minute", "wait"), [(1, 60), (2, 30), (10, 6), (60, 1)])
def test_a_call_too_many_is_turned_away_until_the_wait_is_over(clock: Clock, per_minute: int, wait: int) -> None:
    limits = RateLimits(per_minute)
    for _ in range(per_minute):
        limits.check("caller")
    assert wait_of(limits, "caller") == wait
    clock.now += wait
    limits.check("caller")


def test_who_stays_within_the_rate_is_never_turned_away(clock: Clock) -> None:
    limits = RateLimits(60)
    for _ in range(600):
        limits.check("caller")
        clock.now += 1


def test_after_a_minute_of_silence_all_calls_may_come_at_once(clock: Clock) -> None:
    limits = RateLimits(600)
    for _ in range(3):
        for _ in range(599):  # the library's fractions may cost one
            limits.check("caller")
        clock.now += 60


def test_callers_are_counted_apart(clock: Clock) -> None:
    limits = RateLimits(2)
    for caller in ("one", "other") * 2:
        limits.check(caller)
    assert wait_of(limits, "one") == wait_of(limits, "other") == 30


def test_zero_is_no_limit(clock: Clock) -> None:
    limits = RateLimits(0)
    for _ in range(5000):
        limits.check("caller")


def test_a_hit_costs_the_same_however_many_are_counted() -> None:
    limits = RateLimits(600)
    for number in range(10_000):
        limits.check(f"caller {number}")
    seconds: list[float] = []
    for _ in range(3):
        start = time.perf_counter()
        for number in range(2000):
            limits.check(f"caller {number}")
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 1  # 7 us each; a walk through all counters takes 1,500


def test_no_more_callers_than_10_000_are_counted_and_the_latest_are(clock: Clock) -> None:
    limits = RateLimits(1)
    limits.check("first")
    for number in range(COUNTED - 1):
        limits.check(f"caller {number}")
    wait_of(limits, "first")
    limits.check("one more")
    limits.check("another")
    limits.check("caller 0")  # has given way
    wait_of(limits, "first")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_a_host_with_many_ipv6_addresses_is_one(address: str, network: str) -> None:
    assert network_of(address) == network


class Doorkeeper:
    """Lets two in, one of them an old acquaintance."""

    def __init__(self) -> None:
        self.looked_at = 0
        self.acquaintances = ["familiar"]
        self.failure: Turned | None = None

    async def __call__(self, headers: Headers, /) -> Identity:
        self.looked_at += 1
        if self.failure:
            raise self.failure
        if headers.get("x") not in ("good", "familiar"):
            raise Turned(401, "invalid_token" if headers.get("x") else MISSING, "No.")
        return Identity(headers["x"])

    def is_stranger(self, headers: Headers, /) -> bool:
        return "x" in headers and headers["x"] not in self.acquaintances


class Door:
    """Limits of 3 wrong credentials a minute, and someone to check them."""

    def __init__(self) -> None:
        self.keeper = Doorkeeper()
        self.limits = RateLimits(5, 3)

    async def status(self, headers: Headers, address: str = HOME) -> int:
        try:
            await self.limits.admitted(address, self.keeper, headers)
        except Turned as turned:
            return turned.status
        return 200


@pytest.fixture
def door(clock: Clock) -> Door:
    return Door()


@pytest.mark.anyio
async def test_too_many_wrong_credentials_from_an_address_are_not_even_looked_at(door: Door, clock: Clock) -> None:
    assert [await door.status(WRONG) for _ in range(5)] == [401, 401, 401, 429, 429]
    assert door.keeper.looked_at == 3
    with pytest.raises(Turned, match="wrong credentials came from this address") as caught:
        await door.limits.admitted(HOME, door.keeper, GOOD)
    assert (caught.value.error, caught.value.retry_after) == ("rate_limited", 20)
    assert await door.status(WRONG, ELSEWHERE) == 401
    clock.now += 20
    assert await door.status(GOOD) == 200


@pytest.mark.anyio
async def test_who_was_good_of_late_is_let_in_whatever_others_of_its_address_send(door: Door) -> None:
    for _ in range(4):
        await door.status(WRONG)
    assert await door.status(FAMILIAR) == 200


@pytest.mark.anyio
async def test_what_costs_nobody_anything_to_check_is_checked_and_then_turned_away(door: Door) -> None:
    door.keeper.acquaintances += ["wrong", "good"]
    assert [await door.status(WRONG) for _ in range(4)] == [401, 401, 401, 429]
    assert door.keeper.looked_at == 4
    assert await door.status(GOOD) == 200


@pytest.mark.anyio
async def test_missing_credentials_and_doubts_are_no_guesses(door: Door) -> None:
    assert {await door.status(Headers()) for _ in range(9)} == {401}
    door.keeper.failure = Turned(503, "api_unavailable", "Later.", retry_after=5)
    with pytest.raises(Turned) as caught:
        await door.limits.admitted(HOME, door.keeper, GOOD)
    assert caught.value is door.keeper.failure
    door.keeper.failure = None
    assert await door.status(WRONG) == 401


@pytest.mark.anyio
async def test_a_caller_is_counted_when_it_is_let_in(door: Door) -> None:
    assert [await door.status(GOOD) for _ in range(6)] == [200] * 5 + [429]


@pytest.mark.anyio
async def test_without_a_limit_any_number_of_guesses_is_looked_at(clock: Clock) -> None:
    door = Door()
    door.limits = RateLimits(0, 0)
    assert {await door.status(WRONG) for _ in range(200)} == {401}


@pytest.mark.anyio
async def test_strangers_count_while_somebody_is_asked_about_them(clock: Clock) -> None:
    asked: list[Headers] = []
    may_answer = anyio.Event()

    class Slow(Doorkeeper):
        async def __call__(self, headers: Headers, /) -> Identity:
            asked.append(headers)
            await may_answer.wait()
            return await super().__call__(headers)

    limits, turned = RateLimits(0, 3), list[int]()

    async def knock(doorkeeper: Slow) -> None:
        try:
            await limits.admitted(HOME, doorkeeper, WRONG)
        except Turned as error:
            turned.append(error.status)

    doorkeeper = Slow()
    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(knock, doorkeeper)
        await anyio.wait_all_tasks_blocked()
        assert turned == [429] * 7
        may_answer.set()
    assert len(asked) == 3
    assert turned[7:] == [401] * 3


@pytest.mark.anyio
@pytest.mark.parametrize("status", [429, 503])
async def test_a_stranger_of_whom_nothing_is_found_out_counts_as_well(clock: Clock, status: int) -> None:
    limits, doorkeeper = RateLimits(0, 2), Doorkeeper()
    doorkeeper.failure = Turned(status, "api_unavailable", "Later.")
    statuses: list[int] = []
    for _ in range(5):
        with pytest.raises(Turned) as caught:
            await limits.admitted(HOME, doorkeeper, WRONG)
        statuses.append(caught.value.status)
    assert statuses == [status, status, 429, 429, 429]
    assert doorkeeper.looked_at == 2
