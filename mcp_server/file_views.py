"""What the model sees of a listing: totals, and a page of paths alone or of full rows. No MCP types and no I/O here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from mimetypes import MimeTypes
from os.path import commonprefix
from typing import Any, cast

from pydantic import Field

from mcp_server import presentation
from mcp_server.cursors import cursor_of, position_of
from mcp_server.file_kinds import extension_of
from mcp_server.file_operations import BrowseConnectorFiles
from mcp_server.resources import OTHER, CloudFile, FilePage, Resource, Totals

LENGTH_A_FILE = 80
"""Characters of a file on a long page, on average: of 1,000 files with longer paths, fewer are shown."""

_MOST_TOKENS = 8_000
_TOKENS_A_FILE = 22
_PIECES = re.compile(r"[!-/:-@\[-`{-~ ]?[A-Za-z]{1,8}|\d{1,3}|.", re.DOTALL)

_MOST_OCTETS_OF_A_KIND = 12
"""As it is shown; so that a summary stays small whatever files are called."""

_MOST_TYPES = 10
_PLAIN_EXTENSION = re.compile(r"(?:\.[\w-]{1,11})?", re.ASCII)
_PLAIN_TYPE = re.compile(r"[\w!#$&^.+-]{1,60}/[\w!#$&^.+-]{1,60}(?:; ?charset=[\w-]{1,20})?", re.ASCII)
"""What is told once for all files of an extension."""

_TYPES = MimeTypes(filenames=())
"""What extensions say, the same on every machine."""

_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_NOTHING = "Nothing matched."
_OF_A_PREFIX = "A prefix is the start of whole keys: no / before it, and one at a folder's end."
_OF_A_PATTERN = "Case counts in a pattern: *.{mp4,MP4}."
_OF_A_FOLDER = "With recursive=false, files in subfolders are left out."
_CUT = "A name that was shown without its middle is no prefix: end it before that."
_COUNT = "Too many to count on the way: summary=true counts them."


class ExtensionCount(Resource):
    """How many files end so."""

    extension: str
    files: int


class ListingFigures(Resource):
    """Totals of all files that match, as far as they are known, and how the listing goes on."""

    total_files: int | None = Field(default=None, description="Of all pages; absent if unknown, as are the others")
    total_bytes: int | None = None
    extensions: list[ExtensionCount] | None = None
    newest: str | None = Field(default=None, description="ISO 8601, UTC")
    oldest: str | None = None
    truncated: bool = Field(description="Whether more files follow")
    next_cursor: str | None = Field(default=None, description="Pass it as cursor for the next page")
    next_step: str | None = None


class FileRow(Resource):
    """One file; its name is the end of its path."""

    path: str
    size_bytes: int
    last_modified: str
    content_type: str | None = None


class FoundFiles(ListingFigures):
    """A page of files, of which each says all."""

    paths: list[str] | None = None
    files: list[FileRow] | None = None


class FileListing(ListingFigures):
    """A page of files as it is shown: what their paths share stands once, since a model pays for every file."""

    folder: str | None = Field(default=None, description="All paths begin with it, and go on as below")
    content_types: list[str] | None = Field(
        default=None, description="Extension and type, where all files here of the extension have that unusual type"
    )
    paths: list[str] | None = Field(default=None, description="Without details")
    files: list[str] | None = Field(
        default=None,
        description="With details: size_bytes, last_modified (YYYYMMDDhhmmss, UTC) and path, with spaces between; "
        "behind a tab the content type, where it is known and neither the extension nor content_types tells it",
    )


def found_files(request: BrowseConnectorFiles, page: FilePage) -> FoundFiles:
    """The page as asked for; where long paths leave room for fewer files, the cursor leads to the next of them."""
    rows: Sequence[FileRow | str] = [_row(file) if request.details else file.path for file in page.files]
    shown = rows[: _number_fitting(rows, request.limit)]
    cursor = page.next_cursor
    if len(shown) < len(rows):
        cursor = cursor_of(request, position_of(page.files[len(shown) - 1], request.sort))
    known = _known(page.totals) if page.totals else {}
    rows_shown = {} if request.summary else {"files" if request.details else "paths": shown}
    return FoundFiles.model_validate(
        {
            **known,
            "truncated": cursor is not None,
            "next_cursor": cursor,
            "next_step": _next_step(request, page),
            **rows_shown,
        }
    )


def _number_fitting(rows: Sequence[FileRow | str], limit: int) -> int:
    """How many of the rows a page of so many has room for, by characters and by tokens: hexadecimal names are dear."""
    kind = "files" if rows and isinstance(rows[0], FileRow) else "paths"
    plain = [row if isinstance(row, str) else row.model_dump(exclude_none=True) for row in rows]
    written = cast("list[str]", listing({kind: plain})[kind])
    fitting = presentation.fitting(written, max(presentation.MAX_ROWS_LENGTH, limit * LENGTH_A_FILE))
    return len(presentation.within(fitting, max(_MOST_TOKENS, limit * _TOKENS_A_FILE), _tokens))


def _tokens(text: str) -> int:
    """About how many a model reads: pieces as its tokenizer makes them, of which long words have several."""
    return len(_PIECES.findall(text)) + 1


def _row(file: CloudFile) -> FileRow:
    said = file.content_type if file.content_type != _TYPES.guess_type(f"x{file.extension}")[0] else None
    return FileRow(path=file.path, size_bytes=file.size_bytes, last_modified=file.last_modified, content_type=said)


def _known(totals: Totals) -> dict[str, Any]:
    return {
        "total_files": totals.files,
        "total_bytes": totals.bytes,
        "extensions": [{"extension": each or "none", "files": files} for each, files in _kinds(totals).items()] or None,
        "newest": totals.newest,
        "oldest": totals.oldest,
    }


def _kinds(totals: Totals) -> dict[str, int]:
    """The kinds that are shown, and how many files are of others: a long ending is a name's more than a kind's."""
    kinds = totals.extensions
    shown = {kind: kinds[kind] for kind in kinds if kind != OTHER and _octets(kind) <= _MOST_OCTETS_OF_A_KIND}
    others = sum(kinds.values()) - sum(shown.values())
    return shown | ({OTHER: others} if others else {})


def _octets(kind: str) -> int:
    return len(presentation.visible_name(kind).encode(errors="surrogatepass"))


def _next_step(request: BrowseConnectorFiles, page: FilePage) -> str | None:
    is_empty = page.totals.files == 0 if page.totals else not (page.files or request.summary)
    if is_empty and request.cursor is None:
        return _why_nothing(request)
    return _COUNT if page.totals is None and page.next_cursor and request.cursor is None else None


def _why_nothing(request: BrowseConnectorFiles) -> str:
    """What may be the reason, by what was asked."""
    is_cut = presentation.is_cut(request.prefix)
    reasons = {
        _CUT: is_cut,
        _OF_A_PREFIX: bool(request.prefix) and not is_cut,
        _OF_A_PATTERN: request.pattern != "*",
        _OF_A_FOLDER: not request.recursive,
    }
    return " ".join([_NOTHING, *(reason for reason, applies in reasons.items() if applies)])


def listing(found: Mapping[str, Any]) -> dict[str, Any]:
    """The data of found files as a listing has them: what files share (the folder, types), and a text a file."""
    kind = _kind_of_rows(found)
    if kind is None:
        return dict(found)
    rows = cast("list[Any]", found[kind])
    paths: list[str] = rows if kind == "paths" else [row["path"] for row in rows]
    folder, types = _shared_folder(paths), dict[str, str]()
    shown = [path[len(folder) :] for path in paths]
    if kind == "files":
        types = _shared_types((row["path"], row.get("content_type")) for row in rows)
        shown = [_line(*row, types) for row in zip(rows, shown, strict=True)]
    told = [f"{extension or 'none'} {content_type}" for extension, content_type in types.items()]
    figures = {name: value for name, value in found.items() if name != kind}
    shared = {"folder": folder, "content_types": told}
    return {**figures, **{name: value for name, value in shared.items() if value}, kind: shown}


def _line(row: Mapping[str, Any], path: str, types: Mapping[str, str]) -> str:
    """A path is the last but for a type, which a tab begins: a space before a word costs no token."""
    told = "" if extension_of(path) in types else row.get("content_type", "")
    return f"{row['size_bytes']} {_digits(row['last_modified'])} {path}" + (f"\t{told}" if told else "")


def _shared_types(files: Iterable[tuple[str, str | None]]) -> dict[str, str]:
    """The type of all files of an extension, where they have one; of the most frequent, and of plain ones."""
    found: dict[str, list[str | None]] = {}
    for path, content_type in files:
        found.setdefault(extension_of(path), []).append(content_type)
    shared: dict[str, str] = {}
    for extension, types in sorted(found.items(), key=lambda item: (-len(item[1]), item[0])):
        first = types[0] or ""
        if len({*types}) == 1 and _PLAIN_TYPE.fullmatch(first) and _PLAIN_EXTENSION.fullmatch(extension):
            shared[extension] = first
    return dict(islice(shared.items(), _MOST_TYPES))


def _kind_of_rows(data: Mapping[str, Any]) -> str | None:
    return next((name for name in ("paths", "files") if name in data), None)


def text(data: Mapping[str, Any]) -> str:
    """The same data of a listing as text: a line a figure, then a line a file."""
    left_out = ("folder", "paths", "files", "extensions")
    figures = {name: value for name, value in data.items() if name not in left_out}
    kinds = cast("list[dict[str, Any]]", data.get("extensions", []))
    if kinds:
        figures["extensions"] = ", ".join(f"{presentation.word(kind['extension'])} {kind['files']}" for kind in kinds)
    return "\n".join([presentation.compact(figures), *_rows(data)])


def _rows(data: Mapping[str, Any]) -> Iterator[str]:
    kind = _kind_of_rows(data)
    if kind is None:
        return
    rows = cast("list[str]", data[kind])
    yield f"{kind}: {len(rows)} rows" + (f", each below {data['folder']}" if "folder" in data else "")
    if kind == "paths":
        yield from (presentation.row_line([path]) for path in rows)
    else:
        typed = any("\t" in row for row in rows)
        yield "size_bytes last_modified(YYYYMMDDhhmmss) path" + ("\tcontent_type" if typed else "")
        yield from rows


def _digits(time: str) -> str:
    """The time's digits, which say the same in a third of the tokens; a time of another form as one word."""
    return re.sub("[-:TZ]", "", time) if _UTC.fullmatch(time) else presentation.word(time)


def _shared_folder(paths: Sequence[str]) -> str:
    """What all paths begin with, up to a slash, so that something is left of each; empty when there is nothing."""
    shared = commonprefix([path[:-1] for path in paths])  # noqa: RUF071 - cut at a slash below
    return shared[: shared.rfind("/") + 1]
