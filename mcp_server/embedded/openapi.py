"""The OpenAPI 3.1 document of the API, derived from the table. It says nothing that a row or a model does not say."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter

from mcp_server import __version__
from mcp_server.embedded.openapi_bodies import request_body, shown
from mcp_server.embedded.openapi_refusals import ERROR_SCHEMA, REFUSALS, REQUEST_ID, refusals
from mcp_server.file_operations import BROWSE_ALL_FILES
from mcp_server.operation import AnyOperation, Body
from mcp_server.operations import OPERATIONS
from mcp_server.page_headers import NEXT_CURSOR_HEADER, TOTALS_HEADER
from mcp_server.resources import Connector
from mcp_server.wire import IDEMPOTENCY_HEADER, REPLAYED_HEADER, REQUEST_ID_HEADER

Json = dict[str, Any]

_REFERENCE = "#/components/schemas/{model}"
_SECURITY_SCHEMES: Json = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "Bearer": {"type": "http", "scheme": "bearer"},
}
_VALIDATION_SCHEMA: Json = {
    "type": "object",
    "required": ["valid", "scopes"],
    "properties": {"valid": {"type": "boolean"}, "scopes": {"type": "array", "items": {"type": "string"}}},
}
_KEY = "Your own for each request: repeated with it, the request is not done again but gets its first answer"
_REPLAYED: Json = {"description": "This is the first answer to the same request", "schema": {"enum": ["true"]}}

_PAGED = (
    f"{BROWSE_ALL_FILES.description} As one array, unless the query says something of a page: then a page of them, "
    "100 if it does not say how many."
)
_OF_A_PAGE: Json = {
    "limit": "Files a page",
    "cursor": f"{NEXT_CURSOR_HEADER} of the page before, all else as it was there",
    "sort": "Path by code point, size from the largest, time from the newest",
    "summary": "No files: what all come to alone",
}
_PAGING: Json = {
    NEXT_CURSOR_HEADER: {
        "description": "The cursor of the next page, empty on the last one; only where a page was asked for",
        "schema": {"type": "string"},
    },
    TOTALS_HEADER: {
        "description": "What all files come to, as JSON, where that is known: files, bytes, extensions, newest, oldest",
        "schema": {"type": "string"},
    },
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
        "components": {
            "schemas": {**models, "Error": ERROR_SCHEMA},
            "responses": REFUSALS,
            "securitySchemes": _SECURITY_SCHEMES,
        },
    }


def _described(operation: AnyOperation, models: Json) -> Json:
    described: Json = {
        "operationId": operation.name,
        "summary": operation.title,
        "description": _PAGED if operation.is_paged else operation.description,
        "parameters": _parameters(operation),
        "responses": {str(operation.status): _answered(operation, models), **refusals(operation)},
        "security": _security(operation.scope),
    }
    if operation.body is not Body.NONE:
        described["requestBody"] = request_body(operation)
    return described


def _security(*scopes: str) -> list[Json]:
    return [{name: list(scopes)} for name in _SECURITY_SCHEMES]


def _validation() -> Json:
    return {
        "operationId": "validate_key",
        "summary": "Validate the API key",
        "responses": {"200": _answer(_VALIDATION_SCHEMA), **refusals()},
        "security": _security(),
    }


def _parameters(operation: AnyOperation) -> list[Json]:
    properties = operation.request.model_json_schema()["properties"]
    parameters: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": shown(properties[name])}
        for name in operation.path_fields
    ]
    parameters += [_query_parameter(name, properties[name]) for name in operation.query]
    if operation.keyed:
        schema = {**shown(properties["idempotency_key"]), "description": _KEY}
        parameters.append({"name": IDEMPOTENCY_HEADER, "in": "header", "schema": schema})
    return parameters


def _query_parameter(name: str, schema: Json) -> Json:
    """Without a default and a word for models: whoever leaves all of them out gets no page."""
    kept = {word: value for word, value in shown(schema).items() if word not in ("default", "description")}
    return {"name": name, "in": "query", "description": _OF_A_PAGE[name], "schema": kept}


def _answered(operation: AnyOperation, models: Json) -> Json:
    answer = _answer(_answer_schema(BROWSE_ALL_FILES if operation.is_paged else operation, models))
    if operation.is_paged:
        answer["headers"] = {**answer["headers"], **_PAGING}
    if operation.keyed:
        answer["headers"] = {**answer["headers"], REPLAYED_HEADER: _REPLAYED}
    if operation.answer is Connector:
        answer["links"] = _links()
    return answer


def _answer(schema: Json) -> Json:
    return {
        "description": "The answer",
        "headers": {REQUEST_ID_HEADER: REQUEST_ID},
        "content": {"application/json": {"schema": schema}},
    }


def _answer_schema(operation: AnyOperation, models: Json) -> Json:
    """A reference to the answer's model, or a list of such; the model is added to the models."""
    schema = TypeAdapter(operation.answer).json_schema(mode="serialization", ref_template=_REFERENCE)
    models |= schema.pop("$defs", {})
    if schema["type"] == "array":
        return schema
    models[schema["title"]] = schema
    return {"$ref": _REFERENCE.format(model=schema["title"])}


def _links() -> Json:
    """What can be done next with the connector of an answer."""
    return {
        operation.name: {"operationId": operation.name, "parameters": {name: f"$response.body#/{name}"}}
        for operation in OPERATIONS
        for name in operation.path_fields
    }
