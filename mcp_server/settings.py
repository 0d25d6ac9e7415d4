"""What the operator decides: one table, read from flags first, the environment second. The only reader of os.environ.

A wrong value is a ConfigurationError that names the setting and its rule, never the value. Plain functions instead of a
model: this room is read before a server answers `initialize`.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mcp_server.errors import ConfigurationError
from mcp_server.redaction import Secret, reveal_text

DEFAULT_BASE_URL = "https://api.vectormethods.com/api/v2"
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})
ENCRYPTION_KEY_BYTES = 32
ALIASES: Mapping[str, str] = {"api_key": "VIDEO_VECTOR_API_KEY", "base_url": "VIDEO_VECTOR_BASE_URL"}
APPLICATION = "videovector-connectors"


class RuleBroken(ValueError):
    """A text is not what its setting wants; the message completes "must be"."""


def _api_key(text: str) -> Secret:
    if not re.fullmatch("[!-~]{8,4096}", text.strip()):
        raise RuleBroken("8 or more printable ASCII characters without blanks")
    return Secret(text.strip())


def _http_url(text: str) -> str:
    url = text.strip().rstrip("/")
    if (
        not re.fullmatch("https?://[!-~]+", url)
        or re.search("[@?#\\\\]|//xn--[:/]?$|xn--[./:]", url)
        or not _has_host(url)
    ):
        raise RuleBroken("an http:// or https:// URL in ASCII without user, query and fragment")
    return url


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _url_for_keys(text: str) -> str:
    url = _http_url(text)
    if url.startswith("http:") and urlsplit(url).hostname not in LOOPBACK_HOSTS:
        raise RuleBroken("https:// (plain http only to this machine: the API key would travel in clear)")
    return url


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch("[0-9]{1,9}", text.strip()) or not low <= int(text) <= high:
            raise RuleBroken(f"a whole number from {low} to {high}")
        return int(text)

    return parse


def _path(text: str) -> Path:
    try:
        if text.isprintable():
            return Path(text).expanduser()
    except RuntimeError:  # the home of somebody who is not known here
        pass
    raise RuleBroken("the path of a file or folder")


def _certificates(text: str) -> Path:
    import ssl

    path = _path(text)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (OSError, ssl.SSLError):
        raise RuleBroken("the path of a PEM file with certificates") from None
    return path


def _sqlite_url(text: str) -> str:
    url = text.strip()
    if not re.fullmatch(r"sqlite(\+aiosqlite)?:///[^?#]+", url) or url.endswith(":memory:"):
        raise RuleBroken("sqlite:///PATH with the path of a file")
    return "sqlite+aiosqlite:" + url.partition(":")[2]


def encryption_key_bytes(key: Secret) -> bytes:
    """The 32 bytes of an encryption key in base64, standard or URL-safe.

    Raises ValueError when it is not that.
    """
    text = reveal_text(key).rstrip("=").replace("-", "+").replace("_", "/")
    raw = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    if len(raw) != ENCRYPTION_KEY_BYTES:
        raise ValueError
    return raw


def _encryption_key(text: str) -> Secret:
    key = Secret(text.strip())
    try:
        encryption_key_bytes(key)
    except ValueError:
        raise RuleBroken("32 random bytes in base64 (44 characters)") from None
    return key


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        word = text.strip().lower()
        if word not in words:
            raise RuleBroken(" or ".join(words))
        return word

    return parse


def _row(description: str, parse: Callable[[str], object], default: Any = None) -> Any:
    return field(default=default, metadata={"description": description, "parse": parse})


@dataclass(frozen=True)
class Settings:
    """All settings; `environment_name` and `flag_name` say how each is given. None: not set."""

    api_key: Secret | None = _row("Key of the API; without it the embedded one serves", _api_key)
    base_url: str = _row("Base URL of the VideoVector API", _url_for_keys, DEFAULT_BASE_URL)
    timeout: int = _row("Milliseconds to wait for an API answer (60000)", _whole(100, 600_000), 60_000)
    max_retries: int = _row("Retries of a call that may be repeated (3)", _whole(0, 10), 3)
    data_dir: Path | None = _row("Folder of the database and its key", _path)
    database_url: str | None = _row("sqlite:///PATH; default: in the data folder", _sqlite_url)
    encryption_key: Secret | None = _row("32 bytes in base64 that seal credentials", _encryption_key)
    s3_endpoint: str | None = _row("S3-compatible endpoint instead of AWS", _http_url)
    gcs_endpoint: str | None = _row("Endpoint instead of Google Cloud Storage", _http_url)
    azure_endpoint: str | None = _row("Endpoint instead of Azure Blob Storage", _http_url)
    azure_authority_host: str | None = _row("Token authority instead of Entra ID", _http_url)
    gcs_token_uri: str | None = _row("Token endpoint instead of Google's", _http_url)
    ca_file: Path | None = _row("PEM file of further certificate authorities", _certificates)
    credentials_file: Path | None = _row("TOML file of named credentials", _path)
    inline_secrets: str = _row("Secrets as tool arguments: allow (default) or deny", _one_of("allow", "deny"), "allow")
    open_browser: str = _row("Open credential pages here: yes or no (default)", _one_of("no", "yes"), "no")

    @property
    def secrets(self) -> dict[str, str]:
        """The secrets among the settings, in clear, and the setting of each: for keeping them out of texts."""
        given = {name: getattr(self, name) for name in SECRET_SETTINGS}
        return {reveal_text(value): name for name, value in given.items() if value is not None}

    @property
    def data_folder(self) -> Path:
        """Where the embedded API keeps its files."""
        if self.data_dir is not None:
            return self.data_dir
        import platformdirs

        return platformdirs.user_data_path(APPLICATION, appauthor=False)

    @property
    def credentials_path(self) -> Path:
        """Where the named credentials stand; there may be no such file."""
        if self.credentials_file is not None:
            return self.credentials_file
        import platformdirs

        return platformdirs.user_config_path(APPLICATION, appauthor=False) / "credentials.toml"


DESCRIPTIONS: Mapping[str, str] = {row.name: row.metadata["description"] for row in fields(Settings)}
_PARSERS: Mapping[str, Callable[[str], object]] = {row.name: row.metadata["parse"] for row in fields(Settings)}
SECRET_SETTINGS = tuple(row.name for row in fields(Settings) if str(row.type).startswith("Secret"))
SWITCHES: Mapping[str, tuple[str, str]] = {
    "inline_secrets": ("--no-inline-secrets", "deny"),
    "open_browser": ("--open-browser", "yes"),
}
"""Flags that stand alone, and the text that each stands for."""


def environment_name(name: str) -> str:
    """The environment variable of a setting."""
    return "VIDEOVECTOR_" + name.upper()


def _variable_names(name: str) -> list[str]:
    return [environment_name(name), *([ALIASES[name]] if name in ALIASES else [])]


def flag_name(name: str) -> str:
    """The command-line flag of a setting."""
    return SWITCHES[name][0] if name in SWITCHES else "--" + name.replace("_", "-")


def child_environment(extra: Mapping[str, str], *, without: Collection[str] = ()) -> dict[str, str]:
    """This process's environment, less secrets and with something added, for a process that it starts.

    Left out are its own secrets and the variables `without`.
    """
    own = (each for name in SECRET_SETTINGS for each in _variable_names(name))
    hidden = {_as_kept(name) for name in (*own, *without)}
    return {**{name: text for name, text in os.environ.items() if name not in hidden}, **extra}


def _as_kept(name: str) -> str:
    return name.upper() if os.name == "nt" else name  # Windows knows a variable by any case of its name


def variable(name: str) -> str | None:
    """What an environment variable that the operator named holds now."""
    return os.environ.get(name)


def _given(name: str, flags: Mapping[str, str | None], environment: Mapping[str, str]) -> tuple[str, str] | None:
    """What the setting was called where it was given, and its text; an empty text is no setting."""
    variables = ((each, environment.get(each)) for each in _variable_names(name))
    candidates = [(flag_name(name), flags.get(name)), *variables]
    return next(((called, text) for called, text in candidates if text), None)


def load(flags: Mapping[str, str | None] | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process; `flags` by setting name.

    Raises ConfigurationError that names each wrong setting and its rule.
    """
    parsed: dict[str, Any] = {}
    faults: list[str] = []
    for name, parse in _PARSERS.items():
        given = _given(name, flags or {}, os.environ if environment is None else environment)
        if given is None:
            continue
        try:
            parsed[name] = parse(given[1])
        except RuleBroken as rule:
            faults.append(f"{given[0]}: must be {rule}")
    if faults:
        raise ConfigurationError("; ".join(faults))
    return Settings(**parsed)
