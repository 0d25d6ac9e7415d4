"""Where the encryption keys come from: the settings, and a file in the data folder. Nothing is sealed here."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

from mcp_server.embedded.data_folder import make_private_folder, publish_private_file, read_private_file
from mcp_server.errors import ConfigurationError
from mcp_server.redaction import Secret
from mcp_server.setting_rules import ENCRYPTION_KEY_BYTES, encryption_key_bytes
from mcp_server.settings import Settings

KEY_FILE = "encryption.key"


def encryption_keys(settings: Settings) -> tuple[bytes, ...]:
    """The ring, 32 bytes each: the first seals, every one opens. It is never empty; the file is made when needed.

    The settings' keys come before the file's, which holds one a line, so that a new one can be put on top. No file is
    made for PostgreSQL: that may be used from another machine, which has another file. Raises ConfigurationError.
    """
    single = () if settings.encryption_key is None else (settings.encryption_key,)
    given = tuple(encryption_key_bytes(key) for key in (*settings.encryption_keys, *single))
    path = settings.data_folder / KEY_FILE
    if not _is_there(path):
        if given:
            return given
        _make_file(path, settings)
    return (*given, *_keys_of(path))


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:  # the folder is another's, such as a container's home of root
        return False


def _make_file(path: Path, settings: Settings) -> None:
    if isinstance(settings.database_url, Secret):
        raise ConfigurationError(
            "With PostgreSQL, the keys that seal credentials must be given: all who use the database need the same.",
            hint="Set VIDEOVECTOR_ENCRYPTION_KEYS to 32 random bytes in base64, as by openssl rand -base64 32.",
            code="encryption_key_missing",
        )
    make_private_folder(path.parent)
    publish_private_file(path, _new_line())


def _new_line() -> bytes:
    return base64.b64encode(secrets.token_bytes(ENCRYPTION_KEY_BYTES)) + b"\n"


def _keys_of(path: Path) -> tuple[bytes, ...]:
    lines = read_private_file(path).split()
    try:
        keys = tuple(encryption_key_bytes(Secret(line.decode("ascii"))) for line in lines)
    except ValueError:
        keys = ()
    if not keys:
        raise ConfigurationError(
            f"{path} is not a key file: it must hold 32 bytes in base64 a line.",
            hint="Restore it from a backup; without it the stored credentials cannot be opened.",
            code="key_file_invalid",
        )
    return keys
