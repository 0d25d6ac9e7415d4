"""Pages as an agent gets them, from an API that sends whole listings and from ours: each file once, in order."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mcp_server import cursors
from mcp_server.file_operations import BrowseConnectorFiles
from tests.client.calling import LocalApi, Scripted, running
from tests.client.listing import array, files
from tests.emulators.s3 import S3Emulator
from tests.file_rows import paths_of, rows_of
from tests.http_server.serving import unknown_key
from tests.sessions import DATA_DIR, Json, Session, connected

pytestmark = pytest.mark.anyio
BROWSE = "browse_connector_files"
COUNT = 40
PAGE = 15


@dataclass(frozen=True)
class Shelf:
    """A session with a server whose API has a connector to these files."""

    session: Session
    connector_id: str
    files: Sequence[Json]
    vendor: LocalApi | None = None

    async def browse(self, **arguments: Any) -> Json:
        return await self.session.call(BROWSE, connector_id=self.connector_id, **arguments)

    async def pages(self, **arguments: Any) -> list[Json]:
        """All pages, asked for one after the other."""
        pages = [await self.browse(limit=PAGE, **arguments)]
        while "next_cursor" in pages[-1]:
            pages.append(await self.browse(limit=PAGE, cursor=pages[-1]["next_cursor"], **arguments))
        return pages


@pytest.fixture(params=["vendor", "ours"], scope="module")
def vendor(request: pytest.FixtureRequest) -> Generator[LocalApi | None]:
    """An API that sends all files, whatever the query says of a page; None: ours is asked."""
    with running() as api:
        api.last = Scripted(body=array(COUNT))
        yield api if request.param == "vendor" else None


@pytest.fixture(scope="module")
async def shelf(
    anyio_backend: str, era: str, vendor: LocalApi | None, s3_emulator: S3Emulator, tmp_path_factory: Any
) -> AsyncGenerator[Shelf]:
    folder: Path = tmp_path_factory.mktemp("server")
    if vendor is not None:
        settings = {"VIDEOVECTOR_BASE_URL": vendor.url, "VIDEOVECTOR_API_KEY": unknown_key()}
        async with connected(era, settings) as session:
            yield Shelf(session, f"conn_{era}", files(COUNT), vendor)
        return
    bucket = s3_emulator.new_bucket()
    stored: list[Json] = [{**file, "size_bytes": number * 7 % 11} for number, file in enumerate(files(COUNT))]
    for file in stored:
        s3_emulator.put(file["path"], bytes(file["size_bytes"]), bucket=bucket)
    async with connected(era, {**s3_emulator.settings, DATA_DIR: str(folder / "data")}) as session:
        connector = await session.call("create_s3_connector", **s3_emulator.arguments(bucket=bucket))
        yield Shelf(session, connector["connector_id"], stored)


def by_size(file: Mapping[str, Any]) -> tuple[int, str]:
    return -file["size_bytes"], file["path"]


async def test_the_pages_have_every_file_once_by_path(shelf: Shelf) -> None:
    before = len(shelf.vendor.received) if shelf.vendor else 0
    pages = await shelf.pages(prefix="incoming/")
    assert [path for page in pages for path in paths_of(page)] == [file["path"] for file in shelf.files]
    assert [len(paths_of(page)) for page in pages] == [PAGE, PAGE, COUNT - 2 * PAGE]
    assert [page["truncated"] for page in pages] == [True, True, False]
    assert {page["total_files"] for page in pages} == {COUNT}
    if shelf.vendor:
        assert len(shelf.vendor.received) == before + 1


async def test_the_pages_have_every_file_once_by_size(shelf: Shelf) -> None:
    pages = await shelf.pages(sort="size", details=True)
    rows = [(row["path"], row["size_bytes"]) for page in pages for row in rows_of(page)]
    assert rows == [(file["path"], file["size_bytes"]) for file in sorted(shelf.files, key=by_size)]


async def test_the_pages_have_every_file_once_by_time(shelf: Shelf) -> None:
    rows = [row for page in await shelf.pages(sort="time", details=True) for row in rows_of(page)]
    assert sorted(row["path"] for row in rows) == [file["path"] for file in shelf.files]
    times = [row["last_modified"] for row in rows]
    assert times == sorted(times, reverse=True)


async def test_a_summary_says_what_all_files_come_to(shelf: Shelf) -> None:
    summary = await shelf.browse(summary=True)
    assert (summary["total_files"], summary["total_bytes"]) == (COUNT, sum(file["size_bytes"] for file in shelf.files))
    assert {kind["extension"]: kind["files"] for kind in summary["extensions"]} == dict.fromkeys(
        ("none", ".mp4", ".mov", ".srt"), COUNT // 4
    )
    assert summary["oldest"] <= summary["newest"]
    assert not {"paths", "files", "next_cursor"} & summary.keys()


async def test_a_cursor_that_leads_nowhere_says_what_to_do(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    cursor = (await shelf.browse(limit=PAGE))["next_cursor"]
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - cursors.VALID_SECONDS - 60)
    old = cursors.cursor_of(BrowseConnectorFiles(connector_id=shelf.connector_id), ("", "a"))
    before = len(shelf.vendor.received) if shelf.vendor else 0
    wrong: tuple[tuple[Json, str], ...] = (
        ({"cursor": cursor, "pattern": "*.mp4"}, "is of another listing: repeat the call's other arguments"),
        ({"cursor": cursor, "sort": "size"}, "is of another listing"),
        ({"cursor": old}, "is more than a day old: leave it out to begin anew"),
        ({"cursor": cursor[:-7]}, "must be a next_cursor, as it was given"),
        ({"cursor": "(garbled)"}, "must be a next_cursor, as it was given"),
        ({"cursor": cursor, "summary": True}, "cannot go with summary"),
    )
    for arguments, told in wrong:
        text = await shelf.session.refused(BROWSE, connector_id=shelf.connector_id, **arguments)
        assert f"cursor: {told}" in text
        assert "retry: no" in text
    assert not shelf.vendor or len(shelf.vendor.received) == before
