"""What is wrong with an argument, as its caller is told: the field and its rule, never the value."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import ErrorDetails

from mcp_server.errors import Violation
from mcp_server.operation import Request


def unknown(name: str, request: type[Request], known: Sequence[str]) -> Violation:
    """What a caller is told of an argument that is none; the name itself only if it looks like one."""
    if name in request.FIXED:
        return Violation(name, "cannot be changed: create a new connector for another")
    shown = name if re.fullmatch("[A-Za-z_]{1,30}", name) else "(a name)"  # a key may stand where a name should
    near = difflib.get_close_matches(name[:80], known, n=1)
    allowed = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(known)}"
    return Violation(shown, f"is not an argument; {allowed}")


_RULES: Mapping[str, str] = {
    "missing": "is required",
    "string_type": "must be a string",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_unicode": "must be valid Unicode",
    "literal_error": "must be {expected}",
    "list_type": "must be a list",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
}


def violation(fault: ErrorDetails, called: Mapping[str, str]) -> Violation:
    """What a caller is told of pydantic's finding; `called` says which arguments it knows by another name."""
    context: Mapping[str, Any] = fault.get("ctx", {})
    where = ".".join(called.get(str(step), str(step)) for step in fault["loc"])
    if fault["type"] in ("name_rule", "service_account_key"):
        return Violation(where, fault["msg"])
    rule = _RULES.get(fault["type"], "is not valid")
    if fault["type"] == "string_too_short" and context.get("min_length") == 1:
        rule = "must not be empty"
    return Violation(where, rule.format(**context), missing=fault["type"] == "missing")
