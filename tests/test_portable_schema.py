"""Every schema in the profile that all clients take; a walker that knows what is outside of it; and what they cost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, cast

import jsonschema
import pytest
from pydantic import BaseModel, Field

from mcp_server.fields import CREDENTIAL_FIELDS
from mcp_server.portable_schema import portable_schema
from mcp_server.tools import TOOLS
from mcp_server.transports import INSTRUCTIONS
from tests.materials import NAMES, ROWS, arguments
from tests.tokens import token_counts, tool_list_text

TOKEN_BUDGET = 1_500

# ---- the profile -------------------------------------------------------------------------------------------------

LEAF_KEYWORDS = {"type", "description", "enum", "default"}
KEYWORDS: dict[str, set[str]] = {
    "string": LEAF_KEYWORDS,
    "integer": LEAF_KEYWORDS - {"enum"},
    "number": LEAF_KEYWORDS - {"enum"},
    "boolean": LEAF_KEYWORDS - {"enum"},
    "array": LEAF_KEYWORDS - {"enum"} | {"items"},
    "object": {"type", "description", "properties", "required", "additionalProperties"},
}


def outside_profile(schema: object, where: str = "$") -> Iterator[str]:
    """Every construct of a schema that the portable profile has not."""
    if not isinstance(schema, dict):
        yield f"{where}: no schema"
        return
    node = cast("dict[str, Any]", schema)
    kind = node.get("type")
    if not isinstance(kind, str) or kind not in KEYWORDS:
        yield f"{where}: type {kind!r}"
        return
    yield from (f"{where}: {keyword}" for keyword in node.keys() - KEYWORDS[kind])
    yield from _outside_node(node, where)


def _outside_node(node: dict[str, Any], where: str) -> Iterator[str]:
    if "default" in node and node["default"] is None:
        yield f"{where}: default null"
    if len(node.get("description", "")) >= 1_024:
        yield f"{where}: description too long"
    if "enum" in node and not (node["enum"] and all(isinstance(value, str) for value in node["enum"])):
        yield f"{where}: enum of other than texts"
    if node["type"] == "array":
        yield from outside_profile(node.get("items"), f"{where}[]")
    if node["type"] == "object":
        yield from _outside_object(node, where)


def _outside_object(node: dict[str, Any], where: str) -> Iterator[str]:
    if node.get("additionalProperties") is not False:
        yield f"{where}: not closed"
    properties = cast("dict[str, Any]", node.get("properties", {}))
    yield from (f"{where}: requires unknown {name}" for name in node.get("required", []) if name not in properties)
    for name, inner in properties.items():
        yield from outside_profile(inner, f"{where}.{name}")


def outside_root(schema: dict[str, Any]) -> list[str]:
    """The same for a whole schema, whose root is an object."""
    return [*outside_profile(schema), *([] if schema.get("type") == "object" else ["$: no object"])]


def outside_input(schema: dict[str, Any]) -> list[str]:
    """An input schema is flat too."""
    properties = cast("dict[str, Any]", schema.get("properties", {}))
    nested = [name for name, inner in properties.items() if inner.get("type") == "object"]
    return [*outside_root(schema), *(f"$.{name}: nested object" for name in nested)]


TEXT = {"type": "string"}
FORBIDDEN: dict[str, dict[str, Any]] = {
    "$ref": {"$ref": "#/$defs/A"},
    "$ref beside a type": {"type": "string", "$ref": "#/$defs/A"},
    "anyOf": {"anyOf": [TEXT, {"type": "null"}]},
    "oneOf": {"type": "string", "oneOf": [TEXT]},
    "allOf": {"type": "string", "allOf": [TEXT]},
    "not": {"type": "string", "not": TEXT},
    "null": {"type": "null"},
    "two types": {"type": ["string", "null"]},
    "no type": {"description": "anything"},
    "const": {"type": "string", "const": "a"},
    "title": {"type": "string", "title": "A"},
    "format": {"type": "string", "format": "uri"},
    "pattern": {"type": "string", "pattern": "^a$"},
    "exclusiveMinimum": {"type": "integer", "exclusiveMinimum": 0},
    "exclusiveMaximum": {"type": "integer", "exclusiveMaximum": 9},
    "multipleOf": {"type": "integer", "multipleOf": 2},
    "minimum": {"type": "integer", "minimum": 0},
    "maxLength": {"type": "string", "maxLength": 9},
    "numeric enum": {"type": "integer", "enum": [1, 2]},
    "enum of a text and null": {"type": "string", "enum": ["a", None]},
    "empty enum": {"type": "string", "enum": []},
    "default null": {"type": "string", "default": None},
    "examples": {"type": "string", "examples": ["a"]},
    "deprecated": {"type": "string", "deprecated": True},
    "array without items": {"type": "array"},
    "items true": {"type": "array", "items": True},
    "items empty": {"type": "array", "items": {}},
    "tuple": {"type": "array", "items": [TEXT]},
    "prefixItems": {"type": "array", "items": TEXT, "prefixItems": [TEXT]},
    "uniqueItems": {"type": "array", "items": TEXT, "uniqueItems": True},
    "minItems": {"type": "array", "items": TEXT, "minItems": 1},
    "null in items": {"type": "array", "items": {"type": ["string", "null"]}},
    "open object": {"type": "object", "properties": {}},
    "object of any": {"type": "object", "properties": {}, "additionalProperties": TEXT},
    "patternProperties": {"type": "object", "additionalProperties": False, "patternProperties": {"a": TEXT}},
    "title deep inside": {
        "type": "object",
        "additionalProperties": False,
        "properties": {"a": {"type": "array", "items": {"type": "string", "title": "A"}}},
    },
    "requires what is not there": {"type": "object", "additionalProperties": False, "required": ["a"]},
    "long description": {"type": "string", "description": "d" * 1_024},
}


def _root(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


@pytest.mark.parametrize("construct", FORBIDDEN)
def test_the_walker_fails_on_what_is_outside_the_profile(construct: str) -> None:
    assert outside_root(_root(field=FORBIDDEN[construct]))


@pytest.mark.parametrize(
    "keyword", ["$defs", "definitions", "$schema", "$id", "title", "anyOf", "oneOf", "allOf", "if"]
)
def test_the_walker_fails_on_a_root_with_more_than_an_object_has(keyword: str) -> None:
    assert outside_root({**_root(), keyword: {}})


@pytest.mark.parametrize("root", [TEXT, {"type": "array", "items": TEXT}, {}, {"type": "object"}])
def test_the_walker_fails_on_a_root_that_is_no_closed_object(root: dict[str, Any]) -> None:
    assert outside_root(root)


def test_the_walker_fails_on_an_object_within_an_input() -> None:
    assert outside_root(_root(field=_root())) == []
    assert outside_input(_root(field=_root())) == ["$.field: nested object"]


def test_the_walker_passes_what_the_profile_has() -> None:
    choice = {"type": "string", "enum": ["a", "b"], "default": "a", "description": "d" * 1_023}
    fields = {
        "choice": choice,
        "texts": {"type": "array", "items": TEXT},
        "flag": {"type": "boolean", "default": False},
    }
    assert outside_input({**_root(**fields), "required": ["choice"]}) == []


# ---- the tools ---------------------------------------------------------------------------------------------------

ENTRIES = {tool.operation.name: tool.describe() for tool in TOOLS}


@pytest.mark.parametrize("name", NAMES)
def test_every_input_is_within_the_profile(name: str) -> None:
    assert outside_input(ENTRIES[name].input_schema) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_output_is_within_the_profile(name: str) -> None:
    schema = ENTRIES[name].output_schema
    assert schema is not None
    assert outside_root(schema) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_is_a_valid_schema(name: str) -> None:
    for schema in (ENTRIES[name].input_schema, ENTRIES[name].output_schema):
        assert schema is not None
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.Draft7Validator.check_schema(schema)


@pytest.mark.parametrize("name", NAMES)
def test_names_titles_and_descriptions_fit_every_client(name: str) -> None:
    entry = ENTRIES[name]
    assert re.fullmatch("[a-z0-9_]{1,40}", entry.name)
    assert entry.title
    assert entry.description
    assert len(entry.description) < 1_024


def test_the_instructions_are_not_cut() -> None:
    assert len(INSTRUCTIONS) < 2_048


CREDENTIALS = {name for names in CREDENTIAL_FIELDS.values() for name in names}
INTAKE = {
    "create_gcs_connector": ["credentials"],
    "create_s3_connector": ["credentials"],
    "create_azure_connector": ["credentials"],
    "update_connector": ["rotate_credentials", "credentials"],
}


@pytest.mark.parametrize("name", NAMES)
def test_an_input_has_the_arguments_of_its_operation_and_requires_the_same_but_for_credentials(name: str) -> None:
    schema, fields = ENTRIES[name].input_schema, ROWS[name].request.model_fields
    assert list(schema["properties"]) == [*fields, *INTAKE.get(name, [])]
    required = [field for field, info in fields.items() if info.is_required() and field not in CREDENTIALS]
    assert schema.get("required", []) == required


@pytest.mark.parametrize("name", NAMES)
def test_valid_arguments_fit_the_schema_and_unknown_ones_do_not(name: str) -> None:
    schema = ENTRIES[name].input_schema
    jsonschema.validate(arguments(name), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(arguments(name, unknown=1), schema)


@pytest.mark.parametrize("name", NAMES)
def test_no_schema_has_a_secret_as_its_default_or_a_credential_in_its_output(name: str) -> None:
    output = json.dumps(ENTRIES[name].output_schema)
    assert not re.search("secret|credential|private_key|access_key|client_id|tenant", output)
    for field in ("aws_secret_access_key", "client_secret", "credentials_json"):
        assert set(ENTRIES[name].input_schema["properties"].get(field, {})) <= {"type", "description"}


def test_nine_tools_stay_within_the_token_budget() -> None:
    (count,) = token_counts([tool_list_text()])
    assert 500 < count <= TOKEN_BUDGET


def test_tokens_are_counted_as_the_vocabulary_has_them() -> None:
    assert token_counts(["", "hello world", "tokenization"]) == [0, 2, 2]


# ---- the renderer ------------------------------------------------------------------------------------------------


class Inner(BaseModel):
    """An inner object."""

    number: int = Field(default=0, ge=0, le=9, multiple_of=3, title="N")


class Outer(BaseModel):
    """All that the renderer has to mend."""

    plain: str = Field(min_length=1, max_length=9, pattern="a*", description="Said", examples=["a"])
    optional: str | None = None
    bounded: Annotated[float, Field(gt=0, lt=1)] | None = Field(default=None, description="Outside")
    choice: Literal["a", "b"] | None = None
    entries: list[Literal["x", "y"]] = Field(default=["x"], min_length=1)
    inner: Inner
    more: list[Inner] = []
    maybe: Inner | None = None
    empty: str = ""
    flag: bool = False


def test_a_model_is_rendered_flat_and_closed() -> None:
    inner = {
        "type": "object",
        "properties": {"number": {"type": "integer", "default": 0}},
        "additionalProperties": False,
    }
    schema = portable_schema(Outer)
    assert schema == {
        "type": "object",
        "properties": {
            "plain": {"type": "string", "description": "Said"},
            "optional": {"type": "string"},
            "bounded": {"type": "number", "description": "Outside"},
            "choice": {"type": "string", "enum": ["a", "b"]},
            "entries": {"type": "array", "items": {"type": "string", "enum": ["x", "y"]}, "default": ["x"]},
            "inner": inner,
            "more": {"type": "array", "items": inner, "default": []},
            "maybe": inner,
            "empty": {"type": "string"},
            "flag": {"type": "boolean", "default": False},
        },
        "additionalProperties": False,
        "required": ["plain", "inner"],
    }
    assert outside_root(schema) == []


def test_a_model_without_fields_is_a_closed_object() -> None:
    class Nothing(BaseModel):
        pass

    assert portable_schema(Nothing) == {"type": "object", "properties": {}, "additionalProperties": False}


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_both_ends_of_a_model_are_rendered(mode: str) -> None:
    assert outside_root(portable_schema(Outer, mode)) == []
