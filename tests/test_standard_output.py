"""Messages reach whoever reads standard output: at once, slowly, or not at all; nothing else gets between them."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Generator
from typing import IO

import anyio
import pytest
from anyio import to_thread

from mcp_server.standard_output import MessageOutput, claimed_output

pytestmark = pytest.mark.anyio
LONG = "ä" * 1_000_000 + "\n"

PRINTING = """
import anyio, os
from mcp_server.standard_output import claimed_output

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
    with claimed_output() as output:
        assert output is None
