"""Finds a storage's files by prefix and glob. What a listing is, the storages know; what a glob is, the glob's room."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from posixpath import splitext

import anyio

from mcp_server.embedded.storage.exchange import Limits
from mcp_server.embedded.storage.faults import StorageFault
from mcp_server.embedded.storage.glob import read_glob
from mcp_server.embedded.storage.objects import Storage, StoredObject
from mcp_server.errors import InvalidArguments, Violation
from mcp_server.file_pages import Collector, Columns
from mcp_server.resources import CloudFile


async def browse(
    storage: Storage,
    prefix: str,
    pattern: str,
    recursive: bool,  # noqa: FBT001 - the request's own field, in the request's order
    limits: Limits | None = None,
) -> list[CloudFile]:
    """The files whose key starts with the prefix and matches the pattern, sorted by path in code-point order.

    A pattern without a slash matches a file's name, one with a slash the path below the prefix. Not recursive: only
    what lies directly below the prefix. Raises InvalidArguments, and StorageFault, also when the whole takes too long.
    """
    by_path = "/" in pattern
    if by_path and not recursive:
        raise InvalidArguments((Violation("pattern", "must have no slash when recursive is false"),))
    glob = read_glob(pattern.removeprefix("/"))
    subject = _below(prefix) if by_path else _name
    starts = _below_starts(prefix, glob.head) if by_path else _name_starts(prefix, glob.head, recursive=recursive)
    found: list[CloudFile] = []
    with _bounded((limits or Limits()).browse):
        for start in starts:
            found += await _matching(storage, start, "" if recursive else "/", lambda key: glob.matches(subject(key)))
    return sorted(found, key=lambda file: file.path)


@contextmanager
def _bounded(seconds: float) -> Generator[None]:
    try:
        with anyio.fail_after(seconds):
            yield
    except TimeoutError:
        raise StorageFault(
            "storage_listing_too_long",
            f"The listing did not finish within {seconds:g} seconds.",
            "Narrow it: give a longer prefix, or a pattern that begins with a folder, such as incoming/2026/*.mp4.",
        ) from None


async def _matching(storage: Storage, start: str, delimiter: str, matches: Callable[[str], bool]) -> list[CloudFile]:
    found: list[CloudFile] = []
    async with aclosing(storage.pages(start, delimiter)) as pages:
        async for page in pages:
            found += [_cloud_file(stored) for stored in page if not stored.is_folder_marker and matches(stored.key)]
    return found


def _below(prefix: str) -> Callable[[str], str]:
    """The path of a key below the prefix; one slash between the two is not part of it."""
    return lambda key: key[len(prefix) :].removeprefix("/")


def _name(key: str) -> str:
    """The last segment; a slash at the key's end is not one."""
    return key.rstrip("/").rpartition("/")[2]


def _below_starts(prefix: str, head: str) -> list[str]:
    """What to list when paths below the prefix begin with the head: with and without the slash between the two."""
    if not head:
        return [prefix]
    after_slash = f"{prefix}/{head}"
    return [after_slash] if head.startswith("/") else [prefix + head, after_slash]


def _name_starts(prefix: str, head: str, *, recursive: bool) -> list[str]:
    """What to list when names begin with the head. The prefix may hold the beginning of names directly below it."""
    folder, slash, begun = prefix.rpartition("/")
    return [f"{folder}{slash}{head}" if not recursive and head.startswith(begun) else prefix]


def _cloud_file(stored: StoredObject) -> CloudFile:
    name = _name(stored.key)
    extension = splitext(name)[1].lower()
    return CloudFile(
        path=stored.key,
        name=name,
        size_bytes=stored.size,
        last_modified=stored.last_modified,
        content_type=stored.content_type,
        extension="" if extension == "." else extension,
    )


@dataclass(frozen=True)
class Query:
    """Which files."""

    prefix: str
    pattern: str
    recursive: bool


def _columns(files: list[CloudFile]) -> Columns:
    return Columns(
        [file.path for file in files],
        [file.size_bytes for file in files],
        [file.last_modified for file in files],
        [file.content_type for file in files],
    )


async def page(
    storage: Storage, query: Query, collector: Collector, *, wants_totals: bool, start_after: str = ""
) -> bool:
    """Lists into the collector; whether the whole listing was seen."""
    files = await browse(storage, query.prefix, query.pattern, query.recursive)
    collector.add(_columns(files))
    return not start_after


async def walk(storage: Storage, query: Query) -> AsyncGenerator[Columns]:
    """Matching files in path order."""
    yield _columns(await browse(storage, query.prefix, query.pattern, query.recursive))
