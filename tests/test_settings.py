"""Settings: where each may come from, which are secret, and that a wrong one is named as it was given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import platformdirs
import pytest

from mcp_server import settings
from mcp_server.errors import ConfigurationError
from mcp_server.redaction import reveal_text
from mcp_server.setting_rules import SecretUrl
from mcp_server.settings import (
    DESCRIPTIONS,
    GROUPS,
    SECRET_SETTINGS,
    SWITCHES,
    child_environment,
    environment_name,
    flag_name,
    load,
)
from tests.materials import API_KEY, odd_secret
from tests.setting_texts import BAD, DATABASE, ENCRYPTION_KEY, GOOD, MARK, NAMES, OLDER_KEY, PASSWORD

VARIABLES = [(name, environment_name(name)) for name in NAMES]
ALIASES = [("api_key", "VIDEO_VECTOR_API_KEY"), ("base_url", "VIDEO_VECTOR_BASE_URL")]


def test_these_are_all_settings() -> None:
    assert tuple(DESCRIPTIONS) == NAMES
    assert all(DESCRIPTIONS.values())


def test_every_setting_stands_under_one_heading_beside_its_like() -> None:
    assert [name for names in GROUPS.values() for name in names] == list(NAMES)
    assert len(GROUPS) == 6


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


DEFAULTS: dict[str, Any] = {
    "timeout": 60_000,
    "max_retries": 3,
    "upstream_limit": 100,
    "inline_secrets": "allow",
    "open_browser": "no",
    "read_only": "no",
    "tools": (),
    "exclude_tools": (),
    "transport": "stdio",
    "host": "127.0.0.1",
    "path": "/mcp",
    "workers": 1,
    "stateful": "no",
    "allowed_origins": (),
    "rate_limit": 600,
    "encryption_keys": (),
}


def test_what_is_not_set_has_its_default() -> None:
    found = load({}, {})
    assert {name: getattr(found, name) for name in DEFAULTS} == DEFAULTS
    unset = [name for name in NAMES if getattr(found, name) is None]
    assert unset == [name for name in NAMES if name not in DEFAULTS]


def test_a_flag_that_is_no_setting_is_not_looked_at() -> None:
    assert load({"command": "demo"}, {"VIDEOVECTOR_COMMAND": "x"}) == load({}, {})


def test_with_neither_key_nor_url_the_api_is_the_embedded_one() -> None:
    assert load({}, {}).is_embedded
    assert not load({"api_key": API_KEY}, {}).is_embedded
    assert not load({"base_url": "https://api.example.com"}, {}).is_embedded


def test_the_api_is_videovectors_unless_another_is_named() -> None:
    assert load({"api_key": API_KEY}, {}).api_url == settings.DEFAULT_BASE_URL
    assert load({"base_url": "https://api.example.com"}, {}).api_url == "https://api.example.com"


# ---- wrong values ------------------------------------------------------------------------------------------------


def _refusal(flags: Mapping[str, str], environment: Mapping[str, str]) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        load(flags, environment)
    return caught.value


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


# ---- secrets and folders -----------------------------------------------------------------------------------------


def test_a_switch_stands_for_one_text_of_its_setting() -> None:
    assert {name: (flag_name(name), getattr(load({name: text}, {}), name)) for name, (_, text) in SWITCHES.items()} == {
        "inline_secrets": ("--no-inline-secrets", "deny"),
        "open_browser": ("--open-browser", "yes"),
        "read_only": ("--read-only", "yes"),
        "stateful": ("--stateful", "yes"),
    }


def test_the_data_folder_is_the_platforms_unless_set(tmp_path: Path) -> None:
    assert load({"data_dir": str(tmp_path)}, {}).data_folder == tmp_path
    default = platformdirs.user_data_path("videovector-connectors", appauthor=False)
    assert load({}, {}).data_folder == default


def test_the_named_credentials_are_where_the_platform_has_them_unless_set(tmp_path: Path) -> None:
    assert load({"credentials_file": str(tmp_path / "book.toml")}, {}).credentials_path == tmp_path / "book.toml"
    default = platformdirs.user_config_path("videovector-connectors", appauthor=False) / "credentials.toml"
    assert load({}, {}).credentials_path == default


SECRET = {
    "api_key": API_KEY,
    "database_url": f"postgresql:{DATABASE}",
    "encryption_key": ENCRYPTION_KEY,
    "encryption_keys": f"{ENCRYPTION_KEY} {OLDER_KEY}",
}


def test_settings_print_without_their_secrets() -> None:
    found = load({**SECRET, "api_key": f" {API_KEY}\n"}, {})
    assert found.api_key is not None
    assert reveal_text(found.api_key) == API_KEY
    for secret in (API_KEY, PASSWORD, ENCRYPTION_KEY, OLDER_KEY):
        assert secret not in f"{found} {found!r}"


def test_the_secrets_of_the_settings_are_known_by_their_names() -> None:
    assert tuple(SECRET) == SECRET_SETTINGS
    assert load({**SECRET, "timeout": "100"}, {}).secrets == {
        API_KEY: "api_key",
        f"postgresql+asyncpg:{DATABASE}": "database_url",
        PASSWORD: "database_url",
        ENCRYPTION_KEY: "encryption_keys",
        OLDER_KEY: "encryption_keys",
    }
    assert load({"database_url": "sqlite:///some/file.db"}, {}).secrets == load({}, {}).secrets == {}


def test_a_password_of_the_database_is_known_as_written_and_as_meant() -> None:
    meant = odd_secret("database")
    written = quote(meant, safe="")
    found = load({"database_url": f"postgresql://studio:{written}@host/media"}, {})
    assert isinstance(found.database_url, SecretUrl)
    assert {meant, written} < set(found.secrets)


def test_a_child_does_not_get_this_servers_own_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*map(environment_name, SECRET), "VIDEO_VECTOR_API_KEY"):
        monkeypatch.setenv(name, MARK)
    assert MARK not in child_environment({}).values()


def test_a_child_does_not_get_what_its_starter_keeps_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEOVECTOR_TIMEOUT", MARK)
    assert MARK not in child_environment({}, without=["VIDEOVECTOR_TIMEOUT"]).values()


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
