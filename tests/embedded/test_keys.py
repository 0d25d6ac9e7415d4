"""The encryption key is the operator's, or a file that is made once and is nobody else's to read."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from mcp_server.embedded.data_folder import make_private_file, make_private_folder, publish_private_file
from mcp_server.embedded.keys import KEY_FILE, encryption_keys
from mcp_server.errors import ConfigurationError
from tests.embedded.bodies import encryption_key, settings_in

posix_only = pytest.mark.skipif(os.name != "posix", reason="POSIX modes")


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def write_keys(data_dir: Path, content: str) -> Path:
    make_private_folder(data_dir)
    path = data_dir / KEY_FILE
    make_private_file(path)
    path.write_text(content, encoding="utf-8")
    return path


def test_the_key_file_is_made_once(data_dir: Path) -> None:
    first = encryption_keys(settings_in(data_dir))
    assert [len(key) for key in first] == [32]
    assert encryption_keys(settings_in(data_dir)) == first
    assert [path.name for path in data_dir.iterdir()] == [KEY_FILE]


@posix_only
def test_the_file_and_its_folder_are_private(data_dir: Path) -> None:
    encryption_keys(settings_in(data_dir))
    assert (mode(data_dir), mode(data_dir / KEY_FILE)) == (0o700, 0o600)


@posix_only
def test_an_empty_folder_becomes_private_and_one_in_use_stays_as_it_is(tmp_path: Path) -> None:
    empty, used = tmp_path / "empty", tmp_path / "used"
    for folder in (empty, used):
        folder.mkdir()
        folder.chmod(0o755)
    (used / "file").touch()
    make_private_folder(empty)
    make_private_folder(used)
    assert (mode(empty), mode(used)) == (0o700, 0o755)


def test_whoever_comes_second_leaves_the_first_key_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    publish_private_file(path, b"first")
    publish_private_file(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


@posix_only
@pytest.mark.parametrize("bits", [0o640, 0o604, 0o620])
def test_a_key_file_that_others_can_reach_is_refused_with_the_command_to_run(data_dir: Path, bits: int) -> None:
    path = write_keys(data_dir, encryption_key())
    path.chmod(bits)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        encryption_keys(settings_in(data_dir))


@pytest.mark.parametrize("content", ["", "\n", "short", "ä" * 44, "=" * 44])
def test_a_file_that_holds_no_key_is_refused_without_quoting_it(data_dir: Path, content: str) -> None:
    write_keys(data_dir, content)
    with pytest.raises(ConfigurationError, match="not a key file") as caught:
        encryption_keys(settings_in(data_dir))
    assert not content.strip() or content not in str(caught.value)


def test_a_new_key_on_top_of_the_file_seals_and_the_old_one_still_opens(data_dir: Path) -> None:
    new, old = encryption_key(), encryption_key()
    write_keys(data_dir, f"{new}\n{old}\n")
    assert encryption_keys(settings_in(data_dir)) == (base64.b64decode(new), base64.b64decode(old))


def test_the_operators_key_comes_before_the_files(data_dir: Path) -> None:
    given, filed = encryption_key(), encryption_key()
    write_keys(data_dir, filed)
    keys = encryption_keys(settings_in(data_dir, encryption_key=given))
    assert keys == (base64.b64decode(given), base64.b64decode(filed))


def test_with_the_operators_key_no_file_is_made(data_dir: Path) -> None:
    assert len(encryption_keys(settings_in(data_dir, encryption_key=encryption_key()))) == 1
    assert not data_dir.exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot be used"):
        encryption_keys(settings_in(tmp_path / "file" / "data"))
