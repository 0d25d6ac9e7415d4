"""What each field takes and refuses: by its provider's rules, and never with the value in what it says."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from mcp_server import wire
from mcp_server.errors import InvalidArguments, Violation
from tests.materials import ROWS, UUID, arguments

S3, GCS, AZURE = "create_s3_connector", "create_gcs_connector", "create_azure_connector"

HOST = "evil.example.com"
NASTY = [
    "a/b",
    "../x",
    "a?b",
    "a#b",
    "a@b",
    "a:b",
    "a\\b",
    "a b",
    "a%2fb",
    "a\nb",
    "a\x00b",
    "a\r\nHost: b",
    "{a}",
    "\u202e",
]
LOOKALIKES = ["\u0430bc\u0430bc", "\uff41\uff42\uff43\uff44", "abc\u0661", "abc\u00b2", "stra\u00dfe", "abc\u200bd"]

FIELDS = {
    "connector_id": "get_connector",
    "bucket": S3,
    "gcs bucket": GCS,
    "region": S3,
    "aws_access_key_id": S3,
    "gcp_project_id": GCS,
    "storage_account": AZURE,
    "container": AZURE,
    "tenant_id": AZURE,
    "client_id": AZURE,
}

REFUSED: dict[str, list[str]] = {
    "connector_id": ["..", ".", "%2e%2e", "conn_1/../2", "conn.1", "c" * 65, "conn_\u0661", "conn_1;x", HOST],
    "bucket": [
        *("ab", "a" * 64, "Upper", "under_score", "-ab", "ab-", ".ab", "ab.", "a..b", "192.168.0.1", "a,b"),
        "bucket\u0661",
        f"{HOST}/x",
    ],
    "gcs bucket": [
        "ab",
        "a" * 64,
        "Upper",
        "-ab",
        "ab-",
        "a..b",
        "_ab",
        "ab_",
        ".".join(["a" * 60] * 4),
        "a" * 64 + ".b",
    ],
    "region": [
        *("us", "us-east", "us-east-", "us-east-123", "US-EAST-1", "us_east_1", "us-east-1.", "1", "-"),
        *(HOST, f"us-east-1.{HOST}", f"{HOST}/us-east-1", "us-east-1#", "us-east-1/x", "us-east-1@x"),
        *("us-east-\u0661", "us-east-\uff11", "us-\u0435ast-1"),
    ],
    "aws_access_key_id": ["ab", "a" * 129, "key/id", "key+id", "key=id"],
    "gcp_project_id": ["short", "a" * 31, "1project", "-project", "project-", "Project", "my_project", HOST],
    "storage_account": ["ab", "a" * 25, "Upper", "with-dash", "with.dot", HOST, "account\u0661"],
    "container": ["ab", "a" * 64, "Upper", "a--b", "-ab", "ab-", "a.b", "$other", "$root2", HOST],
    "tenant_id": ["tenant", "..", ".com", "a..com", "-a.com", "a-.com", f"{HOST}/x", f"{HOST}:443", "common", "a.com."],
    "client_id": ["client", UUID[:-1], UUID + "0", UUID.replace("-", ""), "{" + UUID + "}", "\u0661" + UUID[1:], HOST],
}

ACCEPTED: dict[str, list[str]] = {
    "connector_id": ["conn_123", "a", "-", "A_z-9", "c" * 64],
    "bucket": ["abc", "a" * 63, "media-archive", "a.b-c.9", "0ab", "192.168.0.1a"],
    "gcs bucket": ["abc", "a" * 63, "under_score", "media.example.com", "a.b"],
    "region": ["us-east-1", "us-gov-west-1", "ap-southeast-7", "mx-central-1", "us-isob-east-1"],
    "aws_access_key_id": ["abc", "access-key-id", "a" * 128],
    "gcp_project_id": ["media-project", "example.com:media-project", "a12345", "a" * 30],
    "storage_account": ["abc", "a" * 24, "media2026"],
    "container": ["abc", "a" * 63, "a-b-c", "$root", "$web", "$logs"],
    "tenant_id": [UUID, UUID.upper(), "contoso.onmicrosoft.com", "a.co"],
    "client_id": [UUID, "ABCDEFAB-CDEF-abcd-efab-cdefabcdefab"],
}


def _cases(table: dict[str, list[str]], everywhere: list[str]) -> list[tuple[str, str]]:
    return [(field, value) for field, values in table.items() for value in [*values, *everywhere]]


def _parsed(field: str, value: object) -> Any:
    row = ROWS[FIELDS[field]]
    return getattr(
        wire.parse(row, arguments(row.name, **{field.rsplit(" ", maxsplit=1)[-1]: value})),
        field.rsplit(" ", maxsplit=1)[-1],
    )


def _rules_for_slashes(field: str) -> tuple[Violation, ...]:
    """What any wrong value is told: the same whatever the value."""
    with pytest.raises(InvalidArguments) as caught:
        _parsed(field, "///")
    assert [violation.field for violation in caught.value.violations] == [field.rsplit(" ", maxsplit=1)[-1]]
    return caught.value.violations


@pytest.mark.parametrize(("field", "value"), _cases(REFUSED, [*NASTY, *LOOKALIKES]))
def test_what_is_not_of_a_fields_form_is_refused_without_showing_it(field: str, value: str) -> None:
    with pytest.raises(InvalidArguments) as caught:
        _parsed(field, value)
    assert caught.value.violations == _rules_for_slashes(field)


@pytest.mark.parametrize(("field", "value"), _cases(ACCEPTED, []))
def test_what_the_provider_takes_is_taken(field: str, value: str) -> None:
    assert _parsed(field, value) == value


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("around", [" {} ", "{}\n", "\t{}", "\u2003{}"])
def test_blanks_around_a_name_are_dropped(field: str, around: str) -> None:
    value = ACCEPTED[field][0]
    assert _parsed(field, around.format(value)) == value


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("odd", [7, 1.5, True, ["abc"], {"a": "b"}])
def test_a_name_that_is_no_text_is_refused(field: str, odd: object) -> None:
    with pytest.raises(InvalidArguments, match="must be a string"):
        _parsed(field, odd)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("connector_id", "c" * 5_000),
        ("bucket", "a" * 5_000),
        ("gcs bucket", "a.b" * 5_000),
        ("region", "us" + "-east" * 1_000 + "-1"),
        ("aws_access_key_id", "a" * 5_000),
        ("gcp_project_id", "a" * 5_000 + ":media-project"),
        ("storage_account", "a" * 5_000),
        ("container", "a-" * 2_500 + "a"),
        ("tenant_id", "a." * 5_000 + "com"),
        ("client_id", UUID * 100),
    ],
)
def test_no_name_is_longer_than_its_provider_allows(field: str, value: str) -> None:
    with pytest.raises(InvalidArguments):
        _parsed(field, value)


def _aws_regions() -> list[str]:
    session = botocore.session.Session()
    partitions = session.get_available_partitions()
    return sorted({region for name in partitions for region in session.get_available_regions("s3", name)})


@pytest.mark.parametrize("region", _aws_regions())
def test_every_region_that_aws_has_is_taken(region: str) -> None:
    assert _parsed("region", region) == region


def test_a_gcs_bucket_cannot_be_an_ip_address() -> None:
    with pytest.raises(InvalidArguments):
        _parsed("gcs bucket", "192.168.5.4")
