"""The `credentials` command: it adds, lists, checks and removes entries, whole or not at all, and shows no value."""

from __future__ import annotations

import getpass
import io
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from mcp_server.credentials import book_file
from mcp_server.credentials.book import CredentialBook
from mcp_server.errors import ConfigurationError
from tests.credentials.commanding import AZURE_ANSWERS, S3_ANSWERS, S3_ENTRY, Command, kept
from tests.materials import AWS_SECRET, AZURE_SECRET, SERVICE_ACCOUNT, UUID, made

pytestmark = pytest.mark.usefixtures("process_state")


# ---- add ---------------------------------------------------------------------------------------------------------


def test_a_secret_goes_to_the_keyring_and_the_rest_into_the_book(command: Command, keyring_folder: Path) -> None:
    assert command.run("add", "archive", "--provider", "s3", answers=S3_ANSWERS) == 0
    assert command.book() == {"archive": S3_ENTRY}
    assert kept("archive/aws_secret_access_key") == AWS_SECRET
    assert command.out == f"archive stands in {command.path}, its secret in the keyring.\n"
    assert command.err == ""


def test_the_provider_is_asked_for_when_it_is_not_given(command: Command, keyring_folder: Path) -> None:
    assert command.run("add", "review", answers=("azure", *AZURE_ANSWERS)) == 0
    assert command.book() == {
        "review": {
            "provider": "azure",
            "tenant_id": UUID,
            "client_id": UUID,
            "client_secret": {"keyring": "review/client_secret"},
        }
    }
    assert kept("review/client_secret") == AZURE_SECRET


def test_of_a_key_file_the_content_is_kept(command: Command, keyring_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text(SERVICE_ACCOUNT, encoding="utf-8")
    assert command.run("add", "footage", "--provider", "gcs", answers=(str(tmp_path / "key.json"),)) == 0
    (tmp_path / "key.json").unlink()
    assert kept("footage/credentials_json") == SERVICE_ACCOUNT
    assert command.run("check", "footage") == 0


@pytest.mark.anyio
async def test_the_server_finds_what_was_added(command: Command, keyring_folder: Path) -> None:
    assert command.run("add", "archive", "--provider", "s3", answers=S3_ANSWERS) == 0
    found = await CredentialBook(command.path).look_up("archive", "s3")
    assert found == {"aws_access_key_id": "access-key-id", "aws_secret_access_key": AWS_SECRET}


def test_without_any_setting_the_book_is_where_the_platform_wants_it(
    command: Command, keyring_folder: Path, config_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VIDEOVECTOR_CREDENTIALS_FILE")
    assert command.run("add", "archive", "--provider", "s3", answers=S3_ANSWERS) == 0
    assert (config_folder / "credentials.toml").exists()
    assert command.run("list") == 0
    assert "archive: s3" in command.out


@pytest.mark.parametrize(
    ("arguments", "answers", "said"),
    [
        (("add",), (), "credentials add NAME: a name is 1 to 64 of A-Z a-z 0-9 _ -"),
        (("add", "a b"), (), "credentials add NAME: a name is"),
        (("add", "archive", "--provider", "ftp"), (), "--provider: must be gcs or s3 or azure"),
        (("add", "archive"), ("ftp",), "provider (gcs, s3 or azure): must be gcs or s3 or azure"),
        (("add", "archive"), (), "provider (gcs, s3 or azure): must be"),
        (("add", "archive", "--provider", "s3"), ("!",), "aws_access_key_id: must be an access key id"),
        (("add", "archive", "--provider", "s3"), ("access-key-id", "short"), "aws_secret_access_key: must have at"),
        (("add", "archive", "--provider", "s3"), ("access-key-id",), "aws_secret_access_key: must not be empty"),
        (("add", "footage", "--provider", "gcs"), ("absent.json",), "key file: the file cannot be used: No such file"),
        (("add", "footage", "--provider", "gcs"), (__file__,), "key file: must be a service-account key"),
        (("add", "footage", "--provider", "gcs"), ("a\0b",), "key file: must be the path of a file"),
    ],
)
def test_what_cannot_be_taken_is_said_and_nothing_is_kept(
    command: Command, keyring_folder: Path, arguments: tuple[str, ...], answers: tuple[str, ...], said: str
) -> None:
    assert command.run(*arguments, answers=answers) == 2
    assert said in command.err
    assert len(command.err.splitlines()) == 1
    assert command.book() == {}
    assert not keyring_folder.exists()


def test_an_answer_that_is_no_text_is_refused(command: Command, keyring_folder: Path) -> None:
    piped = io.TextIOWrapper(io.BytesIO(b"access-key-id\n\xff\xfe\n"), encoding="utf-8")
    assert command.run_with(piped, "add", "archive", "--provider", "s3") == 2
    assert command.err.endswith("must be UTF-8\n")


def test_a_name_that_exists_is_refused_before_anything_is_asked(command: Command, keyring_folder: Path) -> None:
    command.run("add", "archive", "--provider", "s3", answers=S3_ANSWERS)
    assert command.run("add", "archive", answers=("azure", *AZURE_ANSWERS)) == 2
    assert "There is an entry archive already. Remove it first, or add --replace." in command.err
    assert command.book() == {"archive": S3_ENTRY}


def test_an_entry_is_replaced_with_all_that_it_had(command: Command, keyring_folder: Path) -> None:
    command.run("add", "archive", "--provider", "s3", answers=S3_ANSWERS)
    new = (S3_ANSWERS[0], made("rotated"))
    assert command.run("add", "archive", "--provider", "s3", "--replace", answers=new) == 0
    assert kept("archive/aws_secret_access_key") == made("rotated")
    assert command.run("add", "archive", "--provider", "azure", "--replace", answers=AZURE_ANSWERS) == 0
    assert kept("archive/aws_secret_access_key") is None
    assert kept("archive/client_secret") == AZURE_SECRET


@pytest.mark.usefixtures("no_keyring")
def test_without_a_keyring_nothing_is_asked_and_other_sources_are_named(command: Command) -> None:
    assert command.run("add", "archive", "--provider", "s3") == 2
    assert "Nothing was stored: this machine has no keyring. Write the entry by hand" in command.err
    assert "env, file or command" in command.err
    assert command.book() == {}


@pytest.mark.usefixtures("forgetful_keyring")
def test_a_keyring_that_keeps_nothing_gets_no_entry(command: Command) -> None:
    assert command.run("add", "archive", "--provider", "s3", answers=S3_ANSWERS) == 2
    assert "Nothing was stored: the keyring did not keep it." in command.err
    assert command.book() == {}


@pytest.mark.parametrize("replaced", [False, True])
def test_where_the_book_cannot_be_written_the_keyring_is_as_before(
    *, replaced: bool, command: Command, keyring_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if replaced:
        command.run("add", "archive", "--provider", "s3", answers=(S3_ANSWERS[0], made("before")))
    before = command.book()

    def full(*_: object) -> None:
        raise ConfigurationError("the disk is full")

    monkeypatch.setattr(book_file, "put", full)
    assert command.run("add", "archive", "--provider", "s3", "--replace", answers=S3_ANSWERS) == 2
    assert "the disk is full" in command.err
    assert kept("archive/aws_secret_access_key") == (made("before") if replaced else None)
    assert command.book() == before


def test_an_entry_that_was_written_by_hand_is_not_made_worse(command: Command, keyring_folder: Path) -> None:
    command.write("[archive")
    assert command.run("add", "new", "--provider", "s3", answers=S3_ANSWERS) == 2
    assert f"{command.path}: line 1, column " in command.err
    assert command.path.read_text(encoding="utf-8") == "[archive"
    assert not keyring_folder.exists()


# ---- at a terminal -----------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    """Lines that a person types."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def hidden(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The prompts of what was asked without echo; the answers are lines of stdin too."""
    prompts: list[str] = []

    def asked(prompt: str) -> str:
        prompts.append(prompt)
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.rstrip("\n")

    monkeypatch.setattr("getpass.getpass", asked)
    return prompts


def test_a_person_is_asked_again_and_told_the_rule(command: Command, keyring_folder: Path, hidden: list[str]) -> None:
    typed = Terminal(f"s4\ns3\n!\naccess-key-id\nshort\n{AWS_SECRET}\n")
    assert command.run_with(typed, "add", "archive") == 0
    assert command.book() == {"archive": S3_ENTRY}
    assert command.err == (
        "provider (gcs, s3 or azure):   must be gcs or s3 or azure\nprovider (gcs, s3 or azure): "
        "aws_access_key_id:   must be an access key id: 3 to 128 of A-Z a-z 0-9 _ . -\naws_access_key_id: "
    )
    assert hidden == [
        "aws_secret_access_key: ",
        "  must have at least 8 characters\naws_secret_access_key: ",
    ]


def test_a_person_is_asked_three_times(command: Command, keyring_folder: Path, hidden: list[str]) -> None:
    assert command.run_with(Terminal("access-key-id\n1\n2\n3\n4\n"), "add", "archive", "--provider", "s3") == 2
    assert len(hidden) == 3
    assert command.err.endswith("aws_secret_access_key: must have at least 8 characters\n")
    assert not keyring_folder.exists()


def test_the_end_of_input_is_an_empty_answer(command: Command, keyring_folder: Path, hidden: list[str]) -> None:
    assert command.run_with(Terminal("access-key-id\n"), "add", "archive", "--provider", "s3") == 2
    assert command.err.endswith("aws_secret_access_key: must not be empty\n")


def test_a_terminal_that_cannot_hide_what_is_typed_is_not_used(
    command: Command, keyring_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shown(prompt: str) -> str:
        warnings.warn("Can not control echo on the terminal.", getpass.GetPassWarning, stacklevel=2)
        return sys.stdin.readline()

    monkeypatch.setattr("getpass.getpass", shown)
    assert command.run_with(Terminal(f"access-key-id\n{AWS_SECRET}\n"), "add", "archive", "--provider", "s3") == 2
    assert "This terminal would show what is typed" in command.err
    assert command.book() == {}


# ---- a real terminal ---------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such terminals")
def test_a_real_terminal_shows_no_secret(command: Command, keyring_folder: Path) -> None:
    import pty

    terminal, side = pty.openpty()
    line = [sys.executable, "-m", "mcp_server", "credentials", "add", "archive", "--provider", "s3"]
    with subprocess.Popen(line, stdin=side, stdout=side, stderr=side, start_new_session=True) as process:
        os.close(side)
        shown = until(terminal, b"aws_access_key_id: ")
        os.write(terminal, b"access-key-id\n")
        shown += until(terminal, b"aws_secret_access_key: ")
        os.write(terminal, f"{AWS_SECRET}\n".encode())
        shown += until(terminal, b"in the keyring.")
        assert process.wait(timeout=20) == 0
    os.close(terminal)
    assert b"access-key-id" in shown
    assert AWS_SECRET.encode() not in shown
    assert kept("archive/aws_secret_access_key") == AWS_SECRET
    assert command.book() == {"archive": S3_ENTRY}


def until(terminal: int, text: bytes) -> bytes:
    """All that the terminal shows up to this text."""
    shown = b""
    while text not in shown:
        shown += os.read(terminal, 1024)
    return shown
