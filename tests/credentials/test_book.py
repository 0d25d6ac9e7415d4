"""The book as the server uses it: which names a model is told, and what it gets for one. Nothing is remembered."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import keyring
import pytest

from mcp_server.credentials import book_file, entries, sources
from mcp_server.credentials.book import CredentialBook
from mcp_server.credentials.entries import Entry, entries_in
from mcp_server.errors import ConfigurationError, ConnectorError, InvalidArguments
from mcp_server.settings import load
from tests.materials import SERVICE_ACCOUNT, UUID, made

pytestmark = pytest.mark.anyio
MARK = made("place")
VARIABLE = f"ARCHIVE_{MARK}".upper()
BOOK = f"""\
[archive]
provider = "s3"
aws_access_key_id = {{ env = "{VARIABLE}" }}
aws_secret_access_key = {{ keyring = "{MARK}" }}

[studio]
provider = "s3"
aws_profile = "{MARK}"

[footage]
provider = "gcs"
credentials_json = {{ file = "{MARK}.json" }}

[review]
provider = "azure"
tenant_id = "{UUID}"
client_id = "{UUID}"
client_secret = {{ command = ['{sys.executable}', "{MARK}.py"] }}
"""
PROVIDERS = {"archive": "s3", "studio": "s3", "footage": "gcs", "review": "azure"}


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A book whose sources give nothing yet."""
    return write(tmp_path / "credentials.toml", BOOK)


@pytest.fixture
def book(path: Path) -> CredentialBook:
    return CredentialBook(path)


@pytest.fixture
def filled(path: Path, keyring_folder: Path, monkeypatch: pytest.MonkeyPatch) -> CredentialBook:
    """The same book, and every source gives something."""
    fill(path.parent, "first", monkeypatch)
    return CredentialBook(path)


def fill(folder: Path, label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sources give values of this label from now on."""
    monkeypatch.setenv(VARIABLE, made(f"{label} id"))
    keyring.set_password("videovector-connectors", MARK, made(f"{label} keyring"))
    keys = f"aws_access_key_id={made(f'{label} id')}\naws_secret_access_key={made(f'{label} profile')}\n"
    (folder / "aws").write_text(f"[{MARK}]\n{keys}", encoding="utf-8")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "aws"))
    (folder / f"{MARK}.json").write_text(f"{SERVICE_ACCOUNT}{made(label)}\n", encoding="utf-8")
    (folder / f"{MARK}.py").write_text(f"print('{made(f'{label} command')}')", encoding="utf-8")


def values(label: str) -> dict[str, dict[str, object]]:
    """What stands behind each name then."""
    key_id = made(f"{label} id")
    return {
        "archive": {"aws_access_key_id": key_id, "aws_secret_access_key": made(f"{label} keyring")},
        "studio": {"aws_access_key_id": key_id, "aws_secret_access_key": made(f"{label} profile")},
        "footage": {"credentials_json": SERVICE_ACCOUNT + made(label)},
        "review": {"tenant_id": UUID, "client_id": UUID, "client_secret": made(f"{label} command")},
    }


async def refusal(book: CredentialBook, name: str, provider: str) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        await book.look_up(name, provider)
    return caught.value


async def test_a_name_gives_the_values_of_all_fields(filled: CredentialBook) -> None:
    found = {name: await filled.look_up(name, provider) for name, provider in PROVIDERS.items()}
    assert found == values("first")


async def test_no_value_is_remembered(filled: CredentialBook, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, provider in PROVIDERS.items():
        await filled.look_up(name, provider)
    fill(path.parent, "second", monkeypatch)
    found = {name: await filled.look_up(name, provider) for name, provider in PROVIDERS.items()}
    assert found == values("second")


def test_a_provider_has_its_own_names_sorted(book: CredentialBook) -> None:
    assert book.names("s3") == ("archive", "studio")
    assert book.names("gcs") == ("footage",)
    assert book.names("ftp") == ()


async def test_the_names_are_those_of_the_file_as_it_is_now(book: CredentialBook, path: Path) -> None:
    write(path, BOOK.replace("[footage]", "[clips]"))
    assert book.names("gcs") == ("clips",)
    assert isinstance(await refusal(book, "footage", "gcs"), InvalidArguments)


async def test_a_file_is_parsed_once_until_it_changes(
    filled: CredentialBook, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[str] = []

    def counted(text: str, folder: Path) -> Mapping[str, Entry]:
        parsed.append(text)
        return entries_in(text, folder)

    monkeypatch.setattr(entries, "entries_in", counted)
    for text in (BOOK, f"{BOOK}# changed\n"):
        write(path, text)
        for provider in ("s3", "gcs", "azure") * 3:
            assert filled.names(provider)
        await filled.look_up("archive", "s3")
    assert parsed == [BOOK, f"{BOOK}# changed\n"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has access lists instead of modes")
def test_a_file_that_others_may_write_from_now_on_is_no_longer_used(book: CredentialBook, path: Path) -> None:
    assert book.names("gcs") == ("footage",)
    path.chmod(0o666)
    assert book.names("gcs") == ()


def test_the_variables_that_entries_read_are_known_even_when_the_file_breaks(book: CredentialBook, path: Path) -> None:
    assert CredentialBook(None).environment_variables() == frozenset()
    assert book.environment_variables() == {VARIABLE}
    write(path, "[")
    assert book.environment_variables() == {VARIABLE}
    write(path, "")
    assert book.environment_variables() == frozenset()


async def test_a_file_that_cannot_be_read_in_time_is_not_waited_for(
    book: CredentialBook, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    released = threading.Event()

    def stuck(_: Path) -> None:
        released.wait(60)

    monkeypatch.setattr(book_file, "read", stuck)
    monkeypatch.setattr(sources, "SECONDS", 0.2)
    try:
        assert str(await refusal(book, "archive", "s3")).startswith("The operator's named credentials cannot be used.")
    finally:
        released.set()
    assert "it has not answered within 0.2 s" in caplog.text


async def test_an_unknown_name_and_one_of_another_provider_are_refused_alike(filled: CredentialBook) -> None:
    unknown = await refusal(filled, "no-such-name", "s3")
    forbidden = await refusal(filled, "footage", "s3")
    assert isinstance(unknown, InvalidArguments)
    assert isinstance(forbidden, InvalidArguments)
    assert (str(unknown), unknown.violations) == (str(forbidden), forbidden.violations)
    assert unknown.violations[0].field == "credentials"
    assert unknown.violations[0].rule == "must be one of those for s3: archive, studio"


@pytest.mark.parametrize("name", ["", "../archive", "archive ", "ARCHIVE", "[archive]", VARIABLE, "a" * 100_000])
async def test_no_name_is_repeated_or_taken_for_something_else(book: CredentialBook, name: str) -> None:
    assert str(await refusal(book, name, "s3")) == str(await refusal(book, "unknown", "s3"))


async def test_where_there_is_no_name_that_is_said(book: CredentialBook, path: Path) -> None:
    write(path, '[studio]\nprovider = "s3"\naws_profile = "x"\n')
    said = [await refusal(each, "studio", "gcs") for each in (book, CredentialBook(None))]
    assert [str(each) for each in said] == [
        "Invalid arguments: credentials: the operator has set up none for gcs. Correct them and call again."
    ] * 2


async def test_of_very_many_names_the_first_are_listed(book: CredentialBook, path: Path) -> None:
    entries = (f'[n{number:03}]\nprovider = "s3"\naws_profile = "x"\n' for number in range(60))
    write(path, "".join(entries))
    said = str(await refusal(book, "unknown", "s3"))
    assert "n000, n001, " in said
    assert "n049 and 10 more." in said


@pytest.mark.usefixtures("no_keyring")
@pytest.mark.parametrize(
    ("name", "field", "kind", "logged"),
    [
        ("archive", "aws_access_key_id", "env", f"the variable {VARIABLE}: it is not set"),
        ("studio", "aws_profile", "AWS profile", "there is no such file"),
        ("footage", "credentials_json", "file", f"{MARK}.json: No such file"),
        ("review", "client_secret", "command", f"the command {sys.executable}: exit status 2"),
    ],
)
async def test_a_source_that_fails_is_named_by_its_kind_and_only_the_log_says_where(
    *,
    book: CredentialBook,
    name: str,
    field: str,
    kind: str,
    logged: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "absent"))
    error = await refusal(book, name, PROVIDERS[name])
    assert isinstance(error, ConfigurationError)
    assert error.code == "credentials_unreadable"
    assert str(error) == (
        f"The credentials {name} cannot be read: {field} comes from a source ({kind}) that fails. "
        f"Ask the operator to run: videovector-connectors credentials check {name}"
    )
    assert logged in caplog.text
    shown = f"{error!r} {error.hint} {error.__cause__!r} {book!r}".lower()
    assert not [place for place in (MARK, str(tmp_path), sys.executable) if place.lower() in shown]


@pytest.mark.usefixtures("no_keyring")
async def test_a_keyring_that_is_not_there_is_named_too(
    book: CredentialBook, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(VARIABLE, made("secret"))
    assert "aws_secret_access_key comes from a source (keyring) that fails" in str(await refusal(book, "archive", "s3"))
    assert "this machine has no keyring" in caplog.text
    assert made("secret") not in caplog.text


def test_a_book_is_verified_at_the_start(book: CredentialBook, path: Path) -> None:
    book.verify()
    CredentialBook(None).verify()
    write(path, f'[archive]\nprovider = "s3"\naws_profile = ["{MARK}"]\n')
    with pytest.raises(ConfigurationError) as caught:
        book.verify()
    assert str(caught.value) == f"{path}: archive.aws_profile: must be the name of a profile."


def test_a_file_that_the_operator_named_must_be_there(tmp_path: Path) -> None:
    named = CredentialBook.of(load({"credentials_file": str(tmp_path / "typo.toml")}, {}))
    with pytest.raises(ConfigurationError, match=r"typo\.toml: there is no such file\. Correct VIDEOVECTOR_CREDENT"):
        named.verify()


def test_the_file_at_the_default_place_may_come_later(config_folder: Path) -> None:
    book = CredentialBook.of(load({}, {}))
    book.verify()
    assert book.names("s3") == ()
    config_folder.mkdir(parents=True)
    write(config_folder / "credentials.toml", BOOK)
    assert book.names("s3") == ("archive", "studio")


async def test_a_file_that_breaks_later_is_logged_once_a_change_and_gives_nothing(
    book: CredentialBook, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    for text, lines in [("[archive]", 1), ("[archive]", 1), ("[", 2), (BOOK, 2), ("[", 3)]:
        write(path, text)
        assert book.names("azure") == (("review",) if text == BOOK else ())
        assert len(caplog.records) == lines
    error = await refusal(book, "archive", "s3")
    assert error.code == "credentials_unreadable"
    assert str(error) == (
        "The operator's named credentials cannot be used. "
        "Ask the operator to run: videovector-connectors credentials check"
    )
    assert len(caplog.records) == 4
