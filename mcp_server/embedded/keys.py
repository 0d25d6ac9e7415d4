"""Where the encryption keys come from: the operator's setting and a file in the data folder. Nothing is sealed here."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

from mcp_server.embedded.data_folder import make_private_folder, publish_private_file, read_private_file
from mcp_server.errors import ConfigurationError
from mcp_server.redaction import Secret
from mcp_server.settings import ENCRYPTION_KEY_BYTES, Settings, encryption_key_bytes

KEY_FILE = "encryption.key"


def encryption_keys(settings: Settings) -> tuple[bytes, ...]:
    """The ring, 32 bytes each: the first seals, every one opens. It is never empty; the file is made when needed.

    The file holds one key a line, so that a new one can be put on top. A key in the settings comes before the file's.
    Raises ConfigurationError.
    """
    path = settings.data_folder / KEY_FILE
    if settings.encryption_key is None:
        make_private_folder(path.parent)
        if not path.exists():
            publish_private_file(path, _new_line())
        return _keys_of(path)
    older = _keys_of(path) if path.exists() else ()
    return (encryption_key_bytes(settings.encryption_key), *older)


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
