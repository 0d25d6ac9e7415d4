"""What the operator decides: one table, read from flags first, the environment second. The only reader of os.environ.

A wrong value is a ConfigurationError that names the setting and its rule, never the value. Plain functions instead of a
model: this room is read before a server answers `initialize`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any, cast

from mcp_server import setting_rules as rules
from mcp_server.errors import ConfigurationError
from mcp_server.redaction import Secret
from mcp_server.setting_rules import RuleBroken

DEFAULT_BASE_URL = "https://api.vectormethods.com/api/v2"
ALIASES: Mapping[str, str] = {"api_key": "VIDEO_VECTOR_API_KEY", "base_url": "VIDEO_VECTOR_BASE_URL"}
APPLICATION = "videovector-connectors"


def _row(group: str, description: str, parse: Callable[[str], object], default: Any = None) -> Any:
    return field(default=default, metadata={"group": group, "description": description, "parse": parse})


_api = partial(_row, "the API")
_tools = partial(_row, "tools")
_server = partial(_row, "HTTP server")
_callers = partial(_row, "who may call it")
_embedded = partial(_row, "embedded API")
_storage = partial(_row, "storage")
_YES_OR_NO = rules.one_of("no", "yes")


@dataclass(frozen=True)
class Settings:
    """All settings; `environment_name` and `flag_name` say how each is given. None: not set."""

    api_key: Secret | None = _api("Key of the API; no key and no URL: the embedded API", rules.api_key)
    base_url: str | None = _api("Base URL of the API; default: VideoVector's", rules.url_for_keys)
    timeout: int = _api("Milliseconds to wait for an API answer (60000)", rules.whole(100, 600_000), 60_000)
    max_retries: int = _api("Retries of a call that may be repeated (3)", rules.whole(0, 10), 3)
    upstream_limit: int = _api("Calls to the API at a time, a process (100)", rules.whole(1, 10_000), 100)
    ca_file: Path | None = _api("PEM file of further certificate authorities", rules.certificates)
    credentials_file: Path | None = _tools("TOML file of named credentials", rules.file_path)
    inline_secrets: str = _tools(
        "Secrets as tool arguments: allow (default) or deny", rules.one_of("allow", "deny"), "allow"
    )
    open_browser: str = _tools("Open credential pages here: yes or no (default)", _YES_OR_NO, "no")
    read_only: str = _tools("Only tools that change nothing: yes or no (default)", _YES_OR_NO, "no")
    tools: tuple[str, ...] = _tools("Only these tools, by name, with commas", rules.several(rules.name), ())
    exclude_tools: tuple[str, ...] = _tools("All tools but these", rules.several(rules.name), ())
    transport: str = _server("stdio (default), http or sse", rules.one_of("stdio", "http", "sse"), "stdio")
    host: str = _server("Address to listen on (127.0.0.1)", rules.host, "127.0.0.1")
    port: int | None = _server("Port to listen on (8080; of the command api: 8787)", rules.whole(0, 65_535))
    path: str = _server("Where Streamable HTTP is served (/mcp)", rules.url_path, "/mcp")
    public_url: str | None = _server("URL by which clients reach this server, without path", rules.origin)
    workers: int = _server("Processes that serve (1)", rules.whole(1, 64), 1)
    stateful: str = _server("Sessions for older clients: yes or no (default)", _YES_OR_NO, "no")
    tls_cert: Path | None = _server("PEM file of this server's certificate chain", rules.file_path)
    tls_key: Path | None = _server("PEM file of its private key", rules.file_path)
    auth: str | None = _callers("Who may call: api-key, oauth or none", rules.one_of("api-key", "oauth", "none"))
    oauth_issuer: str | None = _callers("OpenID issuer whose tokens are accepted", rules.issuer)
    oauth_audience: str | None = _callers("Audience that a token must name", rules.word)
    allowed_origins: tuple[str, ...] = _callers(
        "Sites whose pages may call, with commas", rules.several(rules.origin), ()
    )
    rate_limit: int = _callers("Calls a minute of one caller, a process; 0: any (600)", rules.whole(0, 1_000_000), 600)
    data_dir: Path | None = _embedded("Folder of the embedded API's database and key", rules.file_path)
    database_url: str | Secret | None = _embedded(
        "sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DB", rules.database_url
    )
    encryption_key: Secret | None = _embedded("32 bytes in base64 that seal credentials", rules.encryption_key)
    encryption_keys: tuple[Secret, ...] = _embedded("Several such keys, newest first", rules.encryption_keys, ())
    s3_endpoint: str | None = _storage("S3-compatible endpoint instead of AWS", rules.http_url)
    gcs_endpoint: str | None = _storage("Endpoint instead of Google Cloud Storage", rules.http_url)
    azure_endpoint: str | None = _storage("Endpoint instead of Azure Blob Storage", rules.http_url)
    azure_authority_host: str | None = _storage("Token authority instead of Entra ID", rules.http_url)
    gcs_token_uri: str | None = _storage("Token endpoint instead of Google's", rules.http_url)

    @property
    def api_url(self) -> str:
        """Where the API is, when it is not the embedded one."""
        return self.base_url or DEFAULT_BASE_URL

    @property
    def is_embedded(self) -> bool:
        """Whether the API is the one inside of this package."""
        return self.api_key is None and self.base_url is None

    @property
    def secrets(self) -> dict[str, str]:
        """The secrets among the settings, in clear, and the setting of each: for keeping them out of texts."""
        return {part: name for name in SECRET_SETTINGS for part in _secret_parts(getattr(self, name))}

    @property
    def sealing_keys(self) -> tuple[bytes, ...]:
        """The operator's encryption keys, newest first, of 32 bytes each; none where the embedded API makes its own."""
        given = (self.encryption_key, *self.encryption_keys)
        return tuple(dict.fromkeys(rules.encryption_key_bytes(key) for key in given if key is not None))

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
GROUPS: Mapping[str, tuple[str, ...]] = {
    group: tuple(row.name for row in fields(Settings) if row.metadata["group"] == group)
    for group in dict.fromkeys(row.metadata["group"] for row in fields(Settings))
}
"""The settings under the headings by which a reader looks for them."""
_PARSERS: Mapping[str, Callable[[str], object]] = {row.name: row.metadata["parse"] for row in fields(Settings)}
SECRET_SETTINGS = tuple(row.name for row in fields(Settings) if "Secret" in str(row.type))
SWITCHES: Mapping[str, tuple[str, str]] = {
    "inline_secrets": ("--no-inline-secrets", "deny"),
    "open_browser": ("--open-browser", "yes"),
    "read_only": ("--read-only", "yes"),
    "stateful": ("--stateful", "yes"),
}
"""Flags that stand alone, and the text that each stands for."""


def _secret_parts(value: object) -> Iterator[str]:
    """What must not be seen of a setting's value: of a secret, of several, of none."""
    for each in cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,):
        if isinstance(each, Secret):
            yield from each.parts()


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


@contextmanager
def lasting_variable(name: str, value: str) -> Generator[None]:
    """An environment variable of this process and of those that it starts meanwhile."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before


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
