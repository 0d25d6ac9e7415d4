"""The data folder and the private files in it: made for their owner alone, whole or not at all.

What the files hold is the business of the rooms that ask for them.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from mcp_server.errors import ConfigurationError

_FOLDER_MODE = 0o700
_FILE_MODE = 0o600
# An existing name makes either fail. Windows has the rename, and its profile folders are private by their ACL.
_publish = os.rename if os.name == "nt" else os.link


@contextmanager
def _telling(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be used: {error.strerror}.",
            hint="Correct its permissions, or give another place with VIDEOVECTOR_DATA_DIR.",
            code="data_folder_unusable",
        ) from None


def make_private_folder(folder: Path) -> None:
    """The folder exists afterwards, for its owner alone if it is new or was empty.

    Raises ConfigurationError.
    """
    with _telling(folder):
        folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        if next(folder.iterdir(), None) is None:
            folder.chmod(_FOLDER_MODE)


def make_private_file(path: Path) -> None:
    """The file and its folder exist afterwards, for their owner alone if they are new; the content stays.

    Raises ConfigurationError.
    """
    with _telling(path):
        path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, _FILE_MODE))


def publish_private_file(path: Path, content: bytes) -> None:
    """The file exists afterwards, with this content if it was not there. Of several processes one wins.

    Raises ConfigurationError.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with _telling(path):
        try:
            _write_through(draft, content)
            _publish(draft, path)
        except FileExistsError:
            return
        finally:
            draft.unlink(missing_ok=True)


def _write_through(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def read_private_file(path: Path) -> bytes:
    """The content.

    Raises ConfigurationError, also for a file that others of this machine may read.
    """
    with _telling(path):
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise ConfigurationError(
                f"{path} can be read or written by others.",
                hint=f'Run: chmod 600 "{path}"',
                code="key_file_not_private",
            )
        return path.read_bytes()
