"""The OpenAPI 3.1 document of the API, derived from the table. It says nothing that a row or a model does not say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter

from mcp_server import __version__
from mcp_server.operation import Body, Operation
from mcp_server.operations import OPERATIONS
from mcp_server.wire import CLEARED, IDEMPOTENCY_HEADER, REQUEST_ID_HEADER

Json = dict[str, Any]
AnyOperation = Operation[Any, Any]

_REFERENCE = "#/components/schemas/{model}"
_NULLABLE_IN_PATCH = "export_base_path"
_SECURITY_SCHEMES: Json = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "Bearer": {"type": "http", "scheme": "bearer"},
}
_ERROR_SCHEMA: Json = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "details", "request_id"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "request_id": {"type": "string"},
                "details": {
                    "type": "object",
                    "properties": {
                        "hint": {"type": "string", "description": "What to do next"},
                        "retryable": {"type": "boolean", "description": "Whether the same call may succeed later"},
                        "fields": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "properties": {"field": {"type": "string"}, "rule": {"type": "string"}},
                            },
                        },
                    },
                },
            },
        }
    },
}
_VALIDATION_SCHEMA: Json = {
    "type": "object",
    "required": ["valid", "scopes"],
    "properties": {"valid": {"type": "boolean"}, "scopes": {"type": "array", "items": {"type": "string"}}},
}


@lru_cache(maxsize=1)
def document() -> bytes:
    """The document as JSON; made once."""
    return json.dumps(_document()).encode()


def _document() -> Json:
    models: Json = {}
    paths: Json = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation, models)
    paths["/auth/validate"] = {"get": _validation()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "VideoVector Connectors API (embedded)", "version": __version__},
        "servers": [{"url": "/api/v2"}],
        "paths": paths,
        "components": {"schemas": {**models, "Error": _ERROR_SCHEMA}, "securitySchemes": _SECURITY_SCHEMES},
    }


def _described(operation: AnyOperation, models: Json) -> Json:
    request = operation.request.model_json_schema()
    described: Json = {
        "operationId": operation.name,
        "summary": operation.title,
        "description": operation.description,
        "parameters": _parameters(operation, request["properties"]),
        "responses": _responses(operation.status, _answer_schema(operation, models)),
        "security": _security(operation.scope),
    }
    if operation.body is not Body.NONE:
        described["requestBody"] = _request_body(operation, request)
    return described


def _security(*scopes: str) -> list[Json]:
    return [{name: list(scopes)} for name in _SECURITY_SCHEMES]


def _validation() -> Json:
    return {
        "operationId": "validate_key",
        "summary": "Validate the API key",
        "responses": _responses(200, _VALIDATION_SCHEMA),
        "security": _security(),
    }


def _parameters(operation: AnyOperation, properties: Mapping[str, Json]) -> list[Json]:
    parameters: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": _shown(name, properties[name])}
        for name in operation.path_fields
    ]
    if operation.keyed:
        schema = _shown("idempotency_key", properties["idempotency_key"])
        parameters.append({"name": IDEMPOTENCY_HEADER, "in": "header", "schema": schema})
    return parameters


def _request_body(operation: AnyOperation, request: Json) -> Json:
    schema = _body_schema(operation, request)
    media_type = "multipart/form-data" if operation.body is Body.FORM else "application/json"
    return {"required": "required" in schema, "content": {media_type: {"schema": schema}}}


def _body_schema(operation: AnyOperation, request: Json) -> Json:
    """The request's schema without what travels elsewhere, under the names that the body has."""
    elsewhere = {*operation.path_fields, "idempotency_key", CLEARED}
    inside = {name: operation.wire_names.get(name, name) for name in request["properties"] if name not in elsewhere}
    properties = {part: _shown(name, request["properties"][name]) for name, part in inside.items()}
    required = [inside[name] for name in request.get("required", ()) if name in inside]
    schema: Json = {"type": "object", "additionalProperties": False, "properties": properties}
    return {**schema, "required": required} if required else schema


def _shown(name: str, schema: Json) -> Json:
    """Without pydantic's title, and without its null where leaving the field out is the way to say nothing."""
    kept = {word: value for word, value in schema.items() if word != "title"}
    if "anyOf" not in kept:
        return kept
    some, null = kept.pop("anyOf")
    kept.pop("default", None)
    return {**kept, "anyOf": [some, null]} if name == _NULLABLE_IN_PATCH else {**kept, **some}


def _answer_schema(operation: AnyOperation, models: Json) -> Json:
    """A reference to the answer's model, or a list of such; the model is added to the models."""
    schema = TypeAdapter(operation.answer).json_schema(mode="serialization", ref_template=_REFERENCE)
    models |= schema.pop("$defs", {})
    if schema["type"] == "array":
        return schema
    models[schema["title"]] = schema
    return {"$ref": _REFERENCE.format(model=schema["title"])}


def _responses(status: int, schema: Json) -> Json:
    error = {"$ref": _REFERENCE.format(model="Error")}
    return {str(status): _response("The answer", schema), "default": _response("An error", error)}


def _response(description: str, schema: Json) -> Json:
    headers = {REQUEST_ID_HEADER: {"schema": {"type": "string"}}}
    return {"description": description, "headers": headers, "content": {"application/json": {"schema": schema}}}
