"""What the document says of a body is what the API takes: each body is judged by both."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import httpx
import jsonschema
import pytest

from mcp_server.embedded import openapi
from mcp_server.embedded.service import Service
from mcp_server.settings import Settings
from tests.embedded.api_process import empty_storage
from tests.embedded.bodies import Json, azure_body, gcs_form, private_key, s3_body, service_account
from tests.embedded.calling import calling, created
from tests.emulators.http_server import serving

pytestmark = pytest.mark.anyio

PATHS: Json = json.loads(openapi.document())["paths"]
KEY: Json = json.loads(service_account())
AZURE_IDENTITY = {name: azure_body()[name] for name in ("tenant_id", "client_id", "client_secret")}
S3_IDENTITY = {name: s3_body()[name] for name in ("aws_access_key_id", "aws_secret_access_key")}


@pytest.fixture
async def api(settings_with: Callable[..., Settings]) -> AsyncGenerator[httpx.AsyncClient]:
    """An API whose S3 is an empty bucket."""
    with serving(empty_storage) as storage:
        settings = settings_with(s3_endpoint=storage.url)
        async with aclosing(await Service.open(settings)) as service, calling(service) as api:
            yield api


def fits(path: str, method: str, body: Json, media_type: str = "application/json") -> bool:
    """What the document says."""
    schema = PATHS[path][method]["requestBody"]["content"][media_type]["schema"]
    validator: Any = jsonschema.Draft202012Validator(schema)
    return bool(validator.is_valid(body))


TAKEN: dict[str, list[Any]] = {
    "name": ["n" * 100, "Ärchiv 東京 🎬 'x'"],
    "scopes": [None, ["import", "import"]],
    "import_mode": [None],
    "export_base_path": [None, "/exports/", "//a b/%2e%2e/.../é//"],
    "bucket": ["192.168.0.1a"],
    "region": ["us-gov-west-1"],
    "aws_secret_access_key": ["8 chars!", "s" * 4096],
}
REFUSED: dict[str, list[Any]] = {
    "name": [
        *("", " ", " a", "a ", "\u00a0a", "a\u2028", "\ufeffa", "n" * 101, "a\u0000b", "a\u009fb"),
        *(None, 7, True, ["a"], {"a": "b"}),
    ],
    "scopes": ["", "import", '["import"]', [], ["Import"], [None], ["import"] * 9, {}],
    "import_mode": ["", "All", 1, ["all"]],
    "export_base_path": ["", "/", " a", "/ a /", "a/..", "../a", "a/./b", "a//b", "a\\b", "p" * 513],
    "bucket": ["ab", "a..b", "192.168.0.1", " bucket", None],
    "region": ["us", " us-east-1", "us-" + "e" * 30 + "-1", "US-EAST-1"],
    "aws_access_key_id": ["key/id"],
    "aws_secret_access_key": ["7 chars", " secrets", "secrets ", "s" * 4097, "nul\u0000nul", None],
    "colour": ["red", None],
    "idempotency_key": ["key"],
}


def listed(values: dict[str, list[Any]], status: int) -> list[tuple[str, Any, int]]:
    return [(field, value, status) for field in values for value in values[field]]


CASES = [*listed(TAKEN, 201), *listed(REFUSED, 422)]


@pytest.mark.parametrize(("field", "value", "status"), CASES, ids=range(len(CASES)))
async def test_a_creation_is_taken_as_the_document_says(
    api: httpx.AsyncClient, field: str, value: Any, status: int
) -> None:
    body = s3_body(**{field: value})
    answer = await api.post("/connectors/s3", json=body)
    assert answer.status_code == status, answer.text
    assert fits("/connectors/s3", "post", body) is (status == 201)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 201),
        ({"container": "$root"}, 201),
        ({"tenant_id": "contoso.example"}, 201),
        ({"container": "a--b"}, 422),
        ({"tenant_id": "a." * 126 + "com"}, 422),
        ({"client_id": azure_body()["client_id"] + " "}, 422),
        ({"storage_account": "with-dash"}, 422),
    ],
)
async def test_names_of_azure_are_taken_as_the_document_says(
    api: httpx.AsyncClient, changes: Json, status: int
) -> None:
    body = azure_body(**changes)
    assert (await api.post("/connectors/azure", json=body)).status_code == status
    assert fits("/connectors/azure", "post", body) is (status == 201)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"name": "New"}, 200),
        ({"export_base_path": None}, 200),
        (S3_IDENTITY, 200),
        ({}, 422),
        ({"name": None}, 422),
        ({"name": "New", "scopes": None}, 422),
        ({"export_base_path": ""}, 422),
        ({"export_base_path": None, "import_mode": None}, 422),
        ({"clear_export_base_path": True}, 422),
        ({"connector_id": "conn_1"}, 422),
        ({"bucket": None}, 422),
        ({"aws_access_key_id": "only-half"}, 422),
        ({"client_secret": secrets.token_hex(8)}, 422),
        ({**S3_IDENTITY, **AZURE_IDENTITY}, 422),
        ({**S3_IDENTITY, "credentials_json": KEY}, 422),
    ],
)
async def test_a_change_is_taken_as_the_document_says(api: httpx.AsyncClient, changes: Json, status: int) -> None:
    path = f"/connectors/{(await created(api))['connector_id']}"
    assert (await api.patch(path, json=changes)).status_code == status
    assert fits("/connectors/{connector_id}", "patch", changes) is (status == 200)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 200),
        ({"prefix": "", "pattern": "*", "recursive": False}, 200),
        ({"prefix": None, "pattern": None, "recursive": None}, 200),
        ({"prefix": " \n\u202e", "pattern": "a/**/*.{mp4,mov}"}, 200),
        ({"pattern": ""}, 422),
        ({"pattern": "a/*", "recursive": False}, 422),
        ({"pattern": "x" * 1025}, 422),
        ({"prefix": "x" * 1025}, 422),
        ({"prefix": "a\u0000"}, 422),
        ({"pattern": "a\u0000"}, 422),
        ({"recursive": "true"}, 422),
        ({"recursive": 1}, 422),
        ({"recursive": 0.0}, 422),
    ],
)
async def test_a_listing_is_asked_for_as_the_document_says(api: httpx.AsyncClient, body: Json, status: int) -> None:
    path = f"/connectors/{(await created(api))['connector_id']}/browse"
    assert (await api.post(path, json=body)).status_code == status
    assert fits("/connectors/{connector_id}/browse", "post", body) is (status == 200)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 201),
        ({"universe_domain": "googleapis.com", "note": None, "more": {"a": [1]}}, 201),
        ({"private_key": private_key().replace("PRIVATE", "RSA PRIVATE")}, 201),
        ({"type": "authorized_user"}, 422),
        ({"project_id": " "}, 422),
        ({"client_email": "\u0085\u001f"}, 422),
        ({"client_email": None}, 422),
        ({"private_key_id": 7}, 422),
        ({"private_key": "BEGIN"}, 422),
        ({"private_key": private_key() + "x"}, 422),
        ({"token_uri": "https://evil.example/token"}, 422),
    ],
    ids=range(11),
)
async def test_a_key_file_is_taken_as_the_document_says(api: httpx.AsyncClient, changes: Json, status: int) -> None:
    key: Any = {**KEY, **changes}
    file = ("key.json", json.dumps(key), "application/json")
    answer = await api.post("/connectors/gcs", data=gcs_form(), files={"credentials_file": file})
    assert answer.status_code == status, answer.text
    form = {**gcs_form(), "credentials_file": key}
    assert fits("/connectors/gcs", "post", form, "multipart/form-data") is (status == 201)


@pytest.mark.parametrize("changes", [{"export_base_path": ""}, {"import_mode": ""}, {"colour": "red"}, {"name": " a"}])
async def test_a_form_is_refused_as_the_document_says(api: httpx.AsyncClient, changes: Json) -> None:
    fields = gcs_form(**changes)
    answer = await api.post("/connectors/gcs", data=fields, files={"credentials_file": ("key.json", json.dumps(KEY))})
    assert answer.status_code == 422
    assert not fits("/connectors/gcs", "post", {**fields, "credentials_file": KEY}, "multipart/form-data")


async def test_no_text_with_a_lone_surrogate_is_taken(api: httpx.AsyncClient) -> None:
    path = f"/connectors/{(await created(api))['connector_id']}"
    headers = {"Content-Type": "application/json"}
    for target, field in ((path, "name"), (path, "export_base_path"), (f"{path}/browse", "prefix")):
        method = "POST" if target.endswith("browse") else "PATCH"
        answer = await api.request(method, target, content=f'{{"{field}": "\\ud800"}}', headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "validation_error")
