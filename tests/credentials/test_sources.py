"""Sources that need no library: what they give, and what they say when they give nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from mcp_server.credentials import sources
from mcp_server.credentials.aws_profiles import AwsProfile
from mcp_server.credentials.keyring_items import KeyringItem
from mcp_server.credentials.sources import (
    LIMIT,
    EnvironmentVariable,
    PlainText,
    SecretFile,
    Source,
    Unreadable,
    patiently,
    usable,
)
from tests.materials import AWS_SECRET, SERVICE_ACCOUNT, made

pytestmark = pytest.mark.anyio
VARIABLE = "ARCHIVE_" + made("variable", 8).upper()


async def fault_of(source: Source) -> str:
    with pytest.raises(Unreadable) as caught:
        await source.read("aws_secret_access_key")
    return str(caught.value)


async def test_a_plain_text_is_what_the_entry_says() -> None:
    source = PlainText("access-key-id")
    assert await source.read("aws_access_key_id") == {"aws_access_key_id": "access-key-id"}
    assert source.place == "the entry"


async def test_a_variable_is_read_at_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    source = EnvironmentVariable(VARIABLE)
    for secret in (AWS_SECRET, made("rotated")):
        monkeypatch.setenv(VARIABLE, secret)
        assert await source.read("aws_secret_access_key") == {"aws_secret_access_key": secret}


async def test_a_variable_that_is_not_set_or_empty_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    source = EnvironmentVariable(VARIABLE)
    assert await fault_of(source) == "it is not set"
    monkeypatch.setenv(VARIABLE, " ")
    assert await fault_of(source) == "it is empty"
    assert source.place == f"the variable {VARIABLE}"


@pytest.mark.skipif(os.name == "nt", reason="the environment of Windows is text")
async def test_a_variable_that_is_not_utf_8_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, os.fsdecode(b"abcdefgh\xff"))
    assert await fault_of(EnvironmentVariable(VARIABLE)) == "it is not UTF-8"


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
async def test_a_file_is_read_at_the_call_without_its_last_newline(tmp_path: Path, end: str) -> None:
    path = tmp_path / "secret"
    for secret in (AWS_SECRET, f"{SERVICE_ACCOUNT}\n"):
        path.write_bytes(f"{secret}{end or ' '}".encode())
        assert await SecretFile(path).read("client_secret") == {"client_secret": f"{secret}{'' if end else ' '}"}


async def test_a_file_that_is_not_there_or_no_file_is_a_fault(tmp_path: Path) -> None:
    assert await fault_of(SecretFile(tmp_path / "absent")) == "No such file or directory"
    assert await fault_of(SecretFile(tmp_path)) == "it is not a regular file"
    assert SecretFile(tmp_path).place == str(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
async def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert await fault_of(SecretFile(tmp_path / "pipe")) == "it is not a regular file"


async def test_what_is_too_long_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"x" * LIMIT)
    assert await SecretFile(path).read("client_secret") == {"client_secret": "x" * LIMIT}
    path.write_bytes(b"x" * 10 * LIMIT)
    assert await fault_of(SecretFile(path)) == "more than 64 KiB"


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[threading.Event]:
    """What every blocking read waits for."""
    released = threading.Event()

    def wait(*_: object) -> None:
        released.wait(60)

    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path))
    for blocking in ("botocore.configloader.raw_config_parse", "keyring.get_password", f"{sources.__name__}.start_of"):
        monkeypatch.setattr(blocking, wait)
    yield released
    released.set()


@pytest.mark.usefixtures("stuck")
@pytest.mark.parametrize(
    "source", [SecretFile(Path("x")), KeyringItem("x"), AwsProfile("x")], ids=lambda each: each.kind
)
async def test_no_source_is_waited_for_longer_than_its_time(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sources.SECONDS == 10
    monkeypatch.setattr(sources, "SECONDS", 0.2)
    assert await fault_of(source) == "it has not answered within 0.2 s"


async def test_a_read_that_was_given_up_ends_unheard(stuck: threading.Event) -> None:
    ended = threading.Event()

    def read() -> None:
        stuck.wait(60)
        ended.set()

    with anyio.move_on_after(0.1):
        await patiently(read)
    stuck.set()
    assert ended.wait(20)


async def test_whatever_a_read_raises_is_heard() -> None:
    def leave() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        await patiently(leave)


@pytest.mark.parametrize(("content", "fault"), [(b"", "empty"), (b" \n", "empty"), (b"\xff\xfe", "not UTF-8")])
def test_content_that_is_no_text_is_a_fault(content: bytes, fault: str) -> None:
    with pytest.raises(Unreadable, match=fault):
        usable(content)


def test_no_source_prints_its_place_or_its_text() -> None:
    mark = made("place")
    for source in (PlainText(mark), EnvironmentVariable(mark), SecretFile(Path(mark))):
        assert mark not in f"{source} {source!r}"
