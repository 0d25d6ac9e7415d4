"""Listings over the API: pages with headers that only our client reads, and the bare array that all others expect."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from fnmatch import fnmatchcase
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from mcp_server.embedded import listings
from mcp_server.embedded.service import Service
from mcp_server.page_headers import NEXT_CURSOR_HEADER, TOTALS_HEADER
from mcp_server.settings import Settings
from tests.embedded.bodies import Json
from tests.embedded.calling import calling, created, error_of
from tests.emulators.http_server import Asked, Reply, serving

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("database_flags", ["sqlite"], indirect=True)]

KEYS = [f"clips/{number:02}.{'mp4' if number % 2 else 'mov'}" for number in range(7)]
SIXTY = [f"clips/{number:02}.mp4" for number in range(60)]
DENIED = Reply(403, b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>")
PAGE = 3
MAX_PAGES = 50


def contents(number: int, key: str) -> str:
    times = f"<LastModified>2026-04-{1 + number % 28:02}T12:00:00.000Z</LastModified>"
    return f"<Contents><Key>{key}</Key>{times}<Size>{number}</Size></Contents>"


class Bucket:
    """Lists these keys, or seven clips, three a page; `fails_after` so many pages it refuses."""

    def __init__(self, keys: list[str] | None = None, fails_after: int = MAX_PAGES) -> None:
        self.keys = KEYS if keys is None else keys
        self.asked = 0
        self.fails_after = fails_after

    def __call__(self, asked: Asked) -> Reply:
        query = {name: values[0] for name, values in parse_qs(urlsplit(asked.target).query).items()}
        self.asked += 1
        if self.asked > self.fails_after:
            return DENIED
        after = query.get("continuation-token") or query.get("start-after", "")
        known = [(number, key) for number, key in enumerate(self.keys) if key.startswith(query.get("prefix", ""))]
        left = [(number, key) for number, key in known if key > after]
        more = len(left) > PAGE
        mark = f"<NextContinuationToken>{left[PAGE - 1][1]}</NextContinuationToken>" if more else ""
        body = "".join(contents(number, key) for number, key in left[:PAGE])
        listing = f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>{mark}{body}"
        return Reply(200, f"<?xml version='1.0'?><ListBucketResult>{listing}</ListBucketResult>".encode())


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


class Browser:
    """A connector to the bucket, and what its endpoint answers."""

    def __init__(self, api: httpx.AsyncClient, path: str) -> None:
        self.api = api
        self.path = path

    async def page(self, body: Json | None = None, **query: object) -> httpx.Response:
        params = {name: str(value) for name, value in query.items()}
        return await self.api.post(f"{self.path}/browse", json=body or {}, params=params)


@asynccontextmanager
async def browsing(settings_with: Callable[..., Settings], bucket: Bucket) -> AsyncGenerator[Browser]:
    with serving(bucket) as storage:
        settings = settings_with(s3_endpoint=storage.url)
        async with aclosing(await Service.open(settings)) as service, calling(service) as api:
            yield Browser(api, f"/connectors/{(await created(api))['connector_id']}")


def paths(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [file["path"] for file in answer.json()]


def totals(answer: httpx.Response) -> Json | None:
    return json.loads(answer.headers[TOTALS_HEADER]) if TOTALS_HEADER in answer.headers else None


@pytest.fixture
async def browser(settings_with: Callable[..., Settings], bucket: Bucket) -> AsyncGenerator[Browser]:
    async with browsing(settings_with, bucket) as open_browser:
        yield open_browser


async def test_a_request_without_a_page_gets_all_files_as_a_bare_array(browser: Browser) -> None:
    answer = await browser.page()
    assert paths(answer) == KEYS
    assert {NEXT_CURSOR_HEADER, TOTALS_HEADER}.isdisjoint(answer.headers)
    assert answer.json()[1] == {
        "path": "clips/01.mp4",
        "name": "01.mp4",
        "size_bytes": 1,
        "last_modified": "2026-04-02T12:00:00Z",
        "content_type": None,
        "extension": ".mp4",
    }


@pytest.mark.parametrize("pattern", ["00.*", "06.*", "0[06].*", "*.mp4", "none"])
async def test_pages_of_the_storage_on_which_nothing_matches_leave_no_gap_in_the_array(
    browser: Browser, pattern: str
) -> None:
    assert paths(await browser.page({"pattern": pattern})) == [
        key for key in KEYS if fnmatchcase(key.removeprefix("clips/"), pattern)
    ]


async def test_an_unknown_word_of_the_query_asks_for_no_page(browser: Browser) -> None:
    answer = await browser.page(page=3)
    assert paths(answer) == KEYS
    assert NEXT_CURSOR_HEADER not in answer.headers


async def test_pages_lead_from_one_to_the_next_and_the_last_one_leads_nowhere(browser: Browser) -> None:
    found: list[str] = []
    cursor: Json = {}
    for _ in range(4):
        answer = await browser.page(limit=2, **cursor)
        found += paths(answer)
        cursor = {"cursor": answer.headers[NEXT_CURSOR_HEADER]}
    assert (found, cursor) == (KEYS, {"cursor": ""})


async def test_the_first_page_counts_all_and_later_ones_know_it_without_listing_all(
    browser: Browser, bucket: Bucket
) -> None:
    first = await browser.page(limit=2)
    assert totals(first) == {
        "files": 7,
        "bytes": 21,
        "extensions": {".mov": 4, ".mp4": 3},
        "newest": "2026-04-07T12:00:00Z",
        "oldest": "2026-04-01T12:00:00Z",
    }
    before = bucket.asked
    second = await browser.page(limit=2, cursor=first.headers[NEXT_CURSOR_HEADER])
    assert totals(second) == totals(first)
    assert bucket.asked == before + 1


async def test_totals_that_were_counted_for_another_query_are_not_known(browser: Browser) -> None:
    first = await browser.page({"pattern": "*.mov"}, limit=2)
    assert (totals(first) or {})["files"] == 4
    mp4 = await browser.page({"pattern": "*.mp4"}, limit=1)
    assert (totals(mp4) or {})["files"] == 3


async def test_totals_are_forgotten_after_a_minute(
    settings_with: Callable[..., Settings], bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listings, "KEPT_SECONDS", 0)
    async with browsing(settings_with, bucket) as browser:
        first = await browser.page(limit=2)
        second = await browser.page(limit=2, cursor=first.headers[NEXT_CURSOR_HEADER])
    assert totals(first) is not None
    assert totals(second) is None


async def test_the_largest_or_the_newest_can_come_first(browser: Browser) -> None:
    for sort in ("size", "time"):
        first = await browser.page(limit=4, sort=sort)
        second = await browser.page(limit=4, sort=sort, cursor=first.headers[NEXT_CURSOR_HEADER])
        assert [*paths(first), *paths(second)] == KEYS[::-1]
        assert (totals(second) or {})["files"] == 7


async def test_a_summary_has_totals_and_no_files(browser: Browser) -> None:
    answer = await browser.page({"pattern": "*.mp4"}, summary="true")
    assert (paths(answer), answer.headers[NEXT_CURSOR_HEADER]) == ([], "")
    assert (totals(answer) or {})["extensions"] == {".mp4": 3}


async def test_an_empty_bucket_has_an_empty_page(settings_with: Callable[..., Settings]) -> None:
    async with browsing(settings_with, Bucket([])) as browser:
        page, whole = await browser.page(limit=5), await browser.page()
    assert (paths(page), paths(whole)) == ([], [])
    assert (totals(page) or {})["files"] == 0
    assert whole.content == b"[]"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": ""}, "limit"),
        ({"cursor": ""}, "cursor"),
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"sort": "name"}, "sort"),
        ({"summary": "perhaps"}, "summary"),
        ({"cursor": "conn_123"}, "cursor"),
        ({"cursor": "a", "summary": "true"}, "cursor"),
    ],
)
async def test_a_page_that_cannot_be_is_refused(browser: Browser, query: Json, field: str) -> None:
    error = error_of(await browser.page(**query), 422, "validation_error")
    assert [fault["field"] for fault in error["details"]["fields"]] == [field]


@pytest.mark.parametrize("name", ["limit", "cursor", "sort", "summary", "details"])
async def test_what_belongs_into_the_query_or_nowhere_is_refused_in_the_body(browser: Browser, name: str) -> None:
    error = error_of(await browser.page({name: 1}, limit=3), 422, "validation_error")
    assert [fault["field"] for fault in error["details"]["fields"]] == [name]


async def test_a_cursor_of_another_listing_is_refused(browser: Browser) -> None:
    first = await browser.page(limit=2)
    cursor = first.headers[NEXT_CURSOR_HEADER]
    error = error_of(await browser.page({"pattern": "*.mp4"}, cursor=cursor), 422, "validation_error")
    assert "another listing" in error["details"]["fields"][0]["rule"]


async def test_a_storage_that_refuses_at_once_is_an_error(browser: Browser, bucket: Bucket) -> None:
    bucket.fails_after = 0
    queries: tuple[Json, ...] = ({}, {"limit": 3})
    for query in queries:
        error_of(await browser.page(**query), 502, "storage_permission_denied")


async def test_a_storage_that_refuses_later_leaves_the_array_without_its_end(
    settings_with: Callable[..., Settings],
) -> None:
    async with browsing(settings_with, Bucket(SIXTY, fails_after=10)) as browser:
        answer = await browser.page()
    assert answer.content.startswith(b'[{"path":"clips/00.mp4"')
    with pytest.raises(json.JSONDecodeError):
        answer.json()


async def test_a_page_that_is_full_is_shown_without_totals_when_counting_fails(
    settings_with: Callable[..., Settings],
) -> None:
    async with browsing(settings_with, Bucket(SIXTY, fails_after=5)) as browser:
        answer = await browser.page(limit=2)
    assert paths(answer) == ["clips/00.mp4", "clips/01.mp4"]
    assert answer.headers[NEXT_CURSOR_HEADER]
    assert totals(answer) is None
