"""The request's rules, asked about credentials that are not yet in a request."""

from __future__ import annotations

import pytest

from mcp_server.credentials.entries import BrokenRule
from mcp_server.credentials.rules import accepted, violations
from mcp_server.fields import CREDENTIAL_FIELDS
from tests.materials import AWS_SECRET, AZURE_SECRET, SERVICE_ACCOUNT, UUID, made

GOOD = {
    "credentials_json": SERVICE_ACCOUNT,
    "aws_access_key_id": "access-key-id",
    "aws_secret_access_key": AWS_SECRET,
    "tenant_id": UUID,
    "client_id": UUID,
    "client_secret": AZURE_SECRET,
}


@pytest.mark.parametrize("provider", CREDENTIAL_FIELDS)
def test_good_values_break_no_rule(provider: str) -> None:
    values = {field: GOOD[field] for field in CREDENTIAL_FIELDS[provider]}
    assert violations(values) == []
    assert {field: accepted(field, value) for field, value in values.items()} == values


@pytest.mark.parametrize("field", GOOD)
def test_a_value_that_no_request_would_take_is_refused_by_its_rule(field: str) -> None:
    mark = made("bad", 6)
    with pytest.raises(BrokenRule, match="must") as caught:
        accepted(field, f"{mark}!")
    assert mark not in str(caught.value)
    with pytest.raises(BrokenRule, match="must not be empty"):
        accepted(field, "")


def test_what_is_missing_is_not_asked_about() -> None:
    assert violations({"tenant_id": UUID}) == []
    assert [each.field for each in violations({"tenant_id": UUID, "client_id": "x"})] == ["client_id"]
