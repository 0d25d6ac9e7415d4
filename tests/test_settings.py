"""Settings: where each may come from, what each must be, and that a wrong one is named and never shown."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import certifi
import platformdirs
import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mcp_server import settings
from mcp_server.errors import ConfigurationError
from mcp_server.redaction import Secret, reveal_text
from mcp_server.settings import (
    DESCRIPTIONS,
    SWITCHES,
    child_environment,
    encryption_key_bytes,
    environment_name,
    flag_name,
    load,
)
from tests.materials import API_KEY, made

RAW_KEY = secrets.token_bytes(32)
ENCRYPTION_KEY = base64.b64encode(RAW_KEY).decode()
GOOD: dict[str, tuple[str, Any]] = {
    "api_key": (API_KEY, Secret(API_KEY)),
    "base_url": ("https://api.example.com/v2/", "https://api.example.com/v2"),
    "timeout": ("100", 100),
    "max_retries": ("0", 0),
    "data_dir": ("some/folder", Path("some/folder")),
    "database_url": ("sqlite:///some/file.db", "sqlite+aiosqlite:///some/file.db"),
    "encryption_key": (ENCRYPTION_KEY, Secret(ENCRYPTION_KEY)),
    "s3_endpoint": ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
    "gcs_endpoint": ("http://storage.internal:4443/", "http://storage.internal:4443"),
    "azure_endpoint": ("https://[::1]:10000/devstoreaccount1", "https://[::1]:10000/devstoreaccount1"),
    "azure_authority_host": ("https://login.example.com", "https://login.example.com"),
    "gcs_token_uri": ("https://token.example.com/token", "https://token.example.com/token"),
    "ca_file": (certifi.where(), Path(certifi.where())),
    "credentials_file": ("some/credentials.toml", Path("some/credentials.toml")),
    "inline_secrets": ("deny", "deny"),
    "open_browser": ("Yes", "yes"),
}
NAMES = tuple(GOOD)
VARIABLES = [(name, environment_name(name)) for name in NAMES]
ALIASES = [("api_key", "VIDEO_VECTOR_API_KEY"), ("base_url", "VIDEO_VECTOR_BASE_URL")]


def test_these_are_all_settings() -> None:
    assert tuple(DESCRIPTIONS) == NAMES
    assert all(DESCRIPTIONS.values())


def test_a_setting_has_one_name_in_two_spellings() -> None:
    assert environment_name("azure_authority_host") == "VIDEOVECTOR_AZURE_AUTHORITY_HOST"
    assert flag_name("azure_authority_host") == "--azure-authority-host"


@pytest.mark.parametrize(("name", "variable"), [*VARIABLES, *ALIASES])
def test_a_setting_may_come_from_the_environment(name: str, variable: str) -> None:
    text, value = GOOD[name]
    assert getattr(load({}, {variable: text}), name) == value


@pytest.mark.parametrize("name", NAMES)
def test_a_flag_goes_before_the_environment(name: str) -> None:
    text, value = GOOD[name]
    environment = {environment_name(name): "\x00 wrong", "VIDEO_VECTOR_" + name.upper(): "\x00 wrong"}
    assert getattr(load({name: text}, environment), name) == value


@pytest.mark.parametrize(("name", "alias"), ALIASES)
def test_an_alias_goes_last(name: str, alias: str) -> None:
    text, value = GOOD[name]
    assert getattr(load({}, {alias: "\x00 wrong", environment_name(name): text}), name) == value


@pytest.mark.parametrize("name", [name for name in NAMES if name not in dict(ALIASES)])
def test_no_other_setting_has_an_alias(name: str) -> None:
    assert load({}, {"VIDEO_VECTOR_" + name.upper(): "\x00 wrong"}) == load({}, {})


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_text_is_no_setting(name: str) -> None:
    assert load({name: ""}, {environment_name(name): ""}) == load({name: None}, {}) == load({}, {})


@pytest.mark.parametrize("name", NAMES)
def test_the_environment_of_the_process_is_read_by_default(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for each in NAMES:
        monkeypatch.delenv(environment_name(each), raising=False)
    text, value = GOOD[name]
    monkeypatch.setenv(environment_name(name), text)
    assert getattr(load(), name) == value


def test_an_environment_that_was_given_is_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEOVECTOR_TIMEOUT", "7777")
    assert load({}, {}).timeout == 60_000


DEFAULTS = {
    "base_url": settings.DEFAULT_BASE_URL,
    "timeout": 60_000,
    "max_retries": 3,
    "inline_secrets": "allow",
    "open_browser": "no",
}


def test_what_is_not_set_has_its_default() -> None:
    found = load({}, {})
    assert {name: getattr(found, name) for name in DEFAULTS} == DEFAULTS
    unset = [name for name in NAMES if getattr(found, name) is None]
    assert unset == [name for name in NAMES if name not in DEFAULTS]


def test_a_flag_that_is_no_setting_is_not_looked_at() -> None:
    assert load({"command": "demo"}, {"VIDEOVECTOR_COMMAND": "x"}) == load({}, {})


# ---- wrong values ------------------------------------------------------------------------------------------------

MARK = made("setting", 16)
BAD_URLS = [
    *(MARK, f"ftp://{MARK}", f"https://{MARK}@host", f"https://u:{MARK}@host", f"//{MARK}", f"file:///{MARK}"),
    *(f"https://host/?key={MARK}", f"https://host/#{MARK}", f"https://[{MARK}", f"https://host:{MARK}", "https://"),
    *(f"https://host:99999/{MARK}", f"https://host:0/{MARK}", f"https://ho st/{MARK}", f"https://ho\nst/{MARK}"),
    *(f"javascript:{MARK}", f"https:/{MARK}", f"https:{MARK}", "https:///path", f"https://host/a b/{MARK}"),
    *(f"https://host/\x01{MARK}", f"https://host\x7f/{MARK}", f"https://host/{MARK}?", f"https://host/{MARK}#"),
    f"https://xn--/{MARK}",
]
BAD_NUMBERS = [
    MARK,
    "-1",
    "1.5",
    "1e3",
    "0x10",
    "1_000",
    "\u0661\u0662\u0663",
    "99999999999999999999",
    "9" * 5_000,
    "nan",
]
BAD_KEYS = [
    MARK,
    ENCRYPTION_KEY[:-6] + "==",
    f"{ENCRYPTION_KEY}AAAA",
    "é" * 44,
    "a",
    f"{ENCRYPTION_KEY[:20]} {ENCRYPTION_KEY[21:]}",
]
BAD: dict[str, list[str]] = {
    "api_key": [f"{MARK} {MARK}", f"{MARK}\nX-Other: a", f"{MARK}é", "short", f"{MARK}\x00", "   ", "k" * 5_000],
    "base_url": [
        *BAD_URLS,
        f"http://{MARK}.example.com",
        f"http://localhost.{MARK}.com",
        "http://127.0.0.1.example.com",
    ],
    "timeout": [*BAD_NUMBERS, "0", "99", "600001"],
    "max_retries": [*BAD_NUMBERS, "11"],
    "data_dir": [f"~no-such-user-{MARK}/x"],
    "credentials_file": [f"~no-such-user-{MARK}/x", f"{MARK}\x00"],
    "inline_secrets": [MARK, "no"],
    "open_browser": [MARK, "true"],
    "database_url": [
        *(MARK, "sqlite://", "sqlite:///", "sqlite:///:memory:", f"sqlite:///{MARK}?mode=ro", f"sqlite:///{MARK}#x"),
        *(f"postgresql://u:{MARK}@host/db", f"mysql:///{MARK}", f"sqlite+pysqlite:///{MARK}", f"sqlite://host/{MARK}"),
    ],
    "encryption_key": BAD_KEYS,
    **{name: BAD_URLS for name in NAMES if name.endswith(("endpoint", "authority_host", "token_uri"))},
    "ca_file": [
        MARK,
        __file__,
        f"{MARK}\x00",
        f"{MARK}/" * 1_000,
        ".",
        f"~no-such-user-{MARK}/x",
        f"{__file__}/{MARK}",
    ],
}
CASES = [(name, text) for name, texts in BAD.items() for text in texts]


def _refusal(flags: Mapping[str, str], environment: Mapping[str, str]) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        load(flags, environment)
    return caught.value


@pytest.mark.parametrize(("name", "text"), CASES)
def test_a_wrong_value_is_an_error_that_names_the_setting_and_never_shows_it(name: str, text: str) -> None:
    error = _refusal({name: text}, {})
    assert str(error).startswith(f"{flag_name(name)}: must be ")
    assert "\n" not in str(error)
    assert MARK not in f"{error} {error!r} {error.__cause__!r}"


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_value_is_named_as_it_was_given(name: str) -> None:
    wrong = BAD[name][0]
    assert str(_refusal({}, {environment_name(name): wrong})).startswith(environment_name(name))
    assert str(_refusal({name: wrong}, {})).startswith(flag_name(name))


@pytest.mark.parametrize(("name", "alias"), ALIASES)
def test_a_wrong_value_of_an_alias_is_named_as_it_was_given(name: str, alias: str) -> None:
    assert str(_refusal({}, {alias: BAD[name][0]})).startswith(alias)


def test_everything_wrong_is_said_at_once() -> None:
    error = _refusal({"timeout": "soon"}, {"VIDEOVECTOR_MAX_RETRIES": "many", "VIDEOVECTOR_API_KEY": "a b c d e"})
    assert all(name in str(error) for name in ("--timeout", "VIDEOVECTOR_MAX_RETRIES", "VIDEOVECTOR_API_KEY"))


@pytest.mark.parametrize("name", NAMES)
@hypothesis_settings(deadline=None, derandomize=True, database=None, max_examples=80)
@given(middle=st.text(max_size=12))
@example(middle="\ud800")
@example(middle="://")
@example(middle="~")
def test_any_text_is_a_setting_or_an_error_without_it(name: str, middle: str) -> None:
    shown = ""
    try:
        load({name: f"{middle}{MARK}{middle}"}, {})
    except ConfigurationError as error:
        shown = f"{error} {error!r} {error.__cause__!r}"
    assert MARK not in shown


# ---- right values ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8787/api/v2", "http://localhost", "http://[::1]:8787", "https://192.168.0.1", "https://a.b/c/d"],
)
def test_a_key_may_travel_over_tls_or_within_this_machine(url: str) -> None:
    assert load({"base_url": f" {url}/ "}, {}).base_url == url


@pytest.mark.parametrize(("name", "low", "high"), [("timeout", 100, 600_000), ("max_retries", 0, 10)])
def test_a_number_has_bounds_that_belong_to_it(name: str, low: int, high: int) -> None:
    assert getattr(load({name: f" {low} "}, {}), name) == low
    assert getattr(load({name: str(high)}, {}), name) == high


@pytest.mark.parametrize(
    "text",
    [ENCRYPTION_KEY, ENCRYPTION_KEY.rstrip("="), base64.urlsafe_b64encode(RAW_KEY).decode(), f"{ENCRYPTION_KEY}\n"],
)
def test_an_encryption_key_is_32_bytes_in_either_base64(text: str) -> None:
    key = load({"encryption_key": text}, {}).encryption_key
    assert key is not None
    assert encryption_key_bytes(key) == RAW_KEY


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("sqlite:////srv/files.db", "sqlite+aiosqlite:////srv/files.db"),
        ("sqlite+aiosqlite:///files.db", "sqlite+aiosqlite:///files.db"),
        ("sqlite+aiosqlite:///sqlite:/files.db", "sqlite+aiosqlite:///sqlite:/files.db"),
        ("sqlite:///C:/files.db", "sqlite+aiosqlite:///C:/files.db"),
    ],
)
def test_a_database_is_a_file(url: str, kept: str) -> None:
    assert load({"database_url": url}, {}).database_url == kept


def test_a_home_folder_may_be_said_with_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "ca.pem").write_bytes(Path(certifi.where()).read_bytes())
    found = load({"data_dir": "~/data", "ca_file": "~/ca.pem"}, {})
    assert found.data_folder == tmp_path / "data"
    assert found.ca_file == tmp_path / "ca.pem"


def test_the_data_folder_is_the_platforms_unless_set(tmp_path: Path) -> None:
    assert load({"data_dir": str(tmp_path)}, {}).data_folder == tmp_path
    default = platformdirs.user_data_path("videovector-connectors", appauthor=False)
    assert load({}, {}).data_folder == default


def test_settings_print_without_their_secrets() -> None:
    found = load({"api_key": f" {API_KEY}\n", "encryption_key": ENCRYPTION_KEY}, {})
    assert found.api_key is not None
    assert reveal_text(found.api_key) == API_KEY
    assert API_KEY not in f"{found} {found!r}"
    assert ENCRYPTION_KEY not in f"{found} {found!r}"


def test_a_switch_stands_for_one_text_of_its_setting() -> None:
    assert {name: (flag_name(name), getattr(load({name: text}, {}), name)) for name, (_, text) in SWITCHES.items()} == {
        "inline_secrets": ("--no-inline-secrets", "deny"),
        "open_browser": ("--open-browser", "yes"),
    }


@pytest.mark.parametrize(("name", "text"), [("inline_secrets", " ALLOW "), ("open_browser", "NO\n")])
def test_a_word_may_be_written_in_either_case_and_between_blanks(name: str, text: str) -> None:
    assert getattr(load({name: text}, {}), name) == DEFAULTS[name]


def test_a_wrong_word_is_told_with_those_that_there_are() -> None:
    assert "VIDEOVECTOR_INLINE_SECRETS: must be allow or deny" in str(
        _refusal({}, {"VIDEOVECTOR_INLINE_SECRETS": "maybe"})
    )


def test_the_secrets_of_the_settings_are_known_by_their_names() -> None:
    found = load({"api_key": API_KEY, "encryption_key": ENCRYPTION_KEY, "timeout": "100"}, {})
    assert found.secrets == {API_KEY: "api_key", ENCRYPTION_KEY: "encryption_key"}
    assert load({}, {}).secrets == {}


def test_the_named_credentials_are_where_the_platform_has_them_unless_set(tmp_path: Path) -> None:
    assert load({"credentials_file": str(tmp_path / "book.toml")}, {}).credentials_path == tmp_path / "book.toml"
    default = platformdirs.user_config_path("videovector-connectors", appauthor=False) / "credentials.toml"
    assert load({}, {}).credentials_path == default


def test_a_child_does_not_get_this_servers_own_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VIDEOVECTOR_API_KEY", "VIDEO_VECTOR_API_KEY", "VIDEOVECTOR_ENCRYPTION_KEY"):
        monkeypatch.setenv(name, API_KEY)
    assert API_KEY not in child_environment({}).values()


def test_a_variable_that_the_operator_named_is_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"STUDIO_{MARK.upper()}"
    assert settings.variable(name) is None
    monkeypatch.setenv(name, MARK)
    assert settings.variable(name) == MARK


def test_a_child_gets_this_environment_and_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEOVECTOR_TIMEOUT", "7777")
    child = child_environment({"VIDEOVECTOR_MAX_RETRIES": "1", "VIDEOVECTOR_TIMEOUT": "8888"})
    assert child["VIDEOVECTOR_TIMEOUT"] == "8888"
    assert child["VIDEOVECTOR_MAX_RETRIES"] == "1"
    assert "PATH" in child
