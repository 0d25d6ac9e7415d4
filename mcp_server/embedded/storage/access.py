"""Tries what a connector's scopes promise: list and read for imports, write and delete a probe object for exports."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass

import anyio

from mcp_server.embedded.storage.exchange import Limits
from mcp_server.embedded.storage.faults import StorageFault
from mcp_server.embedded.storage.matching import without_markers
from mcp_server.embedded.storage.objects import Storage
from mcp_server.embedded.storage.paging import pages

_PROBE = b"An access check wrote this object and should have deleted it.\n"


@dataclass(frozen=True)
class AccessReport:
    """The steps that passed, in short phrases, and the fault that ended the check, if one did."""

    checked: list[str]
    fault: StorageFault | None = None


async def check_access(
    storage: Storage, scopes: Sequence[str], export_base_path: str | None, limits: Limits | None = None
) -> AccessReport:
    """Tries each scope until one fails, within the limits' total. A probe object is deleted again in any case."""
    limits = limits or Limits()
    seconds = limits.total - limits.cleanup
    checked: list[str] = []
    try:
        with anyio.fail_after(seconds):
            if "import" in scopes:
                await _check_import(storage, checked)
            if "export" in scopes:
                await _check_export(storage, export_base_path, checked, limits)
    except StorageFault as fault:
        return AccessReport(checked, fault)
    except TimeoutError:
        return AccessReport(checked, _too_slow(seconds))
    return AccessReport(checked)


def _too_slow(seconds: float) -> StorageFault:
    return StorageFault(
        "storage_timeout",
        f"The storage did not finish the check within {seconds:g} seconds.",
        "Try again later, or check the endpoint.",
        retryable=True,
    )


async def _first_key(storage: Storage) -> str | None:
    async with aclosing(pages(storage, "")) as listing:
        async for page in listing:
            files = without_markers(page.files)
            if files.paths:
                return files.paths[0]
    return None


async def _check_import(storage: Storage, checked: list[str]) -> None:
    found = await _first_key(storage)
    if found is None:
        checked.append("list objects (there are none, so none was read)")
        return
    checked.append("list objects")
    try:
        await storage.read_first_byte(found)
    except StorageFault as fault:
        # Who may not read is told so before hearing that the object is archived.
        if fault.code != "storage_object_archived":
            raise
        checked.append("read an object (it is archived: only the permission was checked)")
    else:
        checked.append("read an object")


async def _check_export(storage: Storage, base_path: str | None, checked: list[str], limits: Limits) -> None:
    name = f".videovector-probe-{secrets.token_hex(8)}"
    key = f"{base_path}/{name}" if base_path else name
    pending = True
    try:
        await storage.write(key, _PROBE)
        checked.append("write a probe object")
        await storage.delete(key)
        pending = False
        checked.append("delete the probe object")
    except StorageFault as fault:
        # A clear refusal will not change; after any other fault the probe may be there.
        pending = fault.retryable
        raise _with_left_probe(fault, key) if "write a probe object" in checked else fault from None
    finally:
        if pending:
            with anyio.move_on_after(limits.cleanup, shield=True), suppress(StorageFault):
                await storage.delete(key)


def _with_left_probe(fault: StorageFault, key: str) -> StorageFault:
    hint = f'{fault.hint} The probe object "{key}" may be left there.'
    return StorageFault(fault.code, fault.message, hint, retryable=fault.retryable)
