"""What the text of a setting must be, rule by rule: what is kept of a good one, and that a bad one is not repeated."""

from __future__ import annotations

import base64
from pathlib import Path

import certifi
import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import make_url

from mcp_server import setting_rules as rules
from mcp_server.errors import ConfigurationError
from mcp_server.redaction import Secret, redact, reveal_text
from mcp_server.setting_rules import RuleBroken, SecretUrl, encryption_key_bytes
from mcp_server.settings import flag_name, load
from tests.materials import made
from tests.setting_texts import BAD, DATABASE, ENCRYPTION_KEY, MARK, NAMES, OLDER_KEY, PASSWORD, RAW_KEY

CASES = [(name, text) for name, texts in BAD.items() for text in texts]


# ---- wrong texts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "text"), CASES)
def test_a_wrong_value_is_an_error_that_names_the_setting_and_never_shows_it(name: str, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load({name: text}, {})
    error = caught.value
    assert str(error).startswith(f"{flag_name(name)}: must be ")
    assert "\n" not in str(error)
    assert MARK not in f"{error} {error!r} {error.__cause__!r}"


def test_every_rule_has_wrong_texts() -> None:
    assert tuple(BAD) == NAMES
    assert all(BAD.values())


@pytest.mark.parametrize("name", NAMES)
@hypothesis_settings(derandomize=True, database=None, max_examples=40)
@given(middle=st.text(max_size=12))
@example(middle="\ud800")
@example(middle="://")
@example(middle="~")
@example(middle="[")
@example(middle=",")
def test_any_text_is_a_setting_or_an_error_without_it(name: str, middle: str) -> None:
    shown = ""
    try:
        load({name: f"{middle}{MARK}{middle}"}, {})
    except ConfigurationError as error:
        shown = f"{error} {error!r} {error.__cause__!r}"
    assert MARK not in shown


def test_a_wrong_word_is_told_with_those_that_there_are() -> None:
    with pytest.raises(RuleBroken, match=r"^allow or deny$"):
        rules.one_of("allow", "deny")("maybe")
    with pytest.raises(RuleBroken, match=r"^stdio, http or sse$"):
        rules.one_of("stdio", "http", "sse")("maybe")


# ---- URLs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8787/api/v2", "http://localhost", "http://[::1]:8787", "https://192.168.0.1", "https://a.b/c/d"],
)
def test_a_key_may_travel_over_tls_or_within_this_machine(url: str) -> None:
    assert rules.url_for_keys(f" {url}/ ") == url


@pytest.mark.parametrize("url", ["https://login.example.com", "https://login.example.com/", "http://localhost:9000/a/"])
def test_an_issuer_is_kept_to_the_letter(url: str) -> None:
    assert rules.issuer(f" {url}\n") == url


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("https://Studio.Example.com", "https://studio.example.com"),
        ("https://studio.example.com/", "https://studio.example.com"),
        ("https://studio.example.com:443", "https://studio.example.com"),
        ("http://studio.example.com:80/", "http://studio.example.com"),
        ("https://studio.example.com:", "https://studio.example.com"),
        ("https://studio.example.com:80", "https://studio.example.com:80"),
        ("http://studio.example.com:443", "http://studio.example.com:443"),
        ("https://studio.example.com:8443", "https://studio.example.com:8443"),
        ("http://localhost:3080", "http://localhost:3080"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_an_origin_is_kept_as_a_browser_says_it(text: str, kept: str) -> None:
    assert rules.origin(text) == kept


@pytest.mark.parametrize("text", ["/mcp", "/a/b/c", "/.mcp", "/v1.2/mcp", "/~user/mcp_server-2", "/a..b"])
def test_a_path_is_of_plain_segments(text: str) -> None:
    assert rules.url_path(f" {text}\n") == text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("LocalHost", "localhost"),
        ("media_1.studio-2.internal", "media_1.studio-2.internal"),
        ("::", "::"),
        ("[::1]", "::1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("FE80::1%eth0", "fe80::1%eth0"),
        ("x" * 253, "x" * 253),
    ],
)
def test_a_host_is_a_name_or_an_address_in_its_short_form(text: str, kept: str) -> None:
    assert rules.host(f" {text} ") == kept


# ---- words, numbers, paths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("timeout", 100, 600_000),
        ("max_retries", 0, 10),
        ("upstream_limit", 1, 10_000),
        ("port", 0, 65_535),
        ("workers", 1, 64),
        ("rate_limit", 0, 1_000_000),
    ],
)
def test_a_number_has_bounds_that_belong_to_it(name: str, low: int, high: int) -> None:
    assert getattr(load({name: f" {low} "}, {}), name) == low
    assert getattr(load({name: str(high)}, {}), name) == high


def test_a_word_may_be_written_in_either_case_and_between_blanks() -> None:
    assert rules.one_of("allow", "deny")(" ALLOW\n") == "allow"
    assert rules.word(" Connectors\n") == "Connectors"


def test_several_are_kept_in_their_order_and_each_once() -> None:
    assert rules.several(rules.name)(" b, a,,b ,\n") == ("b", "a")
    assert rules.several(rules.origin)("https://a.b:443,https://A.b/") == ("https://a.b",)


def test_a_list_of_nothing_is_none_so_that_it_never_means_all() -> None:
    for text in (",", " ", " , ,"):
        with pytest.raises(RuleBroken, match="names of tools"):
            rules.several(rules.name)(text)


def test_a_home_folder_may_be_said_with_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "ca.pem").write_bytes(Path(certifi.where()).read_bytes())
    assert rules.file_path("~/data") == tmp_path / "data"
    assert rules.certificates("~/ca.pem") == tmp_path / "ca.pem"


# ---- databases ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("sqlite:////srv/files.db", "sqlite+aiosqlite:////srv/files.db"),
        (" sqlite+aiosqlite:///files.db\n", "sqlite+aiosqlite:///files.db"),
        ("sqlite+aiosqlite:///sqlite:/files.db", "sqlite+aiosqlite:///sqlite:/files.db"),
        ("sqlite:///C:/files.db", "sqlite+aiosqlite:///C:/files.db"),
    ],
)
def test_a_database_may_be_a_file(url: str, kept: str) -> None:
    assert rules.database_url(url) == kept


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
@pytest.mark.parametrize(
    ("rest", "kept"),
    [
        (DATABASE, DATABASE),
        ("//localhost/media", "//localhost/media"),
        ("//studio@[::1]:5432/media", "//studio@[::1]:5432/media"),
        ("//host/media?ssl=verify-full", "//host/media?ssl=verify-full"),
        ("//host/media?sslmode=require", "//host/media?ssl=require"),
    ],
)
def test_a_database_may_be_of_postgresql(scheme: str, rest: str, kept: str) -> None:
    url = rules.database_url(f" {scheme}:{rest}\n")
    assert isinstance(url, SecretUrl)
    assert reveal_text(url) == f"postgresql+asyncpg:{kept}"


@pytest.mark.parametrize("odd", ["/", "@", ":", "?", "#", "%", "é", "+", "[", " "])
def test_a_password_is_a_secret_as_it_is_written_and_as_the_database_gets_it(odd: str) -> None:
    meant = f"{made('first')}{odd}{made('second')}"
    written = "".join(f"%{octet:02X}" for octet in meant.encode())
    url = rules.database_url(f"postgresql://studio:{written}@host/media")
    assert isinstance(url, SecretUrl)
    assert make_url(reveal_text(url)).password == meant
    assert url.parts() == (f"postgresql+asyncpg://studio:{written}@host/media", written, meant)


def test_a_password_without_odd_characters_is_one_secret() -> None:
    url = SecretUrl(f"postgresql+asyncpg:{DATABASE}")
    assert url.parts() == (reveal_text(url), PASSWORD)
    assert SecretUrl("postgresql+asyncpg://host/media").parts() == ("postgresql+asyncpg://host/media",)


def test_a_short_password_is_hidden_in_urls_and_does_not_blot_out_other_words() -> None:
    short = "dev"
    url = SecretUrl(f"postgresql+asyncpg://studio:{short}@host/media")
    assert short not in redact(f"cannot reach postgresql://studio:{short}@host/other", url.parts())
    assert redact("the development server", url.parts()) == "the development server"


# ---- encryption keys ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [ENCRYPTION_KEY, ENCRYPTION_KEY.rstrip("="), base64.urlsafe_b64encode(RAW_KEY).decode(), f"{ENCRYPTION_KEY}\n"],
)
def test_an_encryption_key_is_32_bytes_in_either_base64(text: str) -> None:
    assert encryption_key_bytes(rules.encryption_key(text)) == RAW_KEY


@pytest.mark.parametrize("between", [",", " ", "\n", " ,\n ", ",,"])
def test_several_encryption_keys_keep_their_order(between: str) -> None:
    keys = rules.encryption_keys(f"{between}{OLDER_KEY}{between}{ENCRYPTION_KEY}{between}")
    assert keys == (Secret(OLDER_KEY), Secret(ENCRYPTION_KEY))
