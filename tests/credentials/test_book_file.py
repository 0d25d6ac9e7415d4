"""The credentials file as a file: its bounds, who may write it, and that a change keeps all else."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
import tomlkit

from mcp_server.credentials import book_file
from mcp_server.errors import ConfigurationError

ON_POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has access lists instead of modes")
TEXT = """\
# The book.

# about archive
[archive] # here
provider = "s3"

# about studio
[studio]
provider = "gcs" # why
[studio.credentials_json]
file = "x"
# after studio

# about footage
[footage]
provider = "gcs"
credentials_json = { file = "x" }
"""
TABLE: Mapping[str, str | Mapping[str, str]] = {
    "provider": "azure",
    "client_id": "a\"b'c\\",
    "client_secret": {"keyring": "new/client_secret"},
}
RENDERED = """\
[new]
provider = "azure"
client_id = "a\\"b'c\\\\"
client_secret = {keyring = "new/client_secret"}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "book.toml"


def written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(0o600)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        book_file.read(path)
    return str(caught.value)


def test_a_file_is_its_text_with_or_without_a_byte_order_mark(path: Path) -> None:
    assert book_file.read(written(path, "a = 'é'\r\n")) == "a = 'é'\r\n"
    assert book_file.read(written(path, "\ufeffa = 1")) == "a = 1"


def test_no_file_has_no_text(path: Path) -> None:
    assert book_file.read(path) is None


def test_a_file_has_at_most_64_kib(path: Path) -> None:
    assert book_file.read(written(path, "#" * book_file.MAX_BYTES)) == "#" * book_file.MAX_BYTES
    assert refusal(written(path, "#" * (book_file.MAX_BYTES + 1))) == f"{path} is longer than 64 KiB."


def test_a_file_is_utf_8(path: Path) -> None:
    assert refusal(written(path, b"\xff")) == f"{path} is not UTF-8."


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert refusal(tmp_path).startswith(f"{tmp_path} cannot be read: ")


@ON_POSIX
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_refused_for_it_names_commands(path: Path, mode: int) -> None:
    written(path, TEXT).chmod(mode)
    assert refusal(path) == f'{path} can be changed by others. Run: chmod go-w "{path}"'


@ON_POSIX
@pytest.mark.parametrize("mode", [0o400, 0o644, 0o640])
def test_a_file_that_others_may_only_read_is_taken_and_keeps_its_mode(path: Path, mode: int) -> None:
    written(path, TEXT).chmod(mode)
    assert book_file.read(path) == TEXT
    book_file.take_out(path, "archive")
    assert path.stat().st_mode & 0o777 == mode


def test_an_entry_is_put_at_the_end_of_a_file_that_stays_as_it_was(path: Path) -> None:
    book_file.put(written(path, TEXT), "new", TABLE)
    assert path.read_text(encoding="utf-8") == f"{TEXT}\n{RENDERED}"


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_entry_may_be_the_first(path: Path, text: str) -> None:
    book_file.put(written(path, text), "new", TABLE)
    assert path.read_text(encoding="utf-8") == RENDERED


def test_a_file_that_is_not_there_is_made_for_one_person_alone(tmp_path: Path) -> None:
    path = tmp_path / "config" / "book.toml"
    book_file.put(path, "new", TABLE)
    assert path.read_text(encoding="utf-8") == RENDERED
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["book.toml"]


def test_an_entry_takes_the_place_of_one_of_its_name(path: Path) -> None:
    book_file.put(written(path, TEXT), "new", {"provider": "s3", "aws_profile": "x"})
    book_file.put(path, "new", TABLE)
    assert path.read_text(encoding="utf-8") == f"{TEXT}\n{RENDERED}"


def test_an_entry_is_taken_out_and_comments_stay(path: Path) -> None:
    book_file.take_out(written(path, TEXT), "studio")
    assert path.read_text(encoding="utf-8") == TEXT.replace(
        '[studio]\nprovider = "gcs" # why\n[studio.credentials_json]\nfile = "x"\n', ""
    )


@pytest.mark.parametrize(
    "text",
    [
        'a.provider = "s3"\na.x = 1\n[b]\nx = 1\n',
        "a = { provider = 's3' }\nb = { x = 1 }\n",
        "[b]\nx = 1\n[a]\n",
        "[a.x]\ny = 1\n[b]\nx = 1\n[a.z]\ny = 1\n",
        '["a"]\nx = """\n[b]\n"""\n[b]\nx = 1\n',
        "[a]\r\nx = 1\r\n[b]\r\nx = 1",
    ],
)
def test_an_entry_is_taken_out_however_it_is_written(path: Path, text: str) -> None:
    book_file.take_out(written(path, text), "a")
    assert tomlkit.parse(path.read_bytes()).unwrap() == {"b": {"x": 1}}
    book_file.put(written(path, text), "a", TABLE)
    assert tomlkit.parse(path.read_bytes()).unwrap() == {"b": {"x": 1}, "a": TABLE}


def test_what_is_no_toml_is_not_changed(path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be changed: it is not TOML"):
        book_file.take_out(written(path, "["), "archive")
    assert path.read_text(encoding="utf-8") == "["


@ON_POSIX
def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "dotfiles" / "credentials.toml"
    target.parent.mkdir()
    path.symlink_to(written(target, TEXT))
    book_file.take_out(path, "archive")
    assert path.is_symlink()
    assert "archive]" not in target.read_text(encoding="utf-8")


def test_a_file_that_cannot_be_written_stays_as_it_was_and_nothing_is_left(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    written(path, TEXT)
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ConfigurationError, match=r"book\.toml cannot be written: No space left on device\."):
        book_file.put(path, "new", TABLE)
    assert path.read_text(encoding="utf-8") == TEXT
    assert [each.name for each in path.parent.iterdir()] == ["book.toml"]
