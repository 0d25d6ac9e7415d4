"""What a model is told of credentials: the schemas of both sets, and the names that the operator set up."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from mcp_server.fields import CREDENTIAL_FIELDS, SECRET_FIELDS
from mcp_server.intake import Intake
from mcp_server.operations import UPDATE_CONNECTOR
from tests.answering import CREATION, TYPED, UNSET_VARIABLE, book_of, without_secrets
from tests.materials import ARGUMENTS, NAMES, ROWS, Json, made
from tests.test_portable_schema import outside_input

CREATIONS = tuple(CREATION.items())
TAKING = (*CREATION.values(), "update_connector")
OTHERS = tuple(name for name in NAMES if name not in TAKING)
ONE = {"connector_id": "conn_123"}
DENYING = Intake(inline=False)


def fits(given: Json, schema: Json) -> bool:
    """Whether a client that checks the schema would send it."""
    try:
        jsonschema.validate(given, schema)
    except jsonschema.ValidationError:
        return False
    return True


SETS = {"default": Intake(), "denying": DENYING}


@pytest.mark.parametrize("kind", SETS)
@pytest.mark.parametrize(("provider", "name"), CREATIONS)
def test_a_call_without_its_secret_or_with_a_name_fits_the_schema(kind: str, provider: str, name: str) -> None:
    schema = SETS[kind].input_schema(ROWS[name])
    jsonschema.validate(without_secrets(name), schema)
    jsonschema.validate(without_secrets(name, credentials="archive"), schema)
    update = SETS[kind].input_schema(UPDATE_CONNECTOR)
    jsonschema.validate({**ONE, "rotate_credentials": True}, update)
    jsonschema.validate({**ONE, "credentials": "archive"}, update)
    for given, each in ((ARGUMENTS[name], schema), ({**ONE, **TYPED[provider]}, update)):
        assert fits(given, each) == (kind == "default")


@pytest.mark.parametrize("name", NAMES)
def test_a_denying_schema_says_no_word_of_the_secrets_that_it_has_not(name: str) -> None:
    schema = json.dumps(DENYING.input_schema(ROWS[name]))
    assert not [field for field in SECRET_FIELDS if field in schema]


@pytest.mark.parametrize("name", OTHERS)
def test_what_takes_no_credentials_is_described_the_same_in_every_set(name: str, tmp_path: Path) -> None:
    row = ROWS[name]
    for intake in (DENYING, Intake(book_of(tmp_path, archive="s3"))):
        assert intake.input_schema(row) == Intake().input_schema(row)
        assert intake.description(row) == row.description


def test_a_secret_is_said_to_be_best_left_out_where_that_asks_the_person() -> None:
    properties = Intake().input_schema(ROWS["create_gcs_connector"])["properties"]
    assert properties["credentials_json"]["description"].endswith(". Leave out: the person is asked")
    properties = Intake().input_schema(ROWS["create_s3_connector"])["properties"]
    assert properties["aws_secret_access_key"]["description"] == "Leave out: the person is asked"


def told(intake: Intake, name: str) -> str:
    text: str = intake.input_schema(ROWS[name])["properties"]["credentials"]["description"]
    return text


def test_the_names_for_a_provider_are_told_and_nothing_else_of_them(tmp_path: Path) -> None:
    intake = Intake(book_of(tmp_path, studio="s3", archive="s3", review="azure"))
    assert told(intake, "create_s3_connector") == "Set up by the operator: archive, studio"
    assert told(intake, "create_azure_connector") == "Set up by the operator: review"
    assert told(intake, "update_connector") == "Set up by the operator: s3: archive, studio; azure: review"
    assert told(intake, "create_gcs_connector") == "Set up by the operator: none yet"
    for name in TAKING:
        shown = f"{intake.description(ROWS[name])} {json.dumps(intake.input_schema(ROWS[name]))}"
        assert not [place for place in (UNSET_VARIABLE, "credentials.toml", str(tmp_path), "env") if place in shown]
        assert ("Prefer credentials" in shown) == (name != "create_gcs_connector")


def test_names_are_read_when_they_are_told(tmp_path: Path) -> None:
    intake = Intake(book_of(tmp_path, archive="s3"))
    book_of(tmp_path, archive="s3", newer="s3")
    assert told(intake, "create_s3_connector") == "Set up by the operator: archive, newer"
    (tmp_path / "credentials.toml").write_text("[broken", encoding="utf-8")
    assert told(intake, "create_s3_connector") == "Set up by the operator: none yet"


def test_many_names_do_not_make_a_description_that_clients_cut(tmp_path: Path) -> None:
    providers = {f"{made(str(number), 60)}": tuple(CREDENTIAL_FIELDS)[number % 3] for number in range(90)}
    intake = Intake(book_of(tmp_path, **providers))
    assert [name for name in TAKING if len(told(intake, name)) >= 1_024] == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("inline", [True, False])
@pytest.mark.parametrize("entries", [{}, {"studio": "s3"}, {"studio": "s3", "review": "azure", "footage": "gcs"}])
def test_every_variant_is_within_the_profile(
    name: str, *, inline: bool, entries: dict[str, str], tmp_path: Path
) -> None:
    intake = Intake(book_of(tmp_path, **entries), inline=inline)
    schema = intake.input_schema(ROWS[name])
    assert outside_input(schema) == []
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft7Validator.check_schema(schema)
    assert len(intake.description(ROWS[name])) < 1_024
