"""Requests written from the API's documentation, not by our encoder, are taken, and the answers have its fields."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from tests.embedded.bodies import Json, gcs_file, s3_body, service_account

pytestmark = pytest.mark.anyio

SAMPLES = Path(__file__).parent.parent / "samples"
NAMES = sorted(path.stem for path in SAMPLES.glob("*_connector*.json"))


async def send(api: httpx.AsyncClient, request: Json, connector_id: str) -> httpx.Response:
    path = request["path"].replace("conn_123", connector_id)
    files = gcs_file(service_account()) if "files" in request else None
    json_body, form = request.get("json"), request.get("form")
    headers = request["headers"]
    return await api.request(request["method"], path, headers=headers, json=json_body, data=form, files=files)


def one(answer: Json | list[Json]) -> Json:
    return answer[0] if isinstance(answer, list) else answer


@pytest.mark.parametrize("name", [name for name in NAMES if name != "browse_connector_files"])
async def test_a_documented_request_gets_an_answer_of_the_documented_shape(api: httpx.AsyncClient, name: str) -> None:
    connector_id = (await api.post("/connectors/s3", json=s3_body())).json()["connector_id"]
    sample: Json = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    answer = await send(api, sample["request"], connector_id)
    assert answer.status_code in (200, 201), answer.text
    got, expected = answer.json(), sample["decoded"]
    assert set(one(expected)) <= set(one(got))
