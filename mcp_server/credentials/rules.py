"""The rules of a request, asked about its credentials alone, before there is a request."""

from __future__ import annotations

from collections.abc import Mapping

from mcp_server import wire
from mcp_server.credentials.entries import BrokenRule
from mcp_server.errors import InvalidArguments, Violation
from mcp_server.operations import UPDATE_CONNECTOR


def violations(values: Mapping[str, str]) -> list[Violation]:
    """What a request would refuse of these values, whatever else it wants."""
    try:
        wire.parse(UPDATE_CONNECTOR, {"connector_id": "any", **values})
    except InvalidArguments as error:
        return [violation for violation in error.violations if violation.field in values]
    return []


def accepted(field: str, value: str) -> str:
    """The value, if a request would take it. Raises BrokenRule."""
    if not value:
        raise BrokenRule("must not be empty")
    for violation in violations({field: value}):
        raise BrokenRule(violation.rule)
    return value
