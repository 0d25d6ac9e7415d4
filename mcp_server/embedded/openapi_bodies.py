"""The schemas of request bodies: those of the request models, under the names that the wire has, without tolerance."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

from mcp_server.fields import CREDENTIAL_FIELDS
from mcp_server.file_operations import BROWSE_CONNECTOR_FILES
from mcp_server.operation import AnyOperation, Body
from mcp_server.operations import UPDATE_CONNECTOR
from mcp_server.service_account import DOCUMENT_SCHEMA
from mcp_server.wire import CLEARED

Json = dict[str, Any]

_NULL: Json = {"type": "null"}
_CLEARED_BY_NULL = "export_base_path"


def _whole_credentials() -> Json:
    """All of a provider's credentials, of one provider at the most."""
    names = CREDENTIAL_FIELDS.values()
    others = {name: [other for other in group if other != name] for group in names for name in group}
    several = [{"required": [one[0], other[0]]} for one, other in combinations(names, 2)]
    return {"dependentRequired": {name: needed for name, needed in others.items() if needed}, "not": {"anyOf": several}}


_COMBINATIONS: Mapping[AnyOperation, Json] = {
    UPDATE_CONNECTOR: {"minProperties": 1, **_whole_credentials()},
    BROWSE_CONNECTOR_FILES: {
        "not": {
            "description": "A pattern with a slash goes into subfolders",
            "required": ["pattern", "recursive"],
            "properties": {"pattern": {"type": "string", "pattern": "/"}, "recursive": {"const": False}},
        }
    },
}


def request_body(operation: AnyOperation) -> Json:
    """The body as its operation describes it."""
    schema = _body_schema(operation)
    required = "required" in schema or "minProperties" in schema
    if operation.body is not Body.FORM:
        return {"required": required, "content": {"application/json": {"schema": schema}}}
    files = {part: {"contentType": "application/json"} for part in operation.wire_names.values()}
    return {"required": required, "content": {"multipart/form-data": {"schema": schema, "encoding": files}}}


def _body_schema(operation: AnyOperation) -> Json:
    """The request's schema without what travels elsewhere."""
    request = operation.request.model_json_schema()
    elsewhere = {*operation.path_fields, *operation.query, *operation.unsent, "idempotency_key", CLEARED}
    inside = {name: operation.wire_names.get(name, name) for name in request["properties"] if name not in elsewhere}
    required = [inside[name] for name in request.get("required", ()) if name in inside]
    properties = {part: _property(operation, name, request["properties"][name]) for name, part in inside.items()}
    nullable = {part for name, part in inside.items() if part not in required and _may_be_null(operation.body, name)}
    schema: Json = {
        "type": "object",
        "additionalProperties": False,
        "properties": {part: _or_null(one) if part in nullable else one for part, one in properties.items()},
        **_COMBINATIONS.get(operation, {}),
    }
    return {**schema, "required": required} if required else schema


def _may_be_null(body: Body, name: str) -> bool:
    """A form has no null; in a patch it clears; elsewhere it says as little as an absent field."""
    return name == _CLEARED_BY_NULL if body is Body.MERGE_PATCH else body is Body.JSON


def _or_null(schema: Json) -> Json:
    outer: Json = {word: schema.pop(word) for word in ("description", "default") if word in schema}
    return {**outer, "anyOf": [schema, _NULL]}


def _property(operation: AnyOperation, name: str, schema: Json) -> Json:
    plain = shown(schema)
    if name != "credentials_json":
        return plain
    return {**DOCUMENT_SCHEMA, "description": "Service-account key file, up to 64 KiB"}


def shown(schema: Mapping[str, Any]) -> Json:
    """Without pydantic's title, and without the null that stands for an absent argument."""
    kept = {word: value for word, value in schema.items() if word != "title"}
    if "anyOf" not in kept:
        return kept
    some, _ = kept.pop("anyOf")
    kept.pop("default")
    return {**kept, **some}
