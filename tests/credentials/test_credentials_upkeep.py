"""The `credentials` command, afterwards: it lists, removes and checks entries, and shows no value."""

from __future__ import annotations

import sys
from pathlib import Path

import keyring
import pytest

from tests.credentials.commanding import S3_ANSWERS, SERVICE, Command, kept
from tests.materials import AWS_SECRET, AZURE_SECRET, UUID, made

pytestmark = pytest.mark.usefixtures("process_state")


# ---- list, remove, check -----------------------------------------------------------------------------------------

BOOK = f"""\
# by hand
[archive]
provider = "s3"
aws_access_key_id = {{ env = "ARCHIVE_{made("variable", 8)}" }}
aws_secret_access_key = {{ keyring = "{made("item")}" }}

[studio]
provider = "s3"
aws_profile = "{made("profile")}"

[review]
provider = "azure"
tenant_id = "nonsense"
client_id = "{UUID}"
client_secret = {{ command = ["op", "read"] }}
"""


def test_the_list_has_kinds_and_neither_places_nor_values(command: Command) -> None:
    command.write(BOOK)
    assert command.run("list") == 0
    assert command.out.splitlines() == [
        "archive: s3, aws_access_key_id (env), aws_secret_access_key (keyring)",
        "review: azure, tenant_id (plain text), client_id (plain text), client_secret (command)",
        "studio: s3, aws_profile (AWS profile)",
    ]


def test_the_list_of_an_empty_book_says_where_it_would_be(command: Command) -> None:
    assert command.run("list") == 0
    assert command.out == f"There are no entries in {command.path}.\n"


def test_an_entry_is_removed_with_its_secret_and_no_other(command: Command, keyring_folder: Path) -> None:
    command.write(BOOK)
    keyring.set_password(SERVICE, made("item"), AWS_SECRET)
    command.run("add", "new", "--provider", "s3", answers=S3_ANSWERS)
    assert command.run("remove", "new") == 0
    assert command.out == f"new is no longer in {command.path}.\n"
    assert kept("new/aws_secret_access_key") is None
    assert command.path.read_text(encoding="utf-8").rstrip() == BOOK.rstrip()
    assert command.run("remove", "archive") == 0
    assert kept(made("item")) == AWS_SECRET
    assert "# by hand" in command.path.read_text(encoding="utf-8")


def test_a_secret_that_cannot_be_deleted_is_told(
    command: Command, keyring_folder: Path, request: pytest.FixtureRequest
) -> None:
    command.run("add", "archive", "--provider", "s3", answers=S3_ANSWERS)
    request.getfixturevalue("no_keyring")
    assert command.run("remove", "archive") == 1
    assert "Delete the keyring's item archive/aws_secret_access_key of the service" in command.out
    assert command.out.endswith("yourself: this machine has no keyring\n")
    assert command.book() == {}


@pytest.mark.parametrize(("book", "named"), [(BOOK, "archive, review, studio"), ("", "(there is no entry)")])
@pytest.mark.parametrize("action", ["remove", "check"])
def test_a_name_that_is_not_there_is_told_which_are(command: Command, action: str, book: str, named: str) -> None:
    command.write(book)
    assert command.run(action, "typo") == 2
    assert f"NAME: must be one of {named}" in command.err
    assert command.path.read_text(encoding="utf-8") == book


def test_what_to_remove_must_be_said(command: Command) -> None:
    command.write(BOOK)
    assert command.run("remove") == 2
    assert "NAME: must be one of" in command.err


@pytest.mark.usefixtures("no_keyring")
def test_a_check_says_of_every_entry_what_is_wrong_and_where(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws"))
    script = f"import sys; print({AZURE_SECRET!r}); sys.exit(7)"
    command.write(BOOK.replace('["op", "read"]', f"['{sys.executable}', '-c', '''{script}''']"))
    assert command.run("check") == 1
    archive, review, studio = command.out.splitlines()
    assert archive == (
        f"archive: s3, aws_access_key_id: the variable ARCHIVE_{made('variable', 8)}: it is not set; "
        f"aws_secret_access_key: the keyring's item {made('item')} of the service videovector-connectors: "
        "this machine has no keyring"
    )
    assert review == (
        f"review: azure, client_secret: the command {sys.executable}: exit status 7; "
        "tenant_id: must be a tenant UUID or a domain name"
    )
    assert studio == (
        f"studio: s3, aws_profile: the profile {made('profile')} of {tmp_path / 'aws'}: there is no such file"
    )
    assert AZURE_SECRET not in command.out + command.err


def test_a_check_of_one_entry_is_about_that_one(
    command: Command, keyring_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = f"aws_access_key_id = access-key-id\naws_secret_access_key = {made('key')}\n"
    (tmp_path / "aws").write_text(f"[{made('profile')}]\n{keys}", encoding="utf-8")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws"))
    command.write(BOOK)
    assert command.run("check", "studio") == 0
    assert command.out == "studio: s3, ok\n"


def test_a_check_without_a_book_is_an_error(command: Command) -> None:
    assert command.run("check") == 2
    assert "credentials.toml: there is no such file." in command.err


@pytest.mark.parametrize("arguments", [(), ("show",)])
def test_the_actions_are_named_to_who_gives_none(command: Command, arguments: tuple[str, ...]) -> None:
    assert command.run(*arguments) == 2
    assert "action" in command.err or "credentials: give one of add, list, remove, check (see --help)" in command.err


def test_a_secret_among_the_arguments_is_not_repeated(command: Command) -> None:
    assert command.run("add", "archive", AWS_SECRET) == 2
    assert AWS_SECRET not in command.err
