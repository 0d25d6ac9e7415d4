"""What an update changed: each field before and after, and what stops working. No value of a credential is here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import Field

from mcp_server.presentation import quoted
from mcp_server.resources import Connector, Resource

_COMPARED = ("name", "scopes", "import_mode", "export_base_path", "status", "last_test_result")
_NO_IMPORTS = "Imports through this connector are refused from now on; media already imported stay."
_NO_EXPORTS = "Exports through this connector are refused from now on; files already exported stay."
_UNTESTED = "The last test no longer counts: call test_connector."


class Change(Resource):
    """A field that an update changed."""

    field: str
    before: str | None = Field(default=None, description="Empty: was not set; absent: not known or not shown")
    after: str = Field(description="Empty: is not set")


class UpdatedConnector(Connector):
    """A connector that was just changed."""

    changes: list[Change] = Field(description="What differs from before")
    consequences: str | None = Field(default=None, description="What stops working")
    note: str | None = Field(default=None, description="A warning about this call")


def compared(
    before: Connector | None, after: Connector, asked_for: Iterable[str] = (), *, rotated: bool
) -> UpdatedConnector:
    """The connector as it is now, and what is different; of an unknown `before`, the fields that were asked for."""
    names = [name for name in _COMPARED if (name in asked_for if before is None else _differs(before, after, name))]
    changes = [
        Change(field=name, before=_said(before, name) if before else None, after=_said(after, name)) for name in names
    ]
    if rotated:
        changes.append(Change(field="credentials", after="replaced"))
    consequences = " ".join(_consequences(before, after)) if before else ""
    return UpdatedConnector(**after.model_dump(), changes=changes, consequences=consequences or None)


def _differs(before: Connector, after: Connector, name: str) -> bool:
    return _said(before, name) != _said(after, name)


def _said(connector: Connector, name: str) -> str:
    value: str | list[str] | None = getattr(connector, name)
    return ", ".join(sorted(value, reverse=True)) if isinstance(value, list) else value or ""


def _consequences(before: Connector, after: Connector) -> Iterator[str]:
    lost = {*before.scopes} - {*after.scopes}
    if "import" in lost:
        yield _NO_IMPORTS
    if "export" in lost:
        yield _NO_EXPORTS
    if "export" in {*before.scopes} & {*after.scopes} and before.export_base_path != after.export_base_path:
        yield _moved(before.export_base_path, after.export_base_path)
    if before.last_test_result and not after.last_test_result:
        yield _UNTESTED


def _moved(old: str | None, new: str | None) -> str:
    now = f"Exports stay in the folder {quoted(new)} from now on" if new else "No folder bounds exports any more"
    if old is None:
        return f"{now}; exports to any other folder are refused."
    return f"{now}. What was exported to {quoted(old)} stays there, and nothing new is to be expected there."
