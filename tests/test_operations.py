"""The table of operations, and what their arguments may be together: everything wrong at once, and never a value."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mcp_server import wire
from mcp_server.errors import InvalidArguments, Violation
from mcp_server.fields import CREDENTIAL_FIELDS
from mcp_server.operation import Body, Request
from mcp_server.operations import OPERATIONS
from tests.materials import FIELDS, NAMES, ROWS, SERVICE_ACCOUNT, UUID, Json, arguments, made

ENDPOINTS = {
    "create_gcs_connector": ("POST", "/connectors/gcs", "write", Body.FORM),
    "create_s3_connector": ("POST", "/connectors/s3", "write", Body.JSON),
    "create_azure_connector": ("POST", "/connectors/azure", "write", Body.JSON),
    "list_connectors": ("GET", "/connectors", "read", Body.NONE),
    "get_connector": ("GET", "/connectors/{connector_id}", "read", Body.NONE),
    "update_connector": ("PATCH", "/connectors/{connector_id}", "write", Body.MERGE_PATCH),
    "test_connector": ("POST", "/connectors/{connector_id}/test", "write", Body.NONE),
    "browse_connector_files": ("POST", "/connectors/{connector_id}/browse", "read", Body.JSON),
    "delete_connector": ("DELETE", "/connectors/{connector_id}", "admin", Body.NONE),
}


def test_the_nine_rows_are_the_documented_endpoints() -> None:
    assert {row.name: (row.method, row.path, row.scope, row.body) for row in OPERATIONS} == ENDPOINTS


def test_a_row_is_itself_and_nothing_else() -> None:
    assert len(set(OPERATIONS)) == len(OPERATIONS) == len({row.name for row in OPERATIONS})


@pytest.mark.parametrize("name", NAMES)
def test_only_creations_and_tests_take_an_idempotency_key(name: str) -> None:
    assert ROWS[name].keyed == name.startswith(("create_", "test_"))


@pytest.mark.parametrize("name", NAMES)
def test_every_place_in_a_path_is_a_required_argument(name: str) -> None:
    row = ROWS[name]
    assert all(row.request.model_fields[field].is_required() for field in row.path_fields)
    assert row.path_fields == tuple(re.findall(r"{(.*?)}", row.path))


def test_reading_is_never_called_destructive_and_the_rest_is_never_called_reading() -> None:
    for row in OPERATIONS:
        assert row.effect.read_only == (row.scope == "read")
        assert row.effect.destructive == (row.method in ("PATCH", "DELETE"))


def test_an_operation_without_rules_of_combination_has_none() -> None:
    assert list(Request.broken_combinations({"anything": 1})) == []


# ---- what arguments may be together ------------------------------------------------------------------------------


def _violations(name: str, given_: object) -> tuple[Violation, ...]:
    with pytest.raises(InvalidArguments) as caught:
        wire.parse(ROWS[name], given_)
    assert caught.value.code == "validation_error"
    assert not caught.value.retryable
    return caught.value.violations


def test_everything_wrong_is_said_at_once() -> None:
    wrong: Json = {"name": "", "bucket": "A/../b", "region": "nowhere at all", "scopes": ["delete"], "buckett": "x"}
    found = {violation.field for violation in _violations("create_s3_connector", wrong)}
    assert found == {
        *("name", "bucket", "region", "scopes.0", "buckett", "aws_access_key_id", "aws_secret_access_key"),
    }


@pytest.mark.parametrize(
    ("unknown", "hint"),
    [
        ("buckett", "did you mean bucket?"),
        ("Bucket", "did you mean bucket?"),
        ("secret_access_key", "did you mean aws_secret_access_key?"),
        ("export_path", "did you mean export_base_path?"),
        ("zzzz", "allowed: name, "),
    ],
)
def test_an_unknown_argument_is_told_the_nearest_known_one(unknown: str, hint: str) -> None:
    value = made("unknown")
    (violation,) = _violations("create_s3_connector", arguments("create_s3_connector", **{unknown: value}))
    assert violation.field == unknown
    assert hint in violation.rule
    assert value not in str(violation)


@pytest.mark.parametrize("name", ["a b", "a\nb", "é", "\u202e", "n" * 41, "__class__.x", "\ud800", "0", "<script>"])
def test_an_odd_name_of_an_argument_is_not_repeated(name: str) -> None:
    (violation,) = _violations("list_connectors", {name: 1})
    assert violation.field == "(a name)"
    assert "allowed: cursor" in violation.rule


def test_no_unknown_argument_is_taken_because_it_is_empty() -> None:
    assert _violations("list_connectors", {"provider": None})


def test_many_unknown_arguments_do_not_make_a_long_error() -> None:
    with pytest.raises(InvalidArguments) as caught:
        wire.parse(ROWS["get_connector"], {f"unknown_{number}": 1 for number in range(2_000)})
    assert len(str(caught.value)) < 10_000


def test_what_pydantic_could_be_told_to_set_cannot_be_set() -> None:
    for name in ("model_config", "model_fields_set", "__dict__", "__class__", "broken_combinations", "self"):
        assert _violations("get_connector", {"connector_id": "c", name: {}})


@pytest.mark.parametrize("unset", [{}, {"name": None, "scopes": "", "clear_export_base_path": False}])
def test_an_update_of_nothing_is_refused(unset: Json) -> None:
    (violation,) = _violations("update_connector", {"connector_id": "conn_123", **unset})
    assert "at least one field" in violation.rule


@pytest.mark.parametrize("yes", [True, "true", "True", "yes", "on", 1, "1", 1.0])
def test_a_folder_can_be_cleared_in_every_way_to_say_true(yes: object) -> None:
    given_ = {"connector_id": "conn_123", "clear_export_base_path": yes}
    assert wire.parse(ROWS["update_connector"], given_).clear_export_base_path is True


@pytest.mark.parametrize("yes", [True, "true", "True", "yes", "on", 1, "1", 1.0])
def test_a_folder_cannot_be_set_and_cleared_at_once(yes: object) -> None:
    given_ = {"connector_id": "conn_123", "clear_export_base_path": yes, "export_base_path": "a/b"}
    (violation,) = _violations("update_connector", given_)
    assert violation.field == "clear_export_base_path"


@pytest.mark.parametrize("no", [False, "false", "no", 0, None, ""])
def test_a_folder_may_be_set_and_not_cleared(no: object) -> None:
    given_ = {"connector_id": "conn_123", "clear_export_base_path": no, "export_base_path": "a/b"}
    assert wire.parse(ROWS["update_connector"], given_).export_base_path == "a/b"


CREDENTIALS: dict[str, Json] = {
    "gcs": {"credentials_json": SERVICE_ACCOUNT},
    "s3": {"aws_access_key_id": "access-key-id", "aws_secret_access_key": made("rotated")},
    "azure": {"tenant_id": UUID, "client_id": UUID, "client_secret": made("rotated")},
}


def test_the_credentials_of_every_provider_can_be_rotated() -> None:
    assert {provider: tuple(names) for provider, names in CREDENTIALS.items()} == dict(CREDENTIAL_FIELDS)


@pytest.mark.parametrize("provider", CREDENTIALS)
def test_credentials_are_replaced_whole(provider: str) -> None:
    request = wire.parse(ROWS["update_connector"], {"connector_id": "c", **CREDENTIALS[provider]})
    assert request.model_fields_set == {"connector_id", *CREDENTIALS[provider]}


@pytest.mark.parametrize(
    ("provider", "missing"),
    [(provider, name) for provider in ("s3", "azure") for name in CREDENTIALS[provider]],
)
def test_a_part_of_credentials_is_refused_by_the_name_of_what_is_missing(provider: str, missing: str) -> None:
    part = {name: value for name, value in CREDENTIALS[provider].items() if name != missing}
    (violation,) = _violations("update_connector", {"connector_id": "c", **part})
    assert violation == Violation(missing, f"is required to rotate {provider} credentials")


@pytest.mark.parametrize("pair", [("gcs", "s3"), ("gcs", "azure"), ("s3", "azure")])
def test_credentials_of_two_providers_are_refused(pair: tuple[str, str]) -> None:
    both = {**CREDENTIALS[pair[0]], **CREDENTIALS[pair[1]]}
    (violation,) = _violations("update_connector", {"connector_id": "c", **both})
    assert f"{pair[0]}, {pair[1]}" in violation.rule


def test_a_secret_is_marked_wherever_a_request_is_printed_or_dumped() -> None:
    for name in ("create_gcs_connector", "create_s3_connector", "create_azure_connector"):
        request = wire.parse(ROWS[name], arguments(name))
        shown = f"{request!r} {request} {request.model_dump()} {request.model_dump_json()} {request.__dict__}"
        for value in (arguments(name).get("aws_secret_access_key"), arguments(name).get("client_secret")):
            assert value is None or value not in shown
        assert "-----BEGIN" not in shown
        assert made("key id") not in shown


# ---- any JSON at all ---------------------------------------------------------------------------------------------

CANARY = "Zx9Qv7Kp"
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_MARKED = st.tuples(st.text(max_size=6), st.text(max_size=6)).map(CANARY.join)
_JSON: st.SearchStrategy[Any] = st.recursive(
    _MARKED | _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_MARKED | st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)


def _refused_quietly_or_taken(name: str, given_: object) -> None:
    shown = ""
    try:
        wire.parse(ROWS[name], given_)
    except InvalidArguments as error:
        shown = f"{error} {error!r} {error.violations} {error.__cause__!r} {error.__context__!r}"
    assert CANARY not in shown


@pytest.mark.parametrize(("name", "field"), FIELDS)
@settings(derandomize=True, database=None, max_examples=60)
@given(value=_JSON)
@example(value=CANARY * 1_000)
@example(value=f"[{CANARY!r}]")
@example(value=f'{{"type": "{CANARY}"}}')
@example(value=f'["{CANARY}"]')
@example(value={CANARY: CANARY})
@example(value=f"\ud800{CANARY}")
@example(value=10**5_000)
def test_any_value_of_an_argument_is_taken_or_refused_without_showing_it(name: str, field: str, value: object) -> None:
    _refused_quietly_or_taken(name, arguments(name, **{field: value}))


@settings(derandomize=True, database=None, max_examples=200)
@given(
    name=st.sampled_from(NAMES),
    given_=_JSON.filter(lambda value: not isinstance(value, dict)) | st.dictionaries(st.text(max_size=6), _JSON),
)
def test_any_arguments_at_all_are_taken_or_refused_without_showing_a_value(name: str, given_: object) -> None:
    _refused_quietly_or_taken(name, given_)


def _nested(depth: int, *, mapping: bool) -> object:
    value: object = CANARY
    for _ in range(depth):
        value = {"a": value} if mapping else [value]
    return value


@pytest.mark.parametrize("mapping", [True, False])
@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_a_deeply_nested_value_is_refused_like_any_other(name: str, field: str, mapping: bool) -> None:  # noqa: FBT001
    _refused_quietly_or_taken(name, arguments(name, **{field: _nested(5_000, mapping=mapping)}))


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_a_deeply_nested_json_text_is_refused_like_any_other(name: str, field: str) -> None:
    _refused_quietly_or_taken(name, arguments(name, **{field: "[" * 100_000}))
