"""Stores that take prefixes, or what a listing starts after, otherwise than the three providers do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mcp_server.embedded.storage import Query, Storage, StorageFault
from mcp_server.embedded.storage.objects import Page
from tests.embedded.storage.clouds import cloud
from tests.embedded.storage.shelf import Shelf, denied
from tests.embedded.storage.test_listing import paged, walked
from tests.emulators.http_server import Reply

pytestmark = pytest.mark.anyio


class Refusing(Shelf):
    """As MinIO, which knows no key with an empty segment."""

    retryable = False

    async def list_page(
        self, prefix: str, *, delimiter: str = "", start_after: str = "", mark: str = "", most: int = 1000
    ) -> Page:
        if "//" in prefix or prefix.startswith("/"):
            raise denied(retryable=self.retryable)
        return await super().list_page(prefix, delimiter=delimiter, start_after=start_after, mark=mark, most=most)


class Tidying(Shelf):
    """As SeaweedFS, and as accounts of Azure with directories, which look for the prefix without needless slashes."""

    async def list_page(
        self, prefix: str, *, delimiter: str = "", start_after: str = "", mark: str = "", most: int = 1000
    ) -> Page:
        tidy = prefix.replace("//", "/").lstrip("/")
        return await super().list_page(tidy, delimiter=delimiter, start_after=start_after, mark=mark, most=most)


KEYS = [f"in/2026/{number}.mp4" for number in range(5)] + ["in2026/0.mp4", "other/2026/0.mp4"]
FOUND = KEYS[:5]


@pytest.mark.parametrize("starts_anywhere", [True, False])
@pytest.mark.parametrize("store", [Refusing, Tidying])
@pytest.mark.parametrize(("prefix", "pattern"), [("in/", "2026/*.mp4"), ("in/", "/2026/*.mp4"), ("", "/in/2026/*.mp4")])
async def test_a_prefix_that_is_only_guessed_neither_fails_nor_doubles_files(
    prefix: str, pattern: str, store: type[Shelf], *, starts_anywhere: bool
) -> None:
    shelf = store.of(KEYS)
    shelf.starts_anywhere = starts_anywhere
    query = Query(prefix, pattern, recursive=True)
    assert await walked(shelf, query) == FOUND
    assert await paged(shelf, query, 2) == FOUND


async def test_a_guess_that_gets_no_answer_is_a_fault() -> None:
    shelf = Refusing(dict.fromkeys(KEYS, b"content"))
    shelf.retryable = True
    with pytest.raises(StorageFault):
        await walked(shelf, Query("in/", "/2026/*.mp4", recursive=True))


@pytest.mark.parametrize("starts_anywhere", [True, False])
async def test_a_later_page_starts_after_nothing_that_is_outside_of_what_it_lists(*, starts_anywhere: bool) -> None:
    shelf = Shelf.of(KEYS)
    shelf.starts_anywhere = starts_anywhere
    query = Query("in", "2026/*.mp4", recursive=True)
    assert await paged(shelf, query, 2) == [*FOUND, "in2026/0.mp4"]
    assert shelf.listed[-1] == ("in2026/", "")
    shelf.listed.clear()
    assert await paged(shelf, Query("in", "/2026/*.mp4", recursive=True), 5) == [*FOUND, "in2026/0.mp4"]


@pytest.mark.parametrize(("start_after", "told"), [("a", ["b"]), ("", ["a", "b"]), ("A", ["a", "b"])])
async def test_a_store_that_begins_with_the_key_that_it_is_to_start_after_is_understood(
    start_after: str, told: list[str], open_at: Callable[..., Storage]
) -> None:
    stored = "".join(
        f"<Contents><Key>{key}</Key><Size>1</Size><LastModified>2026-04-01T12:00:00Z</LastModified></Contents>"
        for key in "ab"
    )
    body = f"<ListBucketResult><IsTruncated>false</IsTruncated>{stored}</ListBucketResult>"
    with cloud(Reply(200, body.encode())) as served:
        found = await open_at(served.url).list_page("", start_after=start_after)
    assert [*found.files.paths] == told
