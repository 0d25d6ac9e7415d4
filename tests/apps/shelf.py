"""The two tools as an app meets them: connectors and files made up here, found by globs, paged as asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from wcmatch import glob

from mcp_server.characters import meant_by
from mcp_server.file_views import listing
from mcp_server.presentation import visible_name
from tests.sessions import Json

ARCHIVE = "conn_archive"
TOP = ["incoming", "music", "posters", "backup.tar.gz", "checksums", "trailer.mp4"]
MODIFIED = "2026-04-{day:02d}T09:30:00Z"
CONNECTORS: tuple[Json, ...] = (
    {"connector_id": "conn_archive", "name": "Archive S3", "provider": "s3", "status": "active",
     "bucket": "media-archive", "region": "us-east-1", "last_tested_at": "2026-04-02T10:00:00Z"},
    {"connector_id": "conn_dailies", "name": "Dailies", "provider": "gcs", "status": "failed",
     "bucket": "studio-dailies", "last_tested_at": "2026-03-30T08:15:00Z"},
    {"connector_id": "conn_review", "name": "Review copies", "provider": "azure", "status": "testing",
     "container": "review", "storage_account": "studioreview"},
)  # fmt: skip
FLAGS = glob.BRACE | glob.GLOBSTAR | glob.DOTGLOB | glob.CASE | glob.FORCEUNIX
ORDERS: dict[str, Callable[[Json], Any]] = {
    "path": lambda row: row["path"],
    "size": lambda row: -row["size_bytes"],
    "time": lambda row: -datetime.fromisoformat(row["last_modified"].removesuffix("Z")).timestamp(),
}
FILES = {
    "incoming/2026/04/interview.mp4": 48_000_000,
    "incoming/2026/04/interview.srt": 900,
    "incoming/2026/04/skyline.mov": 9_600_000_000,
    "incoming/2026/05/keynote.mp4": 72_000_000,
    "music/theme.wav": 31_000_000,
    "posters/keynote.jpg": 6_400,
    "backup.tar.gz": 1_200_000_000,
    "checksums": 12_000,
    "trailer.mp4": 24_000_000,
}


def rows_of(files: dict[str, int]) -> list[Json]:
    """A file a path, in the order of the paths, each modified on a day of its own."""
    days = range(len(files))
    return [
        {"path": path, "size_bytes": files[path], "last_modified": MODIFIED.format(day=day % 28 + 1)}
        for day, path in zip(days, sorted(files), strict=True)
    ]


def refusal(text: str) -> Json:
    """The result of a call that failed."""
    return {"content": [{"type": "text", "text": text}], "isError": True}


def answer(data: Json) -> Json:
    """The result of a call."""
    return {"content": [{"type": "text", "text": "as text"}], "structuredContent": listing(data)}


@dataclass
class Shelf:
    """Answers calls, one scripted answer first where there is any, and remembers them."""

    rows: list[Json] = field(default_factory=lambda: rows_of(FILES))
    connectors: Iterable[Json] = CONNECTORS
    page_size: int = 100
    """Of connectors; files come as many as are asked for."""
    scripted: list[Json] = field(default_factory=list[Json])
    calls: list[tuple[str, Json]] = field(default_factory=list[tuple[str, Json]])

    async def call(self, tool: str, given: Json) -> Json:
        self.calls.append((tool, given))
        if self.scripted:
            return self.scripted.pop(0)
        return answer(self.listed(given) if tool == "list_connectors" else self.browsed(given))

    def listed(self, given: Json | None = None) -> Json:
        """Cursors are the number of connectors that came before."""
        connectors = [*self.connectors]
        start = int((given or {}).get("cursor", 0))
        end = start + self.page_size
        more = {"next_cursor": str(end)} if end < len(connectors) else {}
        counts = Counter(each["provider"] for each in connectors)
        page: Json = {"total": len(connectors), "by_provider": counts, "truncated": bool(more), **more}
        return {**page, "connectors": connectors[start:end]}

    def browsed(self, given: Json) -> Json:
        """Cursors are the number of rows that came before."""
        found = self._found(given)
        start, limit = int(given.get("cursor", 0)), given.get("limit", 100)
        page, end = found[start : start + limit], start + limit
        endings = Counter(_ending(row["path"]) for row in found)
        totals: Json = {
            "total_files": len(found),
            "total_bytes": sum(row["size_bytes"] for row in found),
            "extensions": [{"extension": name, "files": count} for name, count in endings.most_common()],
            "newest": max((row["last_modified"] for row in found), default=None),
            "truncated": end < len(found),
        }
        data = {name: value for name, value in totals.items() if value is not None}
        if end < len(found):
            data["next_cursor"] = str(end)
        if given.get("summary"):
            return data
        return {**data, "files": page} if given.get("details") else {**data, "paths": [row["path"] for row in page]}

    def _found(self, given: Json) -> list[Json]:
        prefix, pattern = given.get("prefix") or "", given.get("pattern") or "*"
        below = [row for row in self.rows if row["path"].startswith(prefix)]
        if not given.get("recursive", True):
            below = [row for row in below if "/" not in row["path"][len(prefix) :]]
        found = [row for row in below if pattern == "*" or _matches(row["path"], prefix, pattern)]
        return sorted(found, key=ORDERS[given.get("sort") or "path"])


class ToolShelf(Shelf):
    """Shows paths as the tool does, and is asked with what it showed."""

    def browsed(self, given: Json) -> Json:
        data = super().browsed({**given, "prefix": meant_by(given.get("prefix") or "")})
        shown = [{**row, "path": visible_name(row["path"])} for row in data.get("files", [])]
        return {**data, "files": shown} if "files" in data else data


def _matches(path: str, prefix: str, pattern: str) -> bool:
    """With a slash, a pattern is one of paths below the prefix, without, one of names."""
    subject = path[len(prefix) :] if "/" in pattern else path.rpartition("/")[2]
    return glob.globmatch(subject, pattern, flags=FLAGS)


def _ending(path: str) -> str:
    name = path.rpartition("/")[2]
    return f".{name.rpartition('.')[2].lower()}" if "." in name else "none"
