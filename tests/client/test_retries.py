"""What is tried again, how often, and after which pause."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from mcp_server.client import VideoVector
from mcp_server.errors import ApiRefused, ApiUnreachable
from tests.client.calling import (
    GUARD_SECONDS,
    REPEATED,
    SENT_ONCE,
    LocalApi,
    Scripted,
    asked,
    client_of,
    running,
)
from tests.materials import API_KEY, ROWS

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("name", REPEATED)
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_reading_and_keyed_writes_are_tried_again(
    api: LocalApi, pauses: list[float], name: str, status: int
) -> None:
    api.answers_for(name, Scripted(status), Scripted(status))
    async with client_of(api) as client:
        await asked(client, name)
    assert len(api.received) == 3
    assert len(pauses) == 2
    assert len(set(api.keys())) == 1
    assert bool(api.keys()[0]) == ROWS[name].keyed


@pytest.mark.parametrize("name", SENT_ONCE)
@pytest.mark.parametrize("status", [429, 500, 503])
async def test_other_writes_are_never_repeated(api: LocalApi, pauses: list[float], name: str, status: int) -> None:
    api.answers_for(name, Scripted(status, b"", {"Retry-After": "1"}))
    async with client_of(api) as client:
        with pytest.raises(ApiRefused) as caught:
            await asked(client, name)
    assert caught.value.status == status
    assert len(api.received) == 1
    assert pauses == []


@pytest.mark.parametrize("name", SENT_ONCE)
async def test_other_writes_are_not_repeated_after_a_broken_connection(
    api: LocalApi, pauses: list[float], name: str
) -> None:
    api.answers_for(name, Scripted(hang_up=True))
    async with client_of(api) as client:
        with pytest.raises(ApiUnreachable):
            await asked(client, name)
    assert len(api.received) == 1
    assert pauses == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 501, 505])
async def test_other_refusals_are_not_repeated(api: LocalApi, pauses: list[float], status: int) -> None:
    api.last = Scripted(status)
    async with client_of(api) as client:
        with pytest.raises(ApiRefused):
            await asked(client, "list_connectors")
    assert len(api.received) == 1
    assert pauses == []


@pytest.mark.parametrize("retries", [0, 1, 3])
async def test_it_gives_up_after_the_retries_of_the_settings(api: LocalApi, pauses: list[float], retries: int) -> None:
    api.last = Scripted(503, b'{"error": {"code": "busy", "message": "Later"}}')
    async with client_of(api, max_retries=retries) as client:
        with pytest.raises(ApiRefused, match="Later") as caught:
            await asked(client, "list_connectors")
    assert caught.value.retryable
    assert len(api.received) == 1 + retries
    assert len(pauses) == retries


async def test_a_key_of_the_caller_is_kept_over_all_attempts(api: LocalApi, pauses: list[float]) -> None:
    api.answers_for("create_s3_connector", Scripted(hang_up=True), Scripted(500))
    async with client_of(api) as client:
        await asked(client, "create_s3_connector", idempotency_key="mine")
    assert api.keys() == ["mine", "mine", "mine"]


async def test_two_calls_have_two_keys(api: LocalApi) -> None:
    api.answers_for("test_connector")
    async with client_of(api) as client:
        await asked(client, "test_connector")
        await asked(client, "test_connector")
    assert len(set(api.keys())) == 2


async def test_a_closed_port_is_tried_again_and_then_told(pauses: list[float]) -> None:
    with running() as closed:
        url = closed.url
    async with VideoVector(api_key=API_KEY, base_url=f"{url}/api/v2", timeout=GUARD_SECONDS) as client:
        with pytest.raises(ApiUnreachable, match="could not be reached") as caught:
            await asked(client, "create_s3_connector")
    assert len(pauses) == 3
    error = caught.value
    assert (error.code, error.retryable) == ("unreachable", True)
    assert url in str(error)
    assert "idempotency_key connector-create-s3:" in error.hint
    assert API_KEY not in f"{error} {error!r}"


@pytest.mark.parametrize("name", ["update_connector", "delete_connector"])
async def test_a_write_that_may_have_happened_says_so(api: LocalApi, name: str) -> None:
    api.last = Scripted(hang_up=True)
    async with client_of(api) as client:
        with pytest.raises(ApiUnreachable) as caught:
            await asked(client, name)
    assert "may have taken effect" in caught.value.hint


def date_in(seconds: float) -> str:
    return format_datetime(datetime.now(timezone.utc) + timedelta(seconds=seconds), usegmt=True)


async def paused_for(api: LocalApi, pauses: list[float], retry_after: str) -> float:
    api.script = [Scripted(429, b"", {"Retry-After": retry_after})]
    async with client_of(api) as client:
        await asked(client, "list_connectors")
    (pause,) = pauses
    return pause


@pytest.mark.parametrize(("asked", "pause"), [("0", 0), ("1", 1), ("17", 17), ("30", 30), ("31", 30), ("9" * 400, 30)])
async def test_seconds_to_wait_are_kept_up_to_thirty(
    api: LocalApi, pauses: list[float], asked: str, pause: float
) -> None:
    assert await paused_for(api, pauses, asked) == pause


async def test_a_date_to_wait_for_is_kept(api: LocalApi, pauses: list[float]) -> None:
    assert 0 < await paused_for(api, pauses, date_in(20)) <= 20


@pytest.mark.parametrize("zone", ["GMT", "+0000", "-0000", ""])
async def test_a_far_date_is_capped_in_any_zone(api: LocalApi, pauses: list[float], zone: str) -> None:
    assert await paused_for(api, pauses, f"Fri, 31 Dec 9998 23:59:59 {zone}".strip()) == 30


@pytest.mark.parametrize("date", ["Wed, 21 Oct 2015 07:28:00 GMT", "Mon, 01 Jan 0001 00:00:00 +2359"])
async def test_a_date_that_is_past_means_now(api: LocalApi, pauses: list[float], date: str) -> None:
    assert await paused_for(api, pauses, date) == 0


@pytest.mark.parametrize(
    "odd",
    [
        *("soon", "-1", "1.5", "NaN", "inf", "1e9", "0x10", "\u00b2", "Wed, 99 Foo 2026 99:99:99 GMT", "2026-01-01"),
        *("Fri, 31 Dec 99999 23:59:59 GMT", "Wed, 21 Oct 2015 07:28:00 +9999"),
        "Wed, 21 Oct 2015 07:28:00 +99999999999999999999",
    ],
)
async def test_an_odd_wish_is_answered_with_our_own_pause(api: LocalApi, pauses: list[float], odd: str) -> None:
    assert 0 <= await paused_for(api, pauses, odd) <= 8


async def test_our_own_pauses_grow_with_full_jitter_and_are_capped(
    api: LocalApi, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    bounds: list[tuple[float, float]] = []

    def highest(low: float, high: float) -> float:
        bounds.append((low, high))
        return high

    monkeypatch.setattr("random.uniform", highest)
    api.script = [Scripted(503)] * 10
    async with client_of(api, max_retries=10) as client:
        await asked(client, "list_connectors")
    assert {low for low, _ in bounds} == {0}
    assert pauses == [high for _, high in bounds] == [0.5, 1, 2, 4, 8, 8, 8, 8, 8, 8]


async def test_a_broken_connection_pauses_too(api: LocalApi, pauses: list[float]) -> None:
    api.script = [Scripted(hang_up=True)] * 2
    async with client_of(api) as client:
        await asked(client, "list_connectors")
    assert len(pauses) == 2
    assert all(0 <= pause <= 8 for pause in pauses)
