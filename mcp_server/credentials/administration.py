"""What the `credentials` command does to the book and the keyring. It tells places and rules, never a value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio

from mcp_server.credentials import book_file
from mcp_server.credentials.book import CredentialBook
from mcp_server.credentials.entries import Entry, SourceFailed
from mcp_server.credentials.keyring_items import KeyringItem
from mcp_server.credentials.registration import own_items, register
from mcp_server.credentials.rules import violations
from mcp_server.credentials.sources import Unreadable
from mcp_server.errors import ConfigurationError


@dataclass(frozen=True)
class Order:
    """What the command line says besides the action; a text that it does not give is empty."""

    name: str
    provider: str
    replace: bool


@dataclass(frozen=True)
class Report:
    """One line to print."""

    text: str
    failed: bool = False


def carry_out(action: str, path: Path, order: Order) -> Iterator[Report]:
    """Do it, and tell line by line what was done. Raises ConfigurationError."""
    if action not in ACTIONS:
        raise ConfigurationError(f"credentials: give one of {', '.join(ACTIONS)} (see --help)")
    return ACTIONS[action](path, order)


def _add(path: Path, order: Order) -> Iterator[Report]:
    left = register(path, order.name, order.provider, replace=order.replace)
    yield Report(f"{order.name} stands in {path}, its secret in the keyring.")
    yield from _deleted(left)


def _list(path: Path, _: Order) -> Iterator[Report]:
    entries = CredentialBook(path).entries()
    if not entries:
        yield Report(f"There are no entries in {path}.")
    for name, entry in sorted(entries.items()):
        kinds = ", ".join(f"{field} ({source.kind})" for field, source in entry.sources.items())
        yield Report(f"{name}: {entry.provider}, {kinds}")


def _remove(path: Path, order: Order) -> Iterator[Report]:
    entry = _existing(path, order.name)
    book_file.take_out(path, entry.name)
    yield Report(f"{entry.name} is no longer in {path}.")
    yield from _deleted(own_items(entry))


def _deleted(items: Iterable[KeyringItem]) -> Iterator[Report]:
    """What could not be deleted."""
    for item in items:
        if fault := _deletion_fault(item):
            yield Report(f"Delete {item.place} yourself: {fault}", failed=True)


def _deletion_fault(item: KeyringItem) -> str:
    try:
        item.delete()
    except Unreadable as fault:
        return str(fault)
    return ""


def _check(path: Path, order: Order) -> Iterator[Report]:
    entries = CredentialBook(path, required=True).entries()
    for entry in [_existing(path, order.name)] if order.name else [entries[name] for name in sorted(entries)]:
        faults = anyio.run(_faults, entry)
        yield Report(f"{entry.name}: {entry.provider}, {'; '.join(faults) or 'ok'}", failed=bool(faults))


async def _faults(entry: Entry) -> list[str]:
    faults: list[str] = []
    values: dict[str, str] = {}
    for field in entry.sources:
        values |= await _value(entry, field, faults.append)
    return [*faults, *map(str, violations(values))]


async def _value(entry: Entry, field: str, tell: Callable[[str], None]) -> dict[str, str]:
    try:
        return await entry.read(field)
    except SourceFailed as fault:
        tell(f"{field}: {fault.detail}")
    return {}


def _existing(path: Path, name: str) -> Entry:
    entries = CredentialBook(path).entries()
    if name not in entries:
        raise ConfigurationError(f"NAME: must be one of {', '.join(sorted(entries)) or '(there is no entry)'}")
    return entries[name]


ACTIONS: Mapping[str, Callable[[Path, Order], Iterator[Report]]] = {
    "add": _add,
    "list": _list,
    "remove": _remove,
    "check": _check,
}
