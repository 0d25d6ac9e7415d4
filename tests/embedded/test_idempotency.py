"""A key makes a request happen once: over repetitions, over concurrent calls, over processes, over restarts."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

import anyio
import httpx
import pytest
from sqlalchemy import func, select, update

from mcp_server.embedded import clock
from mcp_server.embedded.database import Database
from mcp_server.embedded.service import Service
from mcp_server.embedded.tables import keyed_requests
from mcp_server.settings import Settings
from tests.embedded.bodies import (
    azure_body,
    encryption_key,
    gcs_file,
    gcs_form,
    s3_body,
    service_account,
)
from tests.embedded.calling import calling, headers_of
from tests.embedded.racing import racing
from tests.emulators.http_server import Reply, serving

pytestmark = pytest.mark.anyio
KEY = {"Idempotency-Key": "connector-create-s3:1"}


async def test_the_same_request_gets_the_first_answer_again(api: httpx.AsyncClient) -> None:
    body = s3_body()
    first = await api.post("/connectors/s3", json=body, headers=KEY)
    again = await api.post("/connectors/s3", json=body, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len((await api.get("/connectors")).json()) == 1


async def test_the_first_answer_stays_even_after_the_connector_changed_and_went(api: httpx.AsyncClient) -> None:
    body = s3_body()
    first = await api.post("/connectors/s3", json=body, headers=KEY)
    connector_id = first.json()["connector_id"]
    await api.patch(f"/connectors/{connector_id}", json={"name": "Renamed"})
    await api.delete(f"/connectors/{connector_id}")
    assert (await api.post("/connectors/s3", json=body, headers=KEY)).content == first.content


async def test_another_body_under_the_same_key_is_refused(api: httpx.AsyncClient) -> None:
    body = s3_body()
    await api.post("/connectors/s3", json=body, headers=KEY)
    for other in ({**body, "name": "Other"}, {**body, "aws_secret_access_key": "another-secret"}):
        refused = await api.post("/connectors/s3", json=other, headers=KEY)
        assert refused.status_code == 422
        assert refused.json()["error"]["code"] == "idempotency_key_reused"
        assert refused.json()["error"]["details"]["retryable"] is False


async def test_another_operation_under_the_same_key_is_refused(api: httpx.AsyncClient) -> None:
    connector = (await api.post("/connectors/s3", json=s3_body(), headers=KEY)).json()
    answers = [
        await api.post("/connectors/azure", json=azure_body(), headers=KEY),
        await api.post(f"/connectors/{connector['connector_id']}/test", headers=KEY),
    ]
    assert [answer.json()["error"]["code"] for answer in answers] == ["idempotency_key_reused"] * 2


async def test_a_form_is_recognized_too(api: httpx.AsyncClient) -> None:
    key = service_account()
    answers = [
        await api.post("/connectors/gcs", data=gcs_form(), files=gcs_file(key), headers=KEY),
        await api.post("/connectors/gcs", data=gcs_form(), files=gcs_file(key), headers=KEY),
        await api.post("/connectors/gcs", data=gcs_form(), files=gcs_file(service_account()), headers=KEY),
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 422]
    assert answers[0].content == answers[1].content


async def test_a_key_file_in_another_spelling_is_the_same_request(api: httpx.AsyncClient) -> None:
    key = service_account()
    spelled = [key, json.dumps(json.loads(key), indent=2), json.dumps(dict(reversed(json.loads(key).items())))]
    answers = [
        await api.post("/connectors/gcs", data=gcs_form(), files=gcs_file(spelling), headers=KEY)
        for spelling in spelled
    ]
    assert [answer.status_code for answer in answers] == [201] * 3
    assert {answer.content for answer in answers} == {answers[0].content}


async def test_scopes_in_another_order_are_the_same_request(api: httpx.AsyncClient) -> None:
    body = s3_body()
    answers = [
        await api.post("/connectors/s3", json={**body, "scopes": scopes}, headers=KEY)
        for scopes in (["import", "export"], ["export", "import"], ["import"])
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 422]
    assert answers[0].content == answers[1].content


async def test_an_error_is_not_kept(api: httpx.AsyncClient) -> None:
    assert (await api.post("/connectors/s3", json=s3_body(region="nowhere"), headers=KEY)).status_code == 422
    assert (await api.post("/connectors/s3", json=s3_body(), headers=KEY)).status_code == 201


async def test_requests_without_a_key_are_all_done(api: httpx.AsyncClient) -> None:
    body = s3_body()
    ids = {(await api.post("/connectors/s3", json=body)).json()["connector_id"] for _ in range(2)}
    assert len(ids) == 2


@pytest.mark.parametrize("key", ["x" * 256, "with blank", "\x7f"])
async def test_a_malformed_key_is_refused(api: httpx.AsyncClient, key: str) -> None:
    refused = await api.post("/connectors/s3", json=s3_body(), headers={"Idempotency-Key": key})
    assert refused.status_code == 422
    assert refused.json()["error"]["details"]["fields"][0]["field"] == "idempotency_key"


async def test_of_two_hundred_concurrent_requests_with_one_key_one_is_done(api: httpx.AsyncClient) -> None:
    body, answers = s3_body(), list[httpx.Response]()

    async def create() -> None:
        answers.append(await api.post("/connectors/s3", json=body, headers=KEY))

    async with anyio.create_task_group() as tasks:
        for _ in range(200):
            tasks.start_soon(create)
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert ["Idempotency-Replayed" in answer.headers for answer in answers].count(False) == 1
    assert (await api.get("/connectors")).json() == [answers[0].json()]


async def test_tenants_with_the_same_key_get_their_own_at_the_same_time(service: Service) -> None:
    made: dict[str, set[str]] = {tenant: set() for tenant in ("one", "two")}
    body = s3_body()
    async with calling(service, authenticate=True) as api, anyio.create_task_group() as tasks:

        async def create(tenant: str, headers: dict[str, str]) -> None:
            made[tenant].add(
                (await api.post("/connectors/s3", json=body, headers=headers | KEY)).json()["connector_id"]
            )

        for tenant in made:
            headers = await headers_of(service, tenant=tenant)
            for _ in range(20):
                tasks.start_soon(create, tenant, headers)
    assert [len(ids) for ids in made.values()] == [1, 1]
    assert made["one"] != made["two"]


async def test_processes_that_start_at_once_agree_on_key_database_and_connectors(
    data_dir: Path, database_flags: dict[str, str], settings: Settings
) -> None:
    keys = [f"key-{number}" for number in range(20)]
    answers = racing(
        "creating_process", {"data_dir": str(data_dir), "flags": database_flags, "body": s3_body(), "keys": keys}
    )
    assert answers[1:] == answers[:-1]
    async with aclosing(await Service.open(settings)) as service, calling(service) as api:
        listed = (await api.get("/connectors")).json()
    assert {connector["connector_id"] for connector in listed} == set(answers[0].values())


async def test_a_key_is_still_known_after_a_restart_but_not_with_another_encryption_key(
    settings_with: Callable[..., Settings],
) -> None:
    body = s3_body()

    async def post(settings: Settings) -> httpx.Response:
        async with aclosing(await Service.open(settings)) as service, calling(service) as api:
            return await api.post("/connectors/s3", json=body, headers=KEY)

    first_key, other_key = encryption_key(), encryption_key()
    first = await post(settings_with(encryption_key=first_key))
    again = await post(settings_with(encryption_key=first_key))
    assert again.content == first.content
    refused = await post(settings_with(encryption_key=other_key))
    assert refused.status_code == 422
    assert refused.json()["error"]["code"] == "idempotency_key_reused"
    assert "the encryption key has changed" in refused.json()["error"]["message"]
    assert "another request" not in refused.json()["error"]["message"]


async def test_answers_older_than_thirty_days_are_forgotten(api: httpx.AsyncClient, settings: Settings) -> None:
    await api.post("/connectors/s3", json=s3_body(), headers=KEY)
    async with aclosing(await Database.open(settings)) as database:
        async with database.writing() as connection:
            await connection.execute(update(keyed_requests).values(created_at=clock.ago(timedelta(days=31))))
        await api.post("/connectors/s3", json=s3_body(), headers={"Idempotency-Key": "another"})
        async with database.reading() as connection:
            assert await connection.scalar(select(func.count()).select_from(keyed_requests)) == 1
    assert (await api.post("/connectors/s3", json=s3_body(), headers=KEY)).status_code == 201


async def test_a_test_is_done_once_for_a_key_even_when_asked_for_at_once(
    settings_with: Callable[..., Settings],
) -> None:
    answers: list[httpx.Response] = []
    with serving(lambda _: Reply(403, b"<Error><Code>AccessDenied</Code></Error>")) as storage:
        settings = settings_with(s3_endpoint=storage.url)
        async with aclosing(await Service.open(settings)) as service, calling(service) as api:
            path = f"/connectors/{(await api.post('/connectors/s3', json=s3_body())).json()['connector_id']}/test"

            async def test() -> None:
                answers.append(await api.post(path, headers=KEY))

            async with anyio.create_task_group() as tasks:
                for _ in range(5):
                    tasks.start_soon(test)
            asked = len(storage.asked)
            await test()
            assert len(storage.asked) == asked
    assert {answer.content for answer in answers} == {answers[0].content}
    assert ["Idempotency-Replayed" in answer.headers for answer in answers].count(True) == 5
