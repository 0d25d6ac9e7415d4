"""What the nine operations do, told by calls of the API on real files; the storages are another test's."""

from __future__ import annotations

import json
import re
from contextlib import aclosing
from typing import Any

import anyio
import httpx
import pytest
from sqlalchemy import insert, select, update

from mcp_server.embedded import clock
from mcp_server.embedded.calls import Call
from mcp_server.embedded.database import Database
from mcp_server.embedded.service import Service
from mcp_server.embedded.tables import connectors, tenants
from mcp_server.errors import ApiRefused
from mcp_server.operations import GetConnector, ListConnectors
from mcp_server.settings import Settings
from tests.embedded.bodies import (
    Json,
    azure_body,
    gcs_file,
    gcs_form,
    private_key,
    s3_body,
    service_account,
    without,
)
from tests.embedded.calling import calling, created
from tests.emulators.http_server import Reply

pytestmark = pytest.mark.anyio

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
DENIED = Reply(403, b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>")


async def column(settings: Settings, name: str) -> Any:
    async with aclosing(await Database.open(settings)) as database, database.reading() as connection:
        return await connection.scalar(select(connectors.c[name]))


async def test_a_new_s3_connector_is_shown_without_its_credentials(api: httpx.AsyncClient) -> None:
    answer = await api.post(
        "/connectors/s3",
        json=s3_body(scopes=["export", "import"], export_base_path="/exports/", import_mode="new_only"),
    )
    connector = answer.json()
    assert answer.status_code == 201
    assert re.fullmatch("conn_[0-9a-f]{24}", connector.pop("connector_id"))
    assert MOMENT.fullmatch(connector["created_at"])
    assert connector.pop("created_at") == connector.pop("updated_at")
    absent = ("storage_account", "container", "gcp_project_id", "last_tested_at", "last_test_result", "last_test_error")
    assert connector == {
        "name": "Videos",
        "provider": "s3",
        "status": "active",
        "scopes": ["export", "import"],
        "import_mode": "new_only",
        "export_base_path": "exports",
        "bucket": "video-bucket",
        "region": "us-east-1",
        **dict.fromkeys(absent),
    }


async def test_a_new_gcs_connector_comes_from_a_form(api: httpx.AsyncClient) -> None:
    form = gcs_form(scopes=["import", "export"])
    answer = await api.post("/connectors/gcs", data=form, files=gcs_file(service_account()))
    shown = {name: answer.json()[name] for name in ("provider", "bucket", "gcp_project_id", "scopes", "import_mode")}
    assert answer.status_code == 201
    assert shown == {
        "provider": "gcs",
        "bucket": "video-bucket",
        "gcp_project_id": "video-project",
        "scopes": ["import", "export"],
        "import_mode": "all",
    }


async def test_the_gcs_key_may_come_as_a_text_field_and_one_scope_as_a_text(api: httpx.AsyncClient) -> None:
    fields = {**gcs_form(scopes="export"), "credentials_file": service_account()}
    answer = await api.post("/connectors/gcs", files={name: (None, value) for name, value in fields.items()})
    assert (answer.status_code, answer.json()["scopes"]) == (201, ["export"])


async def test_a_new_azure_connector_hides_even_the_tenant_and_the_client(api: httpx.AsyncClient) -> None:
    body = azure_body()
    answer = await api.post("/connectors/azure", json=body)
    assert answer.status_code == 201
    assert (answer.json()["storage_account"], answer.json()["container"]) == ("videostore", "videos")
    assert not [name for name in ("tenant_id", "client_id", "client_secret") if body[name] in answer.text]


async def test_all_that_is_wrong_is_told_at_once_and_no_value_with_it(api: httpx.AsyncClient) -> None:
    answer = await api.post("/connectors/s3", json=s3_body(bucket="No_Bucket", region="evil.example/x?", colour="red"))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (422, "validation_error")
    assert {fault["field"] for fault in error["details"]["fields"]} == {"bucket", "region", "colour"}
    assert not [value for value in ("No_Bucket", "evil", "red") if value in answer.text]


@pytest.mark.parametrize("rotate", [False, True])
async def test_a_gcs_key_with_a_foreign_token_endpoint_is_refused(api: httpx.AsyncClient, *, rotate: bool) -> None:
    foreign = service_account(token_uri="https://evil.example/token")
    if rotate:
        made = await api.post("/connectors/gcs", data=gcs_form(), files=gcs_file(service_account()))
        path = f"/connectors/{made.json()['connector_id']}"
        answer = await api.patch(path, json={"credentials_json": foreign})
    else:
        answer = await api.post("/connectors/gcs", data=gcs_form(), files=gcs_file(foreign))
    assert answer.status_code == 422
    assert "token_uri" in answer.json()["error"]["message"]
    assert "evil.example" not in answer.text


async def test_connectors_are_listed_oldest_first_and_by_id_within_a_millisecond(
    api: httpx.AsyncClient, settings: Settings
) -> None:
    ids = [(await created(api))["connector_id"] for _ in range(5)]
    listed = [connector["connector_id"] for connector in (await api.get("/connectors")).json()]
    assert sorted(listed) == sorted(ids)
    async with aclosing(await Database.open(settings)) as database, database.writing() as connection:
        await connection.execute(update(connectors).values(created_at=clock.now()))
    assert [connector["connector_id"] for connector in (await api.get("/connectors")).json()] == sorted(ids)


async def test_one_connector_is_got_as_it_was_created(api: httpx.AsyncClient) -> None:
    connector = await created(api)
    assert (await api.get(f"/connectors/{connector['connector_id']}")).json() == connector


@pytest.mark.parametrize(
    ("method", "tail"), [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/test"), ("POST", "/browse")]
)
async def test_an_unknown_connector_is_a_404_that_says_what_to_do(
    api: httpx.AsyncClient, method: str, tail: str
) -> None:
    body = {"name": "New"} if method == "PATCH" else {} if tail == "/browse" else None
    answer = await api.request(method, f"/connectors/conn_unknown{tail}", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "connector_not_found")
    assert "List the connectors" in answer.json()["error"]["details"]["hint"]


async def test_another_tenants_connector_is_neither_found_nor_listed(service: Service, settings: Settings) -> None:
    async with calling(service) as api:
        connector = await created(api)
    stranger = Call("stranger", ("admin",))
    async with aclosing(await Database.open(settings)) as database, database.writing() as connection:
        await connection.execute(insert(tenants).values(tenant_id="stranger"))
    assert await service.list_connectors(stranger, ListConnectors()) == []
    with pytest.raises(ApiRefused) as caught:
        await service.get_connector(stranger, GetConnector(connector_id=connector["connector_id"]))
    assert caught.value.status == 404


async def test_an_update_changes_what_it_names_and_nothing_else(api: httpx.AsyncClient) -> None:
    before = await created(api)
    path = f"/connectors/{before['connector_id']}"
    after = (await api.patch(path, json={"name": "Renamed", "export_base_path": "exports/a"})).json()
    assert after["updated_at"] > before["updated_at"]
    assert without(after, "updated_at") == {
        **without(before, "updated_at"),
        "name": "Renamed",
        "export_base_path": "exports/a",
    }
    assert (await api.get(path)).json() == after


async def test_null_clears_the_export_path_and_changes_nothing_else(api: httpx.AsyncClient) -> None:
    connector = await created(api, export_base_path="exports")
    path = f"/connectors/{connector['connector_id']}"
    assert (await api.patch(path, json={"export_base_path": None})).json()["export_base_path"] is None
    assert (await api.get(path)).json()["name"] == connector["name"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({}, ""),
        ({"bucket": "other-bucket"}, "bucket"),
        ({"provider": "gcs"}, "provider"),
        ({"connector_id": "conn_1"}, "connector_id"),
        ({"clear_export_base_path": True}, "clear_export_base_path"),
        ({"aws_access_key_id": "only-half"}, "aws_secret_access_key"),
        ({"tenant_id": "contoso.com", "client_id": "x" * 8, "client_secret": "x" * 8}, "client_id"),
    ],
)
async def test_an_update_that_breaks_a_rule_is_refused(api: httpx.AsyncClient, changes: Json, field: str) -> None:
    connector = await created(api)
    answer = await api.patch(f"/connectors/{connector['connector_id']}", json=changes)
    assert answer.status_code == 422
    assert field in [fault["field"] for fault in answer.json()["error"]["details"]["fields"]]


async def test_credentials_of_another_provider_are_refused(api: httpx.AsyncClient) -> None:
    connector = await created(api)
    identity = {name: azure_body()[name] for name in ("tenant_id", "client_id", "client_secret")}
    answer = await api.patch(f"/connectors/{connector['connector_id']}", json=identity)
    faults = answer.json()["error"]["details"]["fields"]
    assert answer.status_code == 422
    assert [fault["field"] for fault in faults] == ["tenant_id", "client_id", "client_secret"]
    assert faults[0]["rule"] == "is for provider azure; this connector's provider is s3"


async def test_concurrent_updates_lose_nothing(api: httpx.AsyncClient) -> None:
    connector = await created(api)
    path, seen = f"/connectors/{connector['connector_id']}", set[str]()
    wanted: Json = {"name": "N", "export_base_path": "e", "import_mode": "new_only", "scopes": ["export"]}

    async def change(name: str) -> None:
        seen.add((await api.patch(path, json={name: wanted[name]})).json()["updated_at"])

    async with anyio.create_task_group() as tasks:
        for name in wanted:
            tasks.start_soon(change, name)
    after = (await api.get(path)).json()
    assert {name: after[name] for name in wanted} == wanted
    assert len(seen) == len(wanted)


async def test_the_time_of_the_update_moves_on_even_when_the_clock_does_not(
    api: httpx.AsyncClient, settings: Settings
) -> None:
    connector = await created(api)
    future = "2999-12-31T23:59:59.999Z"
    async with aclosing(await Database.open(settings)) as database, database.writing() as connection:
        await connection.execute(update(connectors).values(updated_at=future))
    after = (await api.patch(f"/connectors/{connector['connector_id']}", json={"name": "Later"})).json()
    assert after["updated_at"] == "3000-01-01T00:00:00.000Z"


async def test_a_deleted_connector_is_gone_with_its_credentials(api: httpx.AsyncClient, settings: Settings) -> None:
    connector = await created(api)
    path = f"/connectors/{connector['connector_id']}"
    answer = await api.delete(path)
    assert answer.status_code == 200
    assert connector["connector_id"] in answer.json()["message"]
    assert "stay" in answer.json()["message"]
    assert (await api.get(path)).status_code == 404
    assert (await api.delete(path)).status_code == 404
    assert await column(settings, "sealed_credentials") is None


async def test_a_rotated_gcs_key_is_taken_as_text_or_object(api: httpx.AsyncClient, settings: Settings) -> None:
    made = await api.post("/connectors/gcs", data=gcs_form(), files=gcs_file(service_account()))
    path = f"/connectors/{made.json()['connector_id']}"
    before = await column(settings, "sealed_credentials")
    for key in (service_account(), json.loads(service_account(private_key=private_key()))):
        assert (await api.patch(path, json={"credentials_json": key})).status_code == 200
    assert await column(settings, "sealed_credentials") != before
