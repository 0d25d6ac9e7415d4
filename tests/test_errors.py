"""Errors: what they say, and that each is of one family."""

from __future__ import annotations

import pytest

from mcp_server.errors import (
    ApiMisbehaved,
    ApiRefused,
    ApiUnreachable,
    ConfigurationError,
    ConnectorError,
    InvalidArguments,
    Violation,
)

FAMILY: list[ConnectorError] = [
    ConnectorError("It failed."),
    InvalidArguments((Violation("name", "is required"),)),
    ApiUnreachable("No answer.", retryable=True),
    ApiRefused(404, "connector_not_found", "Gone."),
    ApiMisbehaved("Odd answer."),
    ConfigurationError("VIDEOVECTOR_TIMEOUT: must be a number"),
]


@pytest.mark.parametrize("error", FAMILY)
def test_every_error_is_a_connector_error_with_all_parts(error: ConnectorError) -> None:
    assert isinstance(error, ConnectorError)
    assert str(error).startswith(error.message)
    assert {"message", "hint", "code", "request_id", "retryable"} <= set(error.__dict__)


def test_an_error_says_what_went_wrong_and_what_to_do() -> None:
    assert str(ConnectorError("It failed.", hint="Call again.")) == "It failed. Call again."
    assert str(ConnectorError("It failed.")) == "It failed."


def test_an_error_has_neither_code_nor_request_unless_given() -> None:
    error = ConnectorError("It failed.")
    assert (error.hint, error.code, error.request_id, error.retryable) == ("", "", "", False)


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(400, False), (401, False), (404, False), (409, False), (422, False), (429, True), (500, True), (503, True)],
)
def test_a_refusal_may_pass_when_it_is_the_servers_or_too_early(status: int, *, retryable: bool) -> None:
    assert ApiRefused(status, "code", "message").retryable is retryable


def test_invalid_arguments_name_every_field_and_rule() -> None:
    violations = (Violation("name", "is required"), Violation("", "name one field"), Violation("scopes.0", "is odd"))
    error = InvalidArguments(violations)
    assert error.violations == violations
    assert error.code == "validation_error"
    assert error.message == "Invalid arguments: name: is required; name one field; scopes.0: is odd."


def test_a_refusal_keeps_its_violations_and_request() -> None:
    violation = Violation("bucket", "must be lower case")
    error = ApiRefused(
        422, "validation_error", "Refused.", hint="Correct it.", request_id="r1", violations=(violation,)
    )
    assert (error.status, error.request_id, error.violations) == (422, "r1", (violation,))
