"""The credentials file as text: read within bounds, changed whole or not at all, its comments kept.

What an entry means is the business of `entries`.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_server.errors import ConfigurationError

if TYPE_CHECKING:
    from tomlkit.items import Item, Key

MAX_BYTES = 64 * 1024
_FOLDER_MODE = 0o700
_FILE_MODE = 0o600
_WRITABLE_BY_OTHERS = 0o022
State = tuple[int, ...]


def state(path: Path) -> State | None:
    """What changes when the file does, its mode with it; None when it cannot be asked for."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode


def read(path: Path) -> str | None:
    """The file's text, None when there is no file.

    Raises ConfigurationError, also for a file that others may write: it names commands that this person runs.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    if os.name == "posix" and mode & _WRITABLE_BY_OTHERS:
        raise ConfigurationError(f"{path} can be changed by others.", hint=f'Run: chmod go-w "{path}"')
    if len(content) > MAX_BYTES:
        raise ConfigurationError(f"{path} is longer than 64 KiB.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8.") from None


def put(path: Path, name: str, table: Mapping[str, str | Mapping[str, str]]) -> None:
    """The file has this entry afterwards, its last one, in place of any of that name.

    Raises ConfigurationError.
    """
    others = _without(read(path) or "", name).rstrip()
    _write(path, f"{others}\n\n{_rendered(name, table)}" if others else _rendered(name, table))


def take_out(path: Path, name: str) -> None:
    """The file has no such entry afterwards. Raises ConfigurationError."""
    _write(path, _without(read(path) or "", name))


def _rendered(name: str, table: Mapping[str, str | Mapping[str, str]]) -> str:
    import tomlkit

    entry = tomlkit.table()
    for key, value in table.items():
        entry.add(key, value if isinstance(value, str) else tomlkit.inline_table().append(*next(iter(value.items()))))
    return tomlkit.dumps({name: entry})


def _without(text: str, name: str) -> str:
    """The text of the other entries. What stands above a table's name is about it, though it ends the one before.

    Raises ConfigurationError.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(text)
    except (TOMLKitError, ValueError, RecursionError):
        raise ConfigurationError("The file of named credentials cannot be changed: it is not TOML.") from None
    document.body[:] = [
        part
        for key, item in document.body
        for part in (_end_of(item) if key is not None and key.key == name else [(key, item)])
    ]
    return tomlkit.dumps(document)


def _end_of(item: Item) -> list[tuple[Key | None, Item]]:
    """The comments and blank lines after a table's last value."""
    return list(reversed(list(_backwards(item))))


def _backwards(item: Item) -> Iterator[tuple[Key | None, Item]]:
    from tomlkit.items import Table

    if not isinstance(item, Table):
        return
    for key, part in reversed(item.value.body):
        if key is not None:
            yield from _backwards(part)
            return
        yield None, part


def _write(path: Path, text: str) -> None:
    """In one step, a new file for this person alone; a link stays a link, and a mode as it was."""
    target = path.resolve()
    try:
        target.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".credentials-") as folder:
            draft = Path(folder) / target.name
            with draft.open("wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            draft.chmod(stat.S_IMODE(target.stat().st_mode) if target.exists() else _FILE_MODE)
            draft.replace(target)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}.") from None
