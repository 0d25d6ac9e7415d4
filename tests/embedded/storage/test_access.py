"""A check tries what the scopes promise, says how far it came, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest

from mcp_server.embedded.storage import Limits, Storage, StorageFault, check_access
from mcp_server.settings import load
from tests.embedded.storage.clouds import account_of
from tests.embedded.storage.shelf import Shelf, denied
from tests.emulators import Emulator
from tests.emulators.s3 import S3Emulator

pytestmark = pytest.mark.anyio

ALL_STEPS = ["list objects", "read an object", "write a probe object", "delete the probe object"]
SHORT = Limits(total=0.15, cleanup=0.1)


async def test_both_scopes_are_tried_and_nothing_is_left(
    emulator: Emulator, open_emulated: Callable[..., Storage]
) -> None:
    bucket = emulator.new_bucket()
    emulator.put("a.mp4", bucket=bucket)
    report = await check_access(open_emulated(bucket), ["import", "export"], "exports/review")
    assert (report.checked, report.fault) == (ALL_STEPS, None)
    assert emulator.keys(bucket=bucket) == ["a.mp4"]


async def test_an_empty_bucket_can_be_imported_from(emulator: Emulator, open_emulated: Callable[..., Storage]) -> None:
    report = await check_access(open_emulated(emulator.new_bucket()), ["import"], None)
    assert (report.checked, report.fault) == (["list objects (there are none, so none was read)"], None)


@pytest.mark.parametrize(
    ("allowed", "checked", "missing"),
    [
        ([], [], "s3:ListBucket"),
        (["s3:ListBucket"], ALL_STEPS[:1], "s3:GetObject"),
        (["s3:ListBucket", "s3:GetObject"], ALL_STEPS[:2], "s3:PutObject"),
        (["s3:ListBucket", "s3:GetObject", "s3:PutObject"], ALL_STEPS[:3], "s3:DeleteObject"),
    ],
)
async def test_a_missing_permission_ends_the_check_and_is_named(
    allowed: list[str],
    checked: list[str],
    missing: str,
    s3_emulator: S3Emulator,
    open_with: Callable[..., Storage],
) -> None:
    user = s3_emulator.new_user(*allowed, "s3:ListAllMyBuckets")
    bucket = s3_emulator.new_bucket()
    s3_emulator.put("a.mp4", bucket=bucket)
    account = account_of("s3", s3_emulator.arguments_of(user, bucket=bucket))
    report = await check_access(open_with(load({}, s3_emulator.settings), account), ["import", "export"], None)
    assert report.checked == checked
    assert report.fault is not None
    assert report.fault.code == "storage_permission_denied"
    assert missing in report.fault.message


async def test_exports_alone_need_no_listing() -> None:
    shelf = Shelf()
    assert (await check_access(shelf, ["export"], None)).checked == ALL_STEPS[2:]
    assert shelf.attempts == ["write", "delete"]
    assert shelf.contents == {}


async def test_the_probe_is_under_the_export_base_path() -> None:
    shelf = Shelf(faults={"delete": denied()})
    report = await check_access(shelf, ["export"], "exports/review")
    (probe,) = shelf.contents
    assert probe.startswith("exports/review/.videovector-probe-")
    assert report.fault is not None
    assert probe in report.fault.hint
    assert shelf.attempts == ["write", "delete"]


async def test_a_probe_that_was_clearly_refused_is_not_deleted() -> None:
    shelf = Shelf(faults={"write": denied()})
    report = await check_access(shelf, ["export"], None)
    assert report.fault is shelf.faults["write"]
    assert shelf.attempts == ["write"]


async def test_a_probe_that_may_have_been_written_is_deleted() -> None:
    shelf = Shelf(faults={"write": denied(retryable=True)})
    report = await check_access(shelf, ["export"], None)
    assert (report.checked, report.fault) == ([], shelf.faults["write"])
    assert shelf.contents == {}


async def test_a_check_that_is_cancelled_after_the_write_deletes_its_probe() -> None:
    shelf = Shelf(slow={"write"})
    async with anyio.create_task_group() as checking:
        checking.start_soon(check_access, shelf, ["export"], None)
        await anyio.wait_all_tasks_blocked()
        checking.cancel_scope.cancel()
    assert shelf.attempts == ["write", "delete"]
    assert shelf.contents == {}


@pytest.mark.parametrize("slow", [{"list"}, {"read"}, {"write"}, {"delete"}])
async def test_a_slow_storage_is_a_fault_within_the_total(slow: set[str]) -> None:
    shelf = Shelf({"a.mp4": b"content"}, slow=slow)
    with anyio.fail_after(10):
        report = await check_access(shelf, ["import", "export"], None, SHORT)
    assert report.fault is not None
    assert (report.fault.code, report.fault.retryable) == ("storage_timeout", True)
    assert "within 0.05 seconds" in report.fault.message


async def test_a_folder_marker_is_not_the_object_that_is_read() -> None:
    markers = {"a/": b"", "b/": b"", "b_$folder$": b""}
    shelf = Shelf({**markers, "c.mp4": b"content"})
    assert (await check_access(shelf, ["import"], None)).checked == ALL_STEPS[:2]
    assert shelf.read == ["c.mp4"]
    only = await check_access(Shelf(dict(markers)), ["import"], None)
    assert only.checked == ["list objects (there are none, so none was read)"]


async def test_of_an_archived_object_it_is_not_said_that_it_was_read() -> None:
    shelf = Shelf({"a.mp4": b""}, faults={"read": StorageFault("storage_object_archived", "Archived.")})
    report = await check_access(shelf, ["import"], None)
    assert report.fault is None
    assert report.checked == ["list objects", "read an object (it is archived: only the permission was checked)"]


async def test_another_fault_of_reading_ends_the_check() -> None:
    shelf = Shelf({"a.mp4": b""}, faults={"read": denied()})
    report = await check_access(shelf, ["import"], None)
    assert (report.checked, report.fault) == (ALL_STEPS[:1], shelf.faults["read"])
