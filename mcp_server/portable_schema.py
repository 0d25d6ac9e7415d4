"""JSON schemas of pydantic models in the portable profile: flat, closed objects that every MCP client takes.

What the profile leaves out (references, unions, null, formats, patterns, bounds) is said in descriptions and checked
when a call comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

_KEPT = ("type", "description", "enum", "default")


class _PlainDefaults(GenerateJsonSchema):
    """Defaults are JSON values already. Pydantic makes a serializer for each, the third part of its time."""

    def encode_default(self, dft: Any) -> Any:
        return dft


def portable_schema(model: type[BaseModel], mode: Any = "validation") -> dict[str, Any]:
    """The model's schema in the profile; `mode` is pydantic's, "validation" or "serialization"."""
    schema = model.model_json_schema(mode=mode, schema_generator=_PlainDefaults)
    return _closed_object(schema, schema.get("$defs", {}))


def _closed_object(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    portable: dict[str, Any] = {
        "type": "object",
        "properties": {name: _portable(field, definitions) for name, field in properties.items()},
        "additionalProperties": False,
    }
    if required := schema.get("required"):
        portable["required"] = list(required)
    return portable


def _portable(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    whole = _without_null(schema)
    if "$ref" in whole:
        whole = {**definitions[str(whole["$ref"]).rsplit("/", 1)[-1]], **whole}
    if whole.get("type") == "object":
        return _closed_object(whole, definitions)
    portable = {keyword: whole[keyword] for keyword in _KEPT if whole.get(keyword) not in (None, "")}
    if "items" in whole:
        portable["items"] = _portable(whole["items"], definitions)
    return portable


def _without_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    """An optional field is one that may be absent: its schema is that of its value."""
    choices = cast("list[dict[str, Any]]", schema.get("anyOf", []))
    values = [choice for choice in choices if choice.get("type") != "null"]
    return {**schema, **values[0]} if values else dict(schema)
