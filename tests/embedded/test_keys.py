"""The encryption key is the operator's, or a file that is made once and is nobody else's to read."""

from __future__ import annotations

import base64
import errno
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mcp_server.embedded import data_folder as data_folder_room
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
def test_a_folder_that_others_can_reach_becomes_private_with_a_warning_and_those_above_it_stay(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "above" / "used"
    folder.mkdir(parents=True)
    for each in (folder.parent, folder):
        each.chmod(0o755)
    (folder / "file").touch()
    make_private_folder(folder)
    assert (mode(folder), mode(folder.parent)) == (0o700, 0o755)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert str(folder) in caplog.text
    make_private_folder(folder)
    assert len(caplog.records) == 1


def _not_permitted(*_: object) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted")


@posix_only
@pytest.mark.parametrize("why", ["another's", "shared by all", "not permitted"])
def test_a_folder_that_is_not_ours_to_close_is_refused_with_the_command_to_run(
    why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o1777 if why == "shared by all" else 0o755)
    before = mode(folder)
    if why == "another's":
        monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    if why == "not permitted":
        monkeypatch.setattr(Path, "chmod", _not_permitted)
    with pytest.raises(ConfigurationError, match=r"can be reached by others.* Run: chmod 700") as caught:
        make_private_folder(folder)
    assert caught.value.code == "data_folder_not_private"
    assert mode(folder) == before


def test_whoever_comes_second_leaves_the_first_key_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    publish_private_file(path, b"first")
    publish_private_file(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a file system that has none, such as exFAT."""
    monkeypatch.setattr(data_folder_room, "_link", _not_permitted)


@pytest.mark.usefixtures("no_links")
def test_where_there_are_no_links_the_first_key_stays_there_too(data_dir: Path) -> None:
    settings = settings_in(data_dir)
    with ThreadPoolExecutor(8) as pool:
        rings = list(pool.map(encryption_keys, [settings] * 40))
    assert set(rings) == {encryption_keys(settings)}
    assert [path.name for path in data_dir.iterdir()] == [KEY_FILE]


@pytest.mark.usefixtures("no_links")
def test_a_key_file_that_cannot_be_written_whole_is_not_left_there(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        if (data_dir / KEY_FILE).exists():
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigurationError, match="No space left"):
        encryption_keys(settings_in(data_dir))
    assert list(data_dir.iterdir()) == []


def test_a_key_that_another_process_is_about_to_write_is_waited_for(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = encryption_key()
    path = write_keys(data_dir, "")

    def written_meanwhile(_: float) -> None:
        path.write_text(key, encoding="utf-8")

    monkeypatch.setattr(time, "sleep", written_meanwhile)
    assert encryption_keys(settings_in(data_dir)) == (base64.b64decode(key),)


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


def test_the_operators_ring_comes_first_then_the_operators_key_then_the_files(data_dir: Path) -> None:
    newest, newer, given, filed = (encryption_key() for _ in range(4))
    write_keys(data_dir, filed)
    keys = encryption_keys(settings_in(data_dir, encryption_keys=f"{newest}, {newer}", encryption_key=given))
    assert keys == tuple(base64.b64decode(key) for key in (newest, newer, given, filed))


@pytest.mark.parametrize("setting", ["encryption_key", "encryption_keys"])
def test_with_the_operators_key_no_file_is_made(data_dir: Path, setting: str) -> None:
    assert len(encryption_keys(settings_in(data_dir, **{setting: encryption_key()}))) == 1
    assert not data_dir.exists()


def test_a_folder_that_may_not_be_looked_into_has_no_file(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", _not_permitted)
    assert len(encryption_keys(settings_in(data_dir, encryption_key=encryption_key()))) == 1


def test_for_postgresql_no_file_is_made_but_one_that_is_there_counts(data_dir: Path) -> None:
    settings = settings_in(data_dir, database_url="postgresql://user@host/database")
    with pytest.raises(ConfigurationError, match="VIDEOVECTOR_ENCRYPTION_KEYS") as caught:
        encryption_keys(settings)
    assert caught.value.code == "encryption_key_missing"
    assert not data_dir.exists()
    filed = encryption_key()
    write_keys(data_dir, filed)
    assert encryption_keys(settings) == (base64.b64decode(filed),)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot be used"):
        encryption_keys(settings_in(tmp_path / "file" / "data"))
