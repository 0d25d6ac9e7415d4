"""The data folder and the private files in it: made for their owner alone, whole or not at all.

What the files hold is the business of the rooms that ask for them.
"""

from __future__ import annotations

import logging
import os
import secrets
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import tenacity

from mcp_server.errors import ConfigurationError

_log = logging.getLogger(__name__)
_FOLDER_MODE = 0o700
_FILE_MODE = 0o600
_OTHERS = 0o077
# An existing name makes either fail. Windows has the rename, and its profile folders are private by their ACL.
_link = os.rename if os.name == "nt" else os.link
# Where there are no links, a file is empty for the moment between its creation and its only write.
_when_written = tenacity.Retrying(
    stop=tenacity.stop_after_delay(1),
    wait=tenacity.wait_fixed(0.02),
    retry=tenacity.retry_if_result(lambda content: not content),
    retry_error_callback=lambda _: b"",
)


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
    """The folder exists afterwards, for its owner alone; those above it stay as they are.

    Raises ConfigurationError, also for a folder that others can reach and that is not ours to close.
    """
    with _telling(folder):
        folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        if os.name == "posix" and folder.stat().st_mode & _OTHERS:
            _close_to_others(folder)


def _close_to_others(folder: Path) -> None:
    status = folder.stat()
    # The sticky bit marks a folder that all share, such as /tmp; even its owner must not close it.
    if status.st_uid == os.geteuid() and not status.st_mode & stat.S_ISVTX:
        with suppress(PermissionError):
            folder.chmod(_FOLDER_MODE)
    if folder.stat().st_mode & _OTHERS:
        raise ConfigurationError(
            f"The data folder {folder} can be reached by others.",
            hint=f'Run: chmod 700 "{folder}", or give a folder of its own with VIDEOVECTOR_DATA_DIR.',
            code="data_folder_not_private",
        )
    _log.warning("The data folder %s could be reached by others; its mode is 0700 now.", folder)


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
            _publish(draft, path, content)
        except FileExistsError:
            return
        finally:
            draft.unlink(missing_ok=True)


def _publish(draft: Path, path: Path, content: bytes) -> None:
    """Gives the draft its name; where the file system has no links, the content gets it without a draft.

    Raises FileExistsError.
    """
    try:
        _link(draft, path)
    except FileExistsError:
        raise
    except OSError:
        _write_through(path, content)


def _write_through(path: Path, content: bytes) -> None:
    """A new file, or none when it cannot be written. Raises FileExistsError."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def read_private_file(path: Path) -> bytes:
    """The content; while there is none, a second is given to whoever may be writing it.

    Raises ConfigurationError, also for a file that others of this machine may read.
    """
    with _telling(path):
        if os.name == "posix" and path.stat().st_mode & _OTHERS:
            raise ConfigurationError(
                f"{path} can be read or written by others.",
                hint=f'Run: chmod 600 "{path}"',
                code="key_file_not_private",
            )
        return _when_written(path.read_bytes)
