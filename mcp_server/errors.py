"""The errors of this package. `str(error)` is always safe to show to a model: no secret, nothing quoted from a caller.

No error is rendered here; the wire and the tools do that.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass


class ConnectorError(Exception):
    """Something that a caller can act on.

    `message` says what went wrong, `hint` what to do next, `code` is the API's error code, `request_id` finds the
    request in the API's log, and `retryable` tells whether the same call may succeed later.
    """

    def __init__(
        self, message: str, *, hint: str = "", code: str = "", request_id: str = "", retryable: bool = False
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code
        self.request_id = request_id
        self.retryable = retryable

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


@dataclass(frozen=True)
class Violation:
    """One argument that breaks one rule; neither text holds the argument's value. `missing`: it is not there at all."""

    field: str
    rule: str
    missing: bool = dataclasses.field(default=False, compare=False)

    def __str__(self) -> str:
        return f"{self.field}: {self.rule}" if self.field else self.rule


def listed(violations: tuple[Violation, ...]) -> str:
    """The first 20 as one line, and how many more there are."""
    more = [f"and {len(violations) - 20} more"] if len(violations) > 20 else []
    return "; ".join([*map(str, violations[:20]), *more])


class InvalidArguments(ConnectorError):
    """The arguments break rules of the operation; all broken rules are in `violations`."""

    def __init__(self, violations: tuple[Violation, ...]) -> None:
        super().__init__(
            f"Invalid arguments: {listed(violations)}.",
            hint="Correct them and call again.",
            code="validation_error",
        )
        self.violations = violations


class ApiUnreachable(ConnectorError):
    """No answer came from the API: no connection, or none in time."""


class ApiRefused(ConnectorError):
    """The API answered with an error status (HTTP 4xx or 5xx)."""

    def __init__(  # noqa: PLR0913 - the parts of one error answer
        self,
        status: int,
        code: str,
        message: str,
        *,
        hint: str = "",
        request_id: str = "",
        violations: tuple[Violation, ...] = (),
    ) -> None:
        retryable = status == 429 or status >= 500
        super().__init__(message, hint=hint, code=code, request_id=request_id, retryable=retryable)
        self.status = status
        self.violations = violations


class ApiMisbehaved(ConnectorError):
    """The API's answer is not of the documented shape; nothing of it is shown."""


class ConfigurationError(ConnectorError):
    """A setting, a file or a key of the operator's is wrong."""


def may_have_happened(error: BaseException) -> bool:
    """Whether the API may have done what it did not confirm, as when the call was given up."""
    if isinstance(error, ApiRefused):
        return error.status >= 500
    return isinstance(error, ApiUnreachable | ApiMisbehaved) or not isinstance(error, ConnectorError)
