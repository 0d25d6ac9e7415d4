"""The OpenAPI document is valid, complete, and says what the table says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import httpx
import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from mcp_server.embedded import openapi
from mcp_server.operations import OPERATIONS
from tests.embedded.bodies import Json, azure_body, s3_body

DOCUMENT: Json = json.loads(openapi.document())
SCHEMAS: Json = DOCUMENT["components"]["schemas"]


def described(operation_id: str) -> Json:
    """The description of one operation."""
    (found,) = [
        operation
        for path in DOCUMENT["paths"].values()
        for operation in path.values()
        if operation["operationId"] == operation_id
    ]
    return cast("Json", found)


def body_of(operation_id: str, media_type: str = "application/json") -> Json:
    schema: Json = described(operation_id)["requestBody"]["content"][media_type]["schema"]
    return schema


def headers_of(operation_id: str) -> list[str]:
    return [parameter["name"] for parameter in described(operation_id)["parameters"] if parameter["in"] == "header"]


def words(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for word, part in cast("Json", value).items():
            yield word
            yield from words(part)
    elif isinstance(value, list):
        for part in cast("list[object]", value):
            yield from words(part)


def test_the_document_is_valid() -> None:
    OpenAPIV31SpecValidator(cast("Any", DOCUMENT)).validate()
    assert "$defs" not in list(words(DOCUMENT))


def test_every_row_is_described_under_its_path_and_method() -> None:
    for row in OPERATIONS:
        operation = DOCUMENT["paths"][row.path][row.method.lower()]
        assert (operation["operationId"], operation["description"]) == (row.name, row.description)
        assert set(operation["responses"]) == {str(row.status), "default"}
        assert operation["security"] == [{"ApiKey": [row.scope]}, {"Bearer": [row.scope]}]


def test_keys_of_idempotency_are_headers_of_the_operations_that_take_them() -> None:
    keyed = [row.name for row in OPERATIONS if headers_of(row.name) == ["Idempotency-Key"]]
    assert keyed == ["create_gcs_connector", "create_s3_connector", "create_azure_connector", "test_connector"]


def test_the_gcs_key_is_a_part_of_the_form_under_its_wire_name() -> None:
    form = body_of("create_gcs_connector", "multipart/form-data")
    assert form["required"] == ["name", "bucket", "gcp_project_id", "credentials_file"]
    assert "credentials_json" not in form["properties"]


def test_a_patch_body_has_neither_the_id_nor_the_flag_and_only_the_export_path_may_be_null() -> None:
    body = body_of("update_connector")
    assert {"connector_id", "clear_export_base_path"}.isdisjoint(body["properties"])
    nullable = [name for name, schema in body["properties"].items() if {"type": "null"} in schema.get("anyOf", ())]
    assert nullable == ["export_base_path"]


@pytest.mark.parametrize(
    ("operation_id", "body"), [("create_s3_connector", s3_body()), ("create_azure_connector", azure_body())]
)
def test_a_request_that_the_api_takes_fits_its_schema(operation_id: str, body: Json) -> None:
    jsonschema.validate(body, body_of(operation_id))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**body, "colour": "red"}, body_of(operation_id))


@pytest.mark.anyio
async def test_answers_and_errors_fit_their_schemas(api: httpx.AsyncClient) -> None:
    connector = (await api.post("/connectors/s3", json=s3_body())).json()
    jsonschema.validate(connector, SCHEMAS["Connector"])
    jsonschema.validate((await api.get("/connectors/conn_unknown")).json(), SCHEMAS["Error"])
    jsonschema.validate((await api.post("/connectors/s3", json={})).json(), SCHEMAS["Error"])


def test_the_document_is_made_once() -> None:
    assert openapi.document() is openapi.document()
