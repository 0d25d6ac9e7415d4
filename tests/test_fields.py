"""What each field takes and refuses: by its provider's rules, and never with the value in what it says."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from mcp_server import wire
from mcp_server.errors import InvalidArguments, Violation
from tests.materials import ROWS, UUID, arguments, made

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


# ---- common fields -----------------------------------------------------------------------------------------------


def _s3(**changes: object) -> Any:
    return wire.parse(ROWS[S3], arguments(S3, **changes))


@pytest.mark.parametrize("name", ["a", "n" * 100, "Archive, März, 東京 🎬", "'; DROP TABLE connectors; --", "<b>&amp;"])
def test_a_connector_may_have_any_printable_name(name: str) -> None:
    assert _s3(name=name).name == name


@pytest.mark.parametrize(
    "name", ["   ", "n" * 101, "a\nb", "a\x00b", "a\x1b[31m", "a\x7fb", "a\u0085b", "\ud800", "\n"]
)
def test_a_name_with_control_characters_or_of_wrong_length_is_refused(name: str) -> None:
    with pytest.raises(InvalidArguments) as caught:
        _s3(name=name)
    assert caught.value.violations[0].field == "name"


@pytest.mark.parametrize(
    ("scopes", "kept"),
    [
        (["import"], ["import"]),
        (["export", "import"], ["export", "import"]),
        (["import", "import", "export", "import"], ["import", "export"]),
        ('["export"]', ["export"]),
        (' ["import", "export"] ', ["import", "export"]),
        ("import", ["import"]),
        ("", ["import"]),
        (None, ["import"]),
    ],
)
def test_scopes_come_as_a_list_or_as_its_text(scopes: object, kept: list[str]) -> None:
    assert _s3(scopes=scopes).scopes == kept


@pytest.mark.parametrize(
    "scopes",
    [
        *([], "[]", ["import", "delete"], ["Import"], [None], [["import"]], {"import": True}, 7, True),
        *("import,export", "null", "{}", '{"a": 1}', "[1]", "7", "[", '"import"', ["\ud800"], "1" * 5_000),
    ],
)
def test_other_scopes_are_refused(scopes: object) -> None:
    with pytest.raises(InvalidArguments) as caught:
        _s3(scopes=scopes)
    assert all(violation.field.startswith("scopes") for violation in caught.value.violations)


@pytest.mark.parametrize("scopes", ["[" * 100_000, '{"a":' * 100_000])
def test_scopes_nested_without_end_are_refused_like_any_other(scopes: str) -> None:
    with pytest.raises(InvalidArguments):
        _s3(scopes=scopes)


def test_many_wrong_entries_do_not_make_a_long_error() -> None:
    with pytest.raises(InvalidArguments) as caught:
        _s3(scopes=["delete"] * 10_000)
    assert len(str(caught.value)) < 10_000


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("exports/review", "exports/review"),
        ("/exports/review/", "exports/review"),
        ("//a//", "a"),
        ("a b/c", "a b/c"),
        ("%2e%2e", "%2e%2e"),
        ("...", "..."),
        ("é/東京", "é/東京"),
        ("", None),
        (None, None),
    ],
)
def test_an_export_folder_is_kept_without_slashes_at_its_ends(path: object, kept: str | None) -> None:
    assert _s3(export_base_path=path).export_base_path == kept


@pytest.mark.parametrize(
    "path",
    [
        "..",
        "../a",
        "a/..",
        "a/../b",
        ".",
        "a/./b",
        "a//b",
        "/",
        "///",
        "  ",
        "a\\b",
        "..\\a",
        "a\nb",
        "a\x00",
        "p" * 513,
        7,
    ],
)
def test_an_export_folder_cannot_climb_out_of_itself(path: object) -> None:
    with pytest.raises(InvalidArguments) as caught:
        _s3(export_base_path=path)
    assert caught.value.violations[0].field == "export_base_path"


@pytest.mark.parametrize("mode", ["All", "none", 7, ["all"], {"all": 1}, True])
def test_an_import_mode_is_one_of_two(mode: object) -> None:
    with pytest.raises(InvalidArguments, match="import_mode: must be 'all' or 'new_only'"):
        _s3(import_mode=mode)


@pytest.mark.parametrize("key", ["a", "k" * 255, "connector-s3-archive", "a:b/c?d={}"])
def test_an_idempotency_key_is_any_visible_ascii(key: str) -> None:
    assert _s3(idempotency_key=key).idempotency_key == key


@pytest.mark.parametrize("key", ["k" * 256, "a b", "a\nb", "a\r\nX-API-Key: b", "é", "\x7f", "   ", 7])
def test_an_idempotency_key_cannot_break_a_header(key: object) -> None:
    with pytest.raises(InvalidArguments, match="idempotency_key"):
        _s3(idempotency_key=key)


@pytest.mark.parametrize("field", ["aws_secret_access_key", "aws_access_key_id", "region", "bucket", "name"])
@pytest.mark.parametrize("unset", [None, "", ...])
def test_what_is_required_cannot_be_left_empty(field: str, unset: object) -> None:
    with pytest.raises(InvalidArguments, match=f"{field}: is required"):
        _s3(**{field: unset})


@pytest.mark.parametrize(
    "secret", ["short", "       x       ", "s" * 4_097, 12_345_678, ["secret-in-a-list"], "\ud800" * 9]
)
def test_a_secret_of_wrong_length_or_type_is_refused(secret: object) -> None:
    with pytest.raises(InvalidArguments) as caught:
        _s3(aws_secret_access_key=secret)
    assert caught.value.violations[0].field == "aws_secret_access_key"
    assert str(secret).strip() not in str(caught.value)


# ---- browsing ----------------------------------------------------------------------------------------------------


def _browse(**changes: object) -> Any:
    return wire.parse(ROWS["browse_connector_files"], arguments("browse_connector_files", **changes))


def test_browsing_lists_all_files_unless_told_otherwise() -> None:
    request = _browse(prefix="", pattern=None, recursive="")
    assert (request.prefix, request.pattern, request.recursive) == ("", "*", True)


@pytest.mark.parametrize("value", [True, "true", "True", 1, "yes", "on"])
def test_true_may_be_said_in_the_usual_ways(value: object) -> None:
    assert _browse(recursive=value).recursive is True


@pytest.mark.parametrize("value", [False, "false", "FALSE", 0, "no", "off"])
def test_false_may_be_said_in_the_usual_ways(value: object) -> None:
    assert _browse(recursive=value).recursive is False


@pytest.mark.parametrize("value", ["maybe", 2, [], {}, 0.5])
def test_neither_true_nor_false_is_refused(value: object) -> None:
    with pytest.raises(InvalidArguments, match="recursive: must be true or false"):
        _browse(recursive=value)


@pytest.mark.parametrize("field", ["prefix", "pattern"])
@pytest.mark.parametrize("value", ["x" * 1_025, 7, ["a"], {}, "\ud800"])
def test_a_prefix_or_pattern_of_wrong_length_or_type_is_refused(field: str, value: object) -> None:
    with pytest.raises(InvalidArguments, match=f"{field}: must"):
        _browse(**{field: value})


def test_a_prefix_keeps_its_blanks_and_odd_characters() -> None:
    prefix = made("prefix") + " /../%2e%2e\u202e\n "
    assert _browse(prefix=prefix).prefix == prefix
