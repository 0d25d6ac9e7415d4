"""Which tools a caller may use: what the operator left, less what the caller's key or token has no scope for.

An upper bound: the API has the last word. Each tool that is out of it is not listed, and refused when it is called.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mcp_server.errors import ConfigurationError, ConnectorError
from mcp_server.operation import AnyOperation
from mcp_server.operations import OPERATIONS
from mcp_server.settings import Settings, environment_name, flag_name

EVERYTHING = "admin"
_NAMES = tuple(row.name for row in OPERATIONS)


@dataclass(frozen=True)
class Authority:
    """The operations that the operator left, by name, and the scopes of the caller; None: only the API knows them."""

    names: frozenset[str] = frozenset(_NAMES)
    scopes: frozenset[str] | None = None

    @classmethod
    def of(cls, settings: Settings) -> Authority:
        """What the settings leave.

        Raises ConfigurationError for a name that no tool has, and when nothing is left.
        """
        for setting in ("tools", "exclude_tools"):
            _check_names(setting, getattr(settings, setting))
        left = [row for row in OPERATIONS if row.name in (settings.tools or _NAMES)]
        left = [row for row in left if row.name not in settings.exclude_tools]
        if settings.read_only == "yes":
            left = [row for row in left if row.effect.read_only]
        if not left:
            raise ConfigurationError("No tool is left by --tools, --exclude-tools and --read-only.")
        return cls(frozenset(row.name for row in left))

    @property
    def needed_scopes(self) -> tuple[str, ...]:
        """The scopes of the rows that are left, the least first."""
        needed = {row.scope for row in OPERATIONS if row.name in self.names}
        return tuple(scope for scope in ("read", "write", EVERYTHING) if scope in needed)

    def within(self, scopes: frozenset[str] | None) -> Authority:
        """The same for a caller who has these scopes."""
        return Authority(self.names, scopes)

    def allows(self, operation: AnyOperation) -> bool:
        """Whether it may be listed and called."""
        return operation.name in self.names and has_scope(self.scopes, operation)

    def check(self, operation: AnyOperation) -> None:
        """Raises ConnectorError, which says whose bound it is, when the operation may not be called."""
        if operation.name not in self.names:
            raise ConnectorError(
                f"{operation.name} is not allowed here: the operator of this server has switched it off.",
                hint=f"Use another tool: {_listed(self.allows)}.",
                code="tool_not_allowed",
            )
        if not has_scope(self.scopes, operation):
            raise ConnectorError(
                f"{operation.name} needs the scope {operation.scope}, which the key or token of this session has not.",
                hint="Tell the person; a key or token with that scope is needed.",
                code="insufficient_scope",
            )


def has_scope(scopes: frozenset[str] | None, operation: AnyOperation) -> bool:
    """Whether scopes are enough for the operation; None are those that only the API knows."""
    return scopes is None or operation.scope in scopes or EVERYTHING in scopes


def _listed(allowed: Callable[[AnyOperation], bool]) -> str:
    return ", ".join(row.name for row in OPERATIONS if allowed(row)) or "none is left for you"


def _check_names(setting: str, given: Iterable[str]) -> None:
    for name in given:
        if name not in _NAMES:
            near = difflib.get_close_matches(name, _NAMES, n=1)
            meant = f", did you mean {near[0]}?" if near else ""
            given_as = f"{flag_name(setting)} ({environment_name(setting)})"
            raise ConfigurationError(f"{given_as}: names a tool that there is not{meant}")
