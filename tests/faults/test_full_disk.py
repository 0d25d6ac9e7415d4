"""The disk of the data folder is full: in mid-load, at a start with data, and at a first start."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import anyio.to_thread
import pytest

from tests.embedded.bodies import encryption_key
from tests.faults.calls import calling
from tests.faults.loads import Load
from tests.faults.small_disk import SmallDisk, small_disk
from tests.faults.vitals import eventually, resident_mib
from tests.http_server.serving import serving
from tests.sessions import COMMAND, DATA_DIR, environment

pytestmark = pytest.mark.anyio
BOUND_SECONDS = 30
GROWTH_MIB = 24
SPARE = 64 * 1024


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path) as disk:
        yield disk


def data_on(disk: SmallDisk) -> dict[str, str]:
    return {DATA_DIR: str(disk.path / "data")}


async def test_a_full_disk_stops_what_writes_and_nothing_else_until_there_is_space(
    tmp_path: Path, disk: SmallDisk
) -> None:
    with serving(tmp_path, settings=data_on(disk)) as served:
        async with calling(served) as caller:
            load = Load(caller)
            async with load.running():
                await load.works()
                before = resident_mib(served)
                await filled_under(load, disk)
            assert (await caller.done("list_connectors"))["total"] == len(load.made) == len(set(load.made.values()))
        assert load.slowest < BOUND_SECONDS
        assert {(told.code, told.retryable) for told in load.failures} == {("database_full", True)}
        assert all("free space" in told.text for told in load.failures)
        assert not any(load.body["aws_secret_access_key"] in told.text for told in load.failures)
        assert "disk is full" in served.said()
        assert "Traceback" not in served.said()
        assert resident_mib(served) - before < GROWTH_MIB
    await found_full(tmp_path, disk, load)


async def filled_under(load: Load, disk: SmallDisk) -> None:
    """Filled in mid-load and freed again; meanwhile creations fail, and reading works."""
    caller = load.caller
    await anyio.to_thread.run_sync(lambda: disk.fill(but=SPARE))
    await load.fails()
    one = (await caller.done("list_connectors"))["connectors"][0]["connector_id"]
    assert (await caller.done("get_connector", connector_id=one))["connector_id"] == one
    assert (await caller.http.get(f"{caller.served.url}/ready")).status_code == 200
    disk.free()
    await load.works()


async def found_full(tmp_path: Path, disk: SmallDisk, load: Load) -> None:
    """A server that finds its disk full says so; with a little space it starts, and shows all that there was."""
    disk.fill()
    refused = run(disk, {}, "--transport", "http", "--port", "0")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
    assert "connectors.db cannot be opened" in refused.stderr
    disk.free()
    disk.fill(but=SPARE)
    with serving(tmp_path, settings=data_on(disk)) as served:
        async with calling(served) as caller:
            assert (await caller.done("list_connectors"))["total"] == len(load.made)
            disk.free()
            assert (await caller.done("create_s3_connector", **load.body))["connector_id"] not in load.made.values()


def run(disk: SmallDisk, given: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """A command that is expected to end by itself."""
    env = environment({**data_on(disk), **given})
    return subprocess.run([*COMMAND, *words], env=env, check=False, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("words", "with_key", "file"),
    [
        (["--transport", "http", "--port", "0"], False, "encryption.key"),
        (["api", "--port", "0"], True, "connectors.db"),
    ],
)
def test_a_first_start_on_a_full_disk_names_the_file_that_cannot_be_written_and_leaves_nothing_in_the_way(
    disk: SmallDisk, words: list[str], file: str, *, with_key: bool
) -> None:
    given = {"VIDEOVECTOR_ENCRYPTION_KEY": encryption_key()} if with_key else {}
    disk.fill()
    refused = run(disk, given, *words)
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert f"data/{file}" in line
    assert "No space left on device" in line or "disk is full" in line
    assert "VIDEOVECTOR_DATA_DIR" in line
    disk.free()
    assert run(disk, given, "api-key", "create", "second").stdout.startswith("sk_live_")


async def test_a_full_disk_for_temporary_files_ends_none_of_several_processes(tmp_path: Path, disk: SmallDisk) -> None:
    with serving(tmp_path, "--workers", "2", settings={"TMPDIR": str(disk.path)}) as served:

        async def both_serve() -> bool:
            return "MCP server on" in served.said()

        await eventually(both_serve)
        disk.fill()
        for _ in range(10):  # each over a connection of its own, so that both processes get some
            async with calling(served) as caller:
                await caller.done("list_connectors")
                assert "videovector_tool_calls" in (await caller.http.get(f"{served.url}/metrics")).text
        assert served.said().count("\n") == 1, served.said()
