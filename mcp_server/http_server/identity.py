"""Who calls over HTTP: what every way of finding that out returns and raises. No way is known here."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

from starlette.datastructures import Headers

from mcp_server.redaction import Secret

MISSING = "authentication_required"
"""The error of a request that has no credentials at all."""


@dataclass(frozen=True)
class Identity:
    """A caller that was authenticated.

    `caller` tells callers apart and is no secret; `scopes` are those of the rows (`read`, `write`, `admin`), None when
    only the API knows them; `api_key` is what is sent to the API for this caller, None for the server's own.
    """

    caller: str
    scopes: frozenset[str] | None = None
    api_key: Secret | None = None


class Turned(Exception):
    """A request that is not let in. The message is shown to its sender and holds nothing that it sent."""

    def __init__(self, status: int, error: str, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.message = message
        self.retry_after = retry_after

    @property
    def is_wrong_guess(self) -> bool:
        """Whether there were credentials, and they are wrong."""
        return self.status == 401 and self.error != MISSING


class Authenticate(Protocol):
    """Finds out who sent a request by its headers; raises Turned: 401, or 503 while that cannot be found out."""

    def __call__(self, headers: Headers, /) -> Awaitable[Identity]: ...

    def is_stranger(self, headers: Headers, /) -> bool:
        """Whether somebody else must be asked about these credentials, and they were not good of late."""
        ...


def bearer(headers: Headers) -> str:
    """What Authorization holds after the word Bearer, or nothing."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
