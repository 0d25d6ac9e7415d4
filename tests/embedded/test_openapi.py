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
from tests.embedded.bodies import Json, s3_body

DOCUMENT: Json = json.loads(openapi.document())
SCHEMAS: Json = DOCUMENT["components"]["schemas"]


CREATIONS = {"create_gcs_connector", "create_s3_connector", "create_azure_connector"}
OF_A_CONNECTOR = {
    *("get_connector", "update_connector", "delete_connector", "test_connector", "browse_connector_files"),
}


def described(operation_id: str) -> Json:
    """The description of one operation."""
    (found,) = [
        operation
        for path in DOCUMENT["paths"].values()
        for operation in path.values()
        if operation["operationId"] == operation_id
    ]
    return cast("Json", found)


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
        said = row.description if row.is_paged else operation["description"]
        assert (operation["operationId"], said) == (row.name, row.description)
        assert {str(row.status), "401", "403", "413", "421", "500", "503"} <= set(operation["responses"])
        assert "default" not in operation["responses"]
        assert operation["security"] == [{"ApiKey": [row.scope]}, {"Bearer": [row.scope]}]


@pytest.mark.parametrize(
    ("status", "operations"),
    [
        ("400", {*CREATIONS, "update_connector", "browse_connector_files"}),
        ("415", {*CREATIONS, "update_connector", "browse_connector_files"}),
        ("404", OF_A_CONNECTOR),
        ("409", {"test_connector", "browse_connector_files"}),
        ("422", {*CREATIONS, *OF_A_CONNECTOR}),
        ("502", {"browse_connector_files"}),
        ("504", {"browse_connector_files"}),
    ],
)
def test_an_error_is_described_where_it_may_come(status: str, operations: set[str]) -> None:
    assert {row.name for row in OPERATIONS if status in described(row.name)["responses"]} == operations


def test_every_error_has_the_envelope_and_the_id_of_its_request() -> None:
    for error in DOCUMENT["components"]["responses"].values():
        assert error["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}
        assert error["headers"]["X-Request-ID"]["required"] is True


def test_a_connector_that_is_answered_leads_to_all_that_can_be_done_with_it() -> None:
    linked = {row.name: described(row.name)["responses"][str(row.status)].get("links", {}) for row in OPERATIONS}
    assert {name for name, links in linked.items() if links} == {*CREATIONS, "get_connector", "update_connector"}
    assert {frozenset(links) for links in linked.values() if links} == {frozenset(OF_A_CONNECTOR)}


def test_keys_of_idempotency_are_headers_of_the_operations_that_take_them() -> None:
    keyed = [row.name for row in OPERATIONS if headers_of(row.name) == ["Idempotency-Key"]]
    assert keyed == ["create_gcs_connector", "create_s3_connector", "create_azure_connector", "test_connector"]


def test_a_browse_answers_an_array_and_says_the_rest_of_a_page_in_headers() -> None:
    answered = described("browse_connector_files")["responses"]["200"]
    schema = answered["content"]["application/json"]["schema"]
    assert schema == {"type": "array", "items": {"$ref": "#/components/schemas/CloudFile"}}
    assert set(answered["headers"]) == {"X-Request-ID", "X-Next-Cursor", "X-Listing-Totals"}
    query = [entry["name"] for entry in described("browse_connector_files")["parameters"] if entry["in"] == "query"]
    assert query == ["limit", "cursor", "sort", "summary"]


def test_whoever_asks_for_no_page_is_told_to_get_all_files() -> None:
    browsing = described("browse_connector_files")
    query = [entry for entry in browsing["parameters"] if entry["in"] == "query"]
    assert browsing["description"].startswith("All files by prefix and pattern, sorted by path. As one array, unless")
    assert [entry["name"] for entry in query if "default" in entry["schema"]] == []
    assert "next_cursor" not in json.dumps(browsing)
    assert "X-Next-Cursor" in next(entry["description"] for entry in query if entry["name"] == "cursor")


@pytest.mark.anyio
async def test_answers_and_errors_fit_their_schemas(api: httpx.AsyncClient) -> None:
    connector = (await api.post("/connectors/s3", json=s3_body())).json()
    jsonschema.validate(connector, SCHEMAS["Connector"])
    jsonschema.validate((await api.get("/connectors/conn_unknown")).json(), SCHEMAS["Error"])
    jsonschema.validate((await api.post("/connectors/s3", json={})).json(), SCHEMAS["Error"])


def test_the_document_is_made_once() -> None:
    assert openapi.document() is openapi.document()
