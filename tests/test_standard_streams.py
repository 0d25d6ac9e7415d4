"""Messages come from standard input, and reach whoever reads standard output; nothing else gets between them."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import IO

import anyio
import pytest
from anyio import to_thread

from mcp_server.standard_streams import MessageInput, MessageOutput, claimed_input, claimed_output

pytestmark = pytest.mark.anyio
LONG = "ä" * 1_000_000 + "\n"

PRINTING = """
import anyio, os
from mcp_server.standard_streams import claimed_output

async def main():
    with claimed_output() as output:
        print("a stray word", flush=True)
        os.write(1, b"a stray octet")
        await output.write("message")
        await output.flush()
    print(" and what comes after")

anyio.run(main)
"""


@pytest.fixture
def pipe() -> Generator[tuple[IO[bytes], MessageOutput]]:
    """What reads, and what writes."""
    reads, writes = os.pipe()
    with open(reads, "rb") as reader, open(writes, "w", encoding="utf-8") as writer:  # noqa: PTH123 - descriptors
        yield reader, MessageOutput(writer)


async def sent(output: MessageOutput, text: str) -> None:
    await output.write(text)
    await output.flush()


async def test_a_message_is_sent_by_its_flush(pipe: tuple[IO[bytes], MessageOutput]) -> None:
    reader, output = pipe
    assert await output.write("one\n") == len("one\n")
    assert not select.select([reader], [], [], 0)[0]
    await output.flush()
    assert reader.readline() == b"one\n"


@pytest.mark.parametrize("blocking", [True, False])
async def test_a_message_that_no_pipe_can_hold_arrives_whole(
    pipe: tuple[IO[bytes], MessageOutput], *, blocking: bool
) -> None:
    reader, output = pipe
    os.set_blocking(output.wrapped.fileno(), blocking)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sent, output, LONG)
        assert (await to_thread.run_sync(reader.readline)).decode() == LONG
        await anyio.lowlevel.checkpoint()
    await sent(output, "next\n")
    assert reader.readline() == b"next\n"


async def test_while_nobody_reads_other_work_goes_on(pipe: tuple[IO[bytes], MessageOutput]) -> None:
    reader, output = pipe
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sent, output, LONG)
        for _ in range(100):
            await anyio.lowlevel.checkpoint()
        await to_thread.run_sync(reader.readline)
        await anyio.lowlevel.checkpoint()


async def test_a_reader_that_is_gone_is_an_os_error(pipe: tuple[IO[bytes], MessageOutput]) -> None:
    reader, output = pipe
    reader.close()
    with pytest.raises(OSError):  # noqa: PT011 - of any kind
        await sent(output, "one\n")


def test_what_is_printed_meanwhile_goes_to_stderr() -> None:
    done = subprocess.run([sys.executable, "-c", PRINTING], capture_output=True, text=True, check=True)
    assert done.stdout == "message and what comes after\n"
    assert done.stderr == "a stray word\na stray octet"


def test_where_nothing_tells_whether_there_is_room_it_is_left_to_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(select, "poll")
    with claimed_input() as given, claimed_output() as output:
        assert (given, output) == (None, None)


# ---- input -------------------------------------------------------------------------------------------------------

READING = """
import anyio, sys
from mcp_server.standard_streams import claimed_input

async def main():
    with claimed_input() as given:
        if given is None:
            print("left to the SDK")
            return
        print([await given.readline(), sys.stdin.read()])
    print([sys.stdin.read()])

anyio.run(main)
"""


@pytest.fixture
def inlet() -> Generator[tuple[IO[bytes], MessageInput]]:
    """What writes, and what reads."""
    reads, writes = os.pipe()
    with open(writes, "wb", buffering=0) as writer, open(reads, encoding="utf-8") as reader:  # noqa: PTH123
        yield writer, MessageInput(reader)


async def test_lines_come_as_they_were_sent_however_they_were_cut(inlet: tuple[IO[bytes], MessageInput]) -> None:
    writer, given = inlet
    writer.write(b"one\ntwo\nthr")
    assert [await given.readline(), await given.readline()] == ["one\n", "two\n"]

    async def send_the_rest() -> None:
        writer.write("ee ä".encode()[:-1])
        await anyio.wait_all_tasks_blocked()
        writer.write("ä".encode()[1:] + b"\n\n")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send_the_rest)
        assert await given.readline() == "three ä\n"
    assert await given.readline() == "\n"


async def test_a_line_that_no_pipe_can_hold_is_read_whole(inlet: tuple[IO[bytes], MessageInput]) -> None:
    writer, given = inlet
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(to_thread.run_sync, writer.write, LONG.encode())
        assert await given.readline() == LONG
        await anyio.lowlevel.checkpoint()


async def test_what_is_not_utf_8_is_replaced_and_the_end_needs_no_newline(
    inlet: tuple[IO[bytes], MessageInput],
) -> None:
    writer, given = inlet
    writer.write(b"\xff\nend")
    writer.close()
    assert [await given.readline() for _ in range(4)] == ["\ufffd\n", "end", "", ""]


async def test_what_was_asked_before_the_end_is_answered_before_the_end_is_told(
    inlet: tuple[IO[bytes], MessageInput],
) -> None:
    writer, given = inlet
    answered: list[str] = []

    async def answer(line: str) -> None:
        for _ in range(50):
            await anyio.lowlevel.checkpoint()
        answered.append(line)

    writer.write(b"one\ntwo\n")
    writer.close()
    async with anyio.create_task_group() as tasks:
        while line := await given.readline():
            tasks.start_soon(answer, line)
        assert answered == ["one\n", "two\n"]


async def test_who_waits_for_a_line_can_be_ended(inlet: tuple[IO[bytes], MessageInput]) -> None:
    _, given = inlet
    with anyio.move_on_after(0.01) as waiting:
        await given.readline()
    await anyio.lowlevel.checkpoint()
    assert waiting.cancelled_caught


def test_who_else_reads_standard_input_meanwhile_finds_nothing() -> None:
    said = subprocess.run(
        [sys.executable, "-c", READING], input="message\nrest", capture_output=True, text=True, check=True
    )
    assert said.stdout == "['message\\n', '']\n['']\n"


def test_a_file_as_standard_input_is_left_to_the_sdk(tmp_path: Path) -> None:
    path = tmp_path / "messages"
    path.write_text("message", encoding="utf-8")
    with path.open() as file:
        said = subprocess.run([sys.executable, "-c", READING], stdin=file, capture_output=True, text=True, check=True)
    assert said.stdout == "left to the SDK\n"
