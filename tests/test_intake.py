"""What a model is told of credentials, and what becomes of the arguments that it sends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.errors import InvalidArguments, Violation
from mcp_server.fields import CREDENTIAL_FIELDS, SECRET_FIELDS
from mcp_server.intake import Draft, Intake
from mcp_server.operations import UPDATE_CONNECTOR
from mcp_server.redaction import reveal
from tests.answering import CREATION, TYPED, book_of, existing, without_secrets
from tests.materials import ARGUMENTS, AWS_SECRET, NAMES, ROWS, Json, arguments, made

CREATIONS = tuple(CREATION.items())
TAKING = (*CREATION.values(), "update_connector")
OTHERS = tuple(name for name in NAMES if name not in TAKING)
ONE = {"connector_id": "conn_123"}
DENYING = Intake(inline=False)


def faults(name: str, given: object, intake: Intake | None = None) -> tuple[Violation, ...]:
    with pytest.raises(InvalidArguments) as refused:
        (intake or Intake()).draft(ROWS[name], given)
    return refused.value.violations


def said(name: str, given: object, intake: Intake | None = None) -> str:
    return "; ".join(map(str, faults(name, given, intake)))


# ---- a call that has its credentials -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", OTHERS)
def test_a_call_that_takes_no_credentials_is_whole(name: str) -> None:
    draft = Intake().draft(ROWS[name], ARGUMENTS[name])
    assert draft.request is not None
    assert (draft.name, Intake().note(ROWS[name], ARGUMENTS[name])) == (None, "")
    assert "credentials: is not an argument" in said(name, {**ARGUMENTS[name], "credentials": "archive"})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("wrong", [None, [], "text", 7, True])
def test_arguments_that_are_no_object_are_refused(name: str, wrong: object) -> None:
    assert said(name, wrong) == "the arguments must be a JSON object"


@pytest.mark.parametrize(("provider", "name"), CREATIONS)
@pytest.mark.parametrize("inside", [{}, {"credentials": None}, {"credentials": ""}])
def test_a_secret_among_the_arguments_makes_the_call_whole_and_is_told_to_be_in_the_transcript(
    provider: str, name: str, inside: Json
) -> None:
    given = {**ARGUMENTS[name], **inside}
    draft = Intake().draft(ROWS[name], given)
    assert draft.request is not None
    assert set(reveal(draft.request)) >= set(CREDENTIAL_FIELDS[provider])
    assert "leave it out, to ask the person" in Intake().note(ROWS[name], given)


def test_a_note_prefers_the_names_that_there_are(tmp_path: Path) -> None:
    intake = Intake(book_of(tmp_path, archive="s3"))
    for name, advice in (("create_s3_connector", "pass a name"), ("create_gcs_connector", "leave it out")):
        note = intake.note(ROWS[name], ARGUMENTS[name])
        assert "transcript" in note
        assert advice in note


@pytest.mark.parametrize("rotated", [{}, {"rotate_credentials": True}, {"rotate_credentials": False}])
def test_whole_credentials_of_an_update_are_taken_as_they_are(rotated: Json) -> None:
    for values in TYPED.values():
        given = {**ONE, **values, **rotated}
        assert Intake().draft(UPDATE_CONNECTOR, given).request is not None
        assert Intake().note(UPDATE_CONNECTOR, given)


def test_an_update_of_other_things_is_whole_and_has_nothing_to_note() -> None:
    given = {**ONE, "name": "Renamed", "rotate_credentials": "no"}
    assert Intake().draft(UPDATE_CONNECTOR, given).request is not None
    assert Intake().note(UPDATE_CONNECTOR, given) == ""


@pytest.mark.parametrize("wrong", [None, [], "text", 7])
def test_what_are_no_arguments_is_no_secret(wrong: object) -> None:
    assert Intake().note(UPDATE_CONNECTOR, wrong) == ""


# ---- a call that lacks them --------------------------------------------------------------------------------------


def kept_and_missing() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every set of a provider's fields that are no secrets, which a model may know."""
    for provider, names in CREDENTIAL_FIELDS.items():
        known = [name for name in names if name not in SECRET_FIELDS]
        for count in range(len(known) + 1):
            yield provider, tuple(known[:count])


@pytest.mark.parametrize(("provider", "kept"), list(kept_and_missing()))
@pytest.mark.parametrize("absent", [..., None, ""])
def test_what_is_not_there_of_the_credentials_is_left_to_the_person(
    provider: str, kept: tuple[str, ...], absent: object
) -> None:
    name = CREATION[provider]
    changes = {field: absent for field in CREDENTIAL_FIELDS[provider] if field not in kept}
    draft = Intake().draft(ROWS[name], arguments(name, **changes))
    missing = tuple(field for field in CREDENTIAL_FIELDS[provider] if field not in kept)
    assert (draft.request, draft.name) == (None, None)
    assert draft.outstanding(provider) == missing
    whole = draft.completed({field: TYPED[provider][field] for field in missing})
    assert set(reveal(whole)) >= set(CREDENTIAL_FIELDS[provider])


@pytest.mark.parametrize(("provider", "kept"), [case for case in kept_and_missing() if case[1]])
def test_a_part_of_new_credentials_is_left_to_the_person_too(provider: str, kept: tuple[str, ...]) -> None:
    draft = Intake().draft(UPDATE_CONNECTOR, {**ONE, **{field: TYPED[provider][field] for field in kept}})
    assert draft.request is None
    assert draft.outstanding(provider) == tuple(name for name in CREDENTIAL_FIELDS[provider] if name not in kept)


@pytest.mark.parametrize("value", [True, "true", "Yes", " on ", 1, 1.0, "1"])
def test_a_rotation_is_asked_for_in_every_way_that_clients_say_true(value: object) -> None:
    draft = Intake().draft(UPDATE_CONNECTOR, {**ONE, "rotate_credentials": value})
    assert draft.request is None
    assert draft.outstanding("azure") == CREDENTIAL_FIELDS["azure"]


@pytest.mark.parametrize("value", ["maybe", 2, [], [True], {}, "truely"])
def test_a_rotation_that_is_neither_true_nor_false_is_refused(value: object) -> None:
    assert "rotate_credentials: must be true or false" in said("update_connector", {**ONE, "rotate_credentials": value})


@pytest.mark.parametrize("value", [None, "", False, "false", 0])
def test_an_update_that_changes_nothing_is_refused(value: object) -> None:
    assert said("update_connector", {**ONE, "rotate_credentials": value}) == "name at least one field to change"


@pytest.mark.parametrize("name", CREATION.values())
def test_a_creation_rotates_nothing(name: str) -> None:
    assert "rotate_credentials: is not an argument" in said(name, without_secrets(name, rotate_credentials=True))


@pytest.mark.parametrize(
    ("name", "part", "missing"),
    [
        ("create_s3_connector", {"aws_secret_access_key": AWS_SECRET}, "aws_access_key_id: is required"),
        ("create_azure_connector", {"client_secret": AWS_SECRET, "tenant_id": "contoso.com"}, "client_id: is required"),
        ("update_connector", {"aws_secret_access_key": AWS_SECRET}, "aws_access_key_id: is required to rotate s3"),
        ("update_connector", {"client_secret": AWS_SECRET}, "tenant_id: is required to rotate azure"),
    ],
)
def test_a_secret_without_the_rest_is_refused_and_the_rest_is_named(name: str, part: Json, missing: str) -> None:
    given = {**(ONE if name == "update_connector" else without_secrets(name)), **part}
    assert missing in said(name, given)
    assert AWS_SECRET not in said(name, given)


def test_credentials_of_two_providers_or_of_another_one_are_refused() -> None:
    two = {**ONE, "aws_access_key_id": "access-key-id", "tenant_id": "contoso.com"}
    assert "credentials of several providers" in said("update_connector", two)
    draft = Intake().draft(UPDATE_CONNECTOR, {**ONE, "tenant_id": "contoso.com"})
    with pytest.raises(InvalidArguments, match="tenant_id: this is a s3 connector"):
        draft.outstanding(existing("s3").provider)
    assert "tenant_id: is not an argument" in said("create_s3_connector", without_secrets("create_s3_connector", **two))


@pytest.mark.parametrize("name", CREATION.values())
def test_what_else_is_wrong_is_told_at_once_and_the_missing_credentials_are_not(name: str) -> None:
    changes: Json = {"name": "", "scopes": ["delete"], "export_base_path": "../x", "buckett": "media"}
    fields = {each.field for each in faults(name, without_secrets(name, **changes))}
    assert fields == {"name", "scopes.0", "export_base_path", "buckett"}


def test_every_misuse_of_an_update_is_told_at_once() -> None:
    given = {**ONE, "credentials": 7, "rotate_credentials": "maybe", "aws_access_key_id": "!", "bucket": "other"}
    told = [(each.field, each.rule[:12]) for each in faults("update_connector", given)]
    assert told == [
        ("credentials", "must be a st"),
        ("credentials", "cannot go wi"),
        ("rotate_credentials", "must be true"),
        ("bucket", "cannot be ch"),
        ("aws_access_key_id", "must be an a"),
    ]


# ---- a name ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TAKING)
def test_a_name_stands_for_the_credentials(name: str) -> None:
    given = ONE if name == "update_connector" else without_secrets(name)
    draft = Intake().draft(ROWS[name], {**given, "credentials": "archive"})
    assert (draft.request, draft.name) == (None, "archive")
    provider = ROWS[name].providers[0]
    assert set(reveal(draft.completed(TYPED[provider]))) >= {*given, *TYPED[provider]}


@pytest.mark.parametrize("name", TAKING)
@pytest.mark.parametrize("wrong", [7, True, 0, False, ["archive"], {"env": "HOME"}, {"path": "/etc/passwd"}])
def test_a_name_is_a_text(name: str, wrong: object) -> None:
    given = ONE if name == "update_connector" else without_secrets(name)
    assert said(name, {**given, "credentials": wrong}) == "credentials: must be a string"


@pytest.mark.parametrize("name", TAKING)
def test_a_name_goes_with_no_credentials_beside_it(name: str) -> None:
    given = {**ONE, **TYPED["azure"]} if name == "update_connector" else ARGUMENTS[name]
    first = next(field for names in CREDENTIAL_FIELDS.values() for field in names if field in given)
    assert said(name, {**given, "credentials": "archive"}) == f"credentials: cannot go with {first}"


# ---- whatever is given -------------------------------------------------------------------------------------------

MARK = made("whatever", 20)
VALUES = st.recursive(
    st.sampled_from([None, "", True, "true", 0, 1, 2.5, MARK, f"{MARK}\ud800", f"{{{MARK}", "s3", f"-{MARK}-" * 999])
    | st.text(max_size=3).map(lambda text: f"{MARK}{text}"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just(MARK), inner, max_size=1),
    max_leaves=3,
)
KEYS = st.sampled_from([*{key for name in TAKING for key in ROWS[name].request.model_fields}, "credentials"]) | (
    st.sampled_from(["rotate_credentials", "bucket", "credential", "Name", "", "a b", "\ud800", "x" * 99])
)


@pytest.mark.parametrize("inline", [True, False])
@pytest.mark.parametrize("name", TAKING)
@settings(derandomize=True, database=None, max_examples=150)
@given(changes=st.dictionaries(KEYS, VALUES, max_size=6), whole=st.booleans())
def test_whatever_is_given_is_a_draft_or_an_error_without_it(
    name: str, *, inline: bool, changes: Json, whole: bool
) -> None:
    base = ARGUMENTS[name] if whole or name == "update_connector" else without_secrets(name)
    shown = ""
    try:
        draft: Draft[Any, Any] = Intake(inline=inline).draft(ROWS[name], {**base, **changes})
        shown = repr(draft)
        assert draft.request is None or draft.name is None
        assert inline or not Intake().note(ROWS[name], draft.arguments)
    except InvalidArguments as error:
        shown = f"{error} {error!r} {error.violations} {error.__cause__!r}"
    assert MARK not in shown


def test_a_draft_prints_none_of_its_arguments() -> None:
    draft = Intake().draft(ROWS["create_s3_connector"], ARGUMENTS["create_s3_connector"])
    assert not [value for value in map(str, ARGUMENTS["create_s3_connector"].values()) if value in f"{draft} {draft!r}"]


# ---- secrets that are not taken from a model ---------------------------------------------------------------------


@pytest.mark.parametrize(("provider", "name"), CREATIONS)
def test_a_denied_secret_is_refused_without_its_value_and_with_the_way_out(provider: str, name: str) -> None:
    for sent, tool in ((ARGUMENTS[name], name), ({**ONE, **TYPED[provider]}, "update_connector")):
        text = said(tool, sent, DENYING)
        (field,) = SECRET_FIELDS & set(sent)
        assert text == f"{field}: is not taken from a model here: leave it out, to ask the person, or pass credentials"
        without = {key: value for key, value in sent.items() if key != field}
        draft = DENYING.draft(ROWS[tool], {**without, **({"rotate_credentials": True} if tool != name else {})})
        assert (draft.request, draft.outstanding(provider)) == (None, (field,))


@pytest.mark.parametrize("unset", [None, ""])
def test_a_denied_secret_that_is_unset_is_none(unset: object) -> None:
    draft = DENYING.draft(ROWS["create_s3_connector"], arguments("create_s3_connector", aws_secret_access_key=unset))
    assert draft.request is None


@pytest.mark.parametrize("name", TAKING)
def test_a_mistyped_argument_is_not_corrected_to_a_secret_that_is_denied(name: str) -> None:
    given = ONE if name == "update_connector" else without_secrets(name)
    for mistyped in ("aws_secret_acces_key", "client_sekret", "credential_json", "something"):
        text = said(name, {**given, "credentials": "archive", mistyped: "x"}, DENYING)
        assert not [field for field in SECRET_FIELDS if field in text]


@pytest.mark.parametrize(
    ("mistyped", "meant"), [("credential", "credentials"), ("rotate_credential", "rotate_credentials")]
)
def test_a_mistyped_argument_is_corrected_to_the_ways_to_leave_secrets_out_too(mistyped: str, meant: str) -> None:
    assert f"did you mean {meant}?" in said("update_connector", {**ONE, "name": "Renamed", mistyped: "x"})
