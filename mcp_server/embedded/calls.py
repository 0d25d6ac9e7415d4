"""Who calls, and whether they may: API keys in requests, scopes to operations. No request's body is read here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcp_server.embedded.tables import LOCAL_TENANT
from mcp_server.errors import ApiRefused
from mcp_server.operation import Operation

SCOPES = ("search", "read", "write", "admin")
_KEY = re.compile("sk_live_[0-9a-f]{48}")


@dataclass
class Call:
    """One request being served; the service sets `replayed` when its answer is an earlier one."""

    tenant_id: str
    scopes: tuple[str, ...]
    replayed: bool = False


def in_process() -> Call:
    """A call that came through no socket: the one local tenant, with every scope."""
    return Call(LOCAL_TENANT, SCOPES)


def api_key_in(headers: Mapping[str, str]) -> str:
    """The well-formed API key in X-API-Key or, without one, in Authorization.

    Raises ApiRefused (401).
    """
    bearer = headers.get("authorization", "")
    scheme, _, token = bearer.partition(" ")
    key = headers.get("x-api-key") or (token.strip() if scheme.lower() == "bearer" else "")
    if _KEY.fullmatch(key) is None:
        raise ApiRefused(
            401,
            "authentication_required",
            "The API key is missing or malformed.",
            hint="Send X-API-Key: sk_live_ followed by 48 lowercase hexadecimal digits.",
        )
    return key


def require_scope(call: Call, operation: Operation[Any, Any]) -> None:
    """Nothing, if the call may use the operation; `admin` may everything.

    Raises ApiRefused (403).
    """
    if operation.scope not in call.scopes and "admin" not in call.scopes:
        raise ApiRefused(
            403,
            "insufficient_scope",
            f"This API key has not the scope {operation.scope}, which {operation.name} needs.",
            hint="Use a key with that scope.",
        )
