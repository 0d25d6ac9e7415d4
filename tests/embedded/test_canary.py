"""Secrets go in and never come out: not in an answer, a log line or a file, whatever happens to the request."""

from __future__ import annotations

import base64
import json
import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest

from mcp_server.embedded.service import Service
from mcp_server.settings import Settings
from tests.embedded.bodies import Json, azure_body, gcs_file, gcs_form, s3_body, service_account
from tests.embedded.calling import LOCAL, calling
from tests.emulators.http_server import Asked, Reply, serving
from tests.emulators.postgresql import Postgresql

pytestmark = pytest.mark.anyio

CANARY = f"canary/{secrets.token_urlsafe(18)}+=end"
KEY = {"Idempotency-Key": "once"}
JSON = {"Content-Type": "application/json"}


def spellings() -> Iterator[bytes]:
    """The canary as it is, as URLs spell it, and the middle of its base64 at every offset."""
    yield CANARY.encode()
    yield quote(CANARY, safe="").encode()
    yield CANARY.encode().hex().encode()  # as pg_dump writes bytes
    for offset in range(3):
        yield base64.b64encode(b"\0" * offset + CANARY.encode())[4:-4]


def assert_clean(where: str, content: bytes) -> None:
    assert not [spelling for spelling in spellings() if spelling in content], where


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def echo(asked: Asked) -> Reply:
    """A storage, and a token endpoint, that repeats all that it was told in its refusal."""
    told = f"{asked.target} {asked.headers} {asked.body.decode(errors='replace')} {CANARY}"
    return Reply(403, f"<?xml version='1.0'?><Error><Code>Odd</Code><Message>{told}</Message></Error>".encode())


def secret_bodies() -> dict[str, Json]:
    return {"s3": s3_body(aws_secret_access_key=CANARY), "azure": azure_body(client_secret=CANARY)}


def key_file() -> str:
    pem = json.loads(service_account())["private_key"]
    return service_account(private_key=pem.replace("\n", f"\n{CANARY}\n", 1))


async def everything(api: httpx.AsyncClient) -> list[httpx.Response]:
    """Every operation, for every provider, in ways that work and ways that fail."""
    answers = [await api.post(f"/connectors/{name}", json=body, headers=KEY) for name, body in secret_bodies().items()]
    answers += [await api.post(f"/connectors/{name}", json=body) for name, body in secret_bodies().items()]
    answers.append(await api.post("/connectors/gcs", data=gcs_form(), files=gcs_file(key_file())))
    answers.append(
        await api.post("/connectors/gcs", data=gcs_form(), files=gcs_file(service_account(token_uri=CANARY)))
    )
    answers.append(await api.post("/connectors/gcs", data=gcs_form(bucket=CANARY), files=gcs_file(CANARY)))
    answers.append(await api.post("/connectors/s3", json=s3_body(region=CANARY, **{CANARY: 1})))
    answers.append(await api.post("/connectors/s3", content=f'{{"name": {CANARY}'.encode(), headers=JSON))
    answers.append(await api.get(f"/{quote(CANARY, safe='')}"))
    listed = await api.get("/connectors")
    for connector in listed.json():
        path = f"/connectors/{connector['connector_id']}"
        rotation = {name: value for name, value in secret_bodies()["s3"].items() if name.startswith("aws_")}
        answers += [await api.post(f"{path}/test", headers={"Idempotency-Key": f"test {CANARY}"})]
        answers += [await api.post(f"{path}/test"), await api.post(f"{path}/browse", json={}), await api.get(path)]
        answers += [await api.patch(path, json=rotation), await api.get(path)]
    answers += [listed, await api.get("/connectors")]
    answers.append(await api.delete(f"/connectors/{listed.json()[0]['connector_id']}"))
    return answers


def everything_kept(data_dir: Path, url: str | None, request: pytest.FixtureRequest) -> dict[str, bytes]:
    """The files of the data folder, and what is in the database that is none of them."""
    kept = contents(data_dir) if data_dir.exists() else {}
    if url is not None:
        cluster: Postgresql = request.getfixturevalue("postgresql")
        kept["dump"] = cluster.dump(urlsplit(url).path[1:])
    return kept


async def test_the_canary_is_in_no_answer_no_log_line_and_no_file(
    data_dir: Path,
    database_flags: dict[str, str],
    settings_with: Callable[..., Settings],
    caplog: pytest.LogCaptureFixture,
    request: pytest.FixtureRequest,
) -> None:
    url = database_flags.get("database_url")
    caplog.set_level(logging.DEBUG)
    with serving(echo) as storage:
        endpoints = dict.fromkeys(("s3_endpoint", "gcs_endpoint", "azure_endpoint", "gcs_token_uri"), storage.url)
        settings = settings_with(**endpoints, azure_authority_host=storage.url)
        async with aclosing(await Service.open(settings)) as service, calling(service) as api:
            answers = await everything(api)
            kept = everything_kept(data_dir, url, request)
    assert {answer.status_code for answer in answers} >= {200, 201, 400, 404, 422, 502}
    for answer in answers:
        assert_clean(f"{answer.status_code} {answer.text}", answer.content + str(answer.headers).encode())
    assert {"dump"} if url else {"connectors.db", "connectors.db-wal", "encryption.key"} <= set(kept)
    for name, content in (*kept.items(), *everything_kept(data_dir, url, request).items()):
        assert_clean(name, content)
    lines = [line for record in caplog.records if LOCAL not in (line := record.getMessage())]
    assert url or any("sealed_credentials" in line for line in lines)  # SQLite's driver logs what it does
    assert_clean("log", "\n".join(lines).encode())
