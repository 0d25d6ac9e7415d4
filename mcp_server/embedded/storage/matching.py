"""Which of many files are meant, told for whole columns at once. What a glob is, the glob's room knows."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import compress, repeat
from time import monotonic

from anyio.lowlevel import checkpoint

from mcp_server.embedded.storage.glob import Glob
from mcp_server.file_kinds import name_of
from mcp_server.file_pages import Columns

# A slash by most programs, the other by Hadoop's.
_MARKER_ENDINGS = ("/", "_$folder$")
_SECONDS_AT_A_TIME = 0.005


def chosen(files: Columns, flags: Iterable[object]) -> Columns:
    """The files whose flag is true."""
    kept = list(flags)
    if all(kept):
        return files
    return Columns(
        list(compress(files.paths, kept)),
        list(compress(files.sizes, kept)),
        list(compress(files.times, kept)),
        list(compress(files.content_types, kept)),
    )


def without_markers(files: Columns) -> Columns:
    """Without the empty objects that only make an empty folder visible."""
    if 0 not in files.sizes:
        return files
    return chosen(
        files, (size or not path.endswith(_MARKER_ENDINGS) for path, size in zip(files.paths, files.sizes, strict=True))
    )


async def matching_names(glob: Glob, files: Columns) -> Columns:
    """The files whose name matches."""
    if glob.suffixes is None:
        return await _matching(glob, files, map(name_of, files.paths))
    # No suffix has a slash: what the name ends with, the path does.
    return chosen(files, map(str.endswith, map(str.rstrip, files.paths, repeat("/")), repeat(glob.suffixes)))


async def matching_paths(glob: Glob, prefix: str, files: Columns, *, slash: bool) -> Columns:
    """The files whose path below the prefix matches; with `slash`, one between the two is not part of it."""
    begin, left_out = len(prefix), "/" if slash else ""
    return await _matching(glob, files, (path[begin:].removeprefix(left_out) for path in files.paths))


async def _matching(glob: Glob, files: Columns, texts: Iterable[str]) -> Columns:
    """The files whose text matches. However long the pattern takes, others have their turn after a key."""
    flags: list[object] = []
    due = monotonic() + _SECONDS_AT_A_TIME
    for text in texts:
        flags.append(glob.matches(text))
        if monotonic() > due:
            await checkpoint()
            due = monotonic() + _SECONDS_AT_A_TIME
    return chosen(files, flags)
