"""The fields that all creations share, and those of browsing."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_server import wire
from mcp_server.errors import InvalidArguments
from tests.materials import ROWS, arguments, made


def _s3(**changes: object) -> Any:
    return wire.parse(ROWS["create_s3_connector"], arguments("create_s3_connector", **changes))


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
    "secret",
    [
        "short",
        "       x       ",
        "s" * 4_097,
        12_345_678,
        ["secret-in-a-list"],
        "\ud800" * 9,
        "\ufeff" + "s" * 9,
        "s\0" * 9,
    ],
)
def test_a_secret_of_wrong_length_or_type_is_refused(secret: object) -> None:
    with pytest.raises(InvalidArguments) as caught:
        _s3(aws_secret_access_key=secret)
    assert caught.value.violations[0].field == "aws_secret_access_key"
    assert str(secret).strip() not in str(caught.value)


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
