"""create_gcs_connector, as someone with a Google Cloud Storage bucket meets it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.emulators.gcs import PROJECT
from tests.operations import creating
from tests.operations.conftest import Desk

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def provider() -> str:
    return "gcs"


async def test_a_new_connector_tells_its_key_and_the_next_step(desk: Desk) -> None:
    bucket = desk.emulator.arguments()["bucket"]
    kept = {"name": "Media on GCS", "bucket": bucket, "gcp_project_id": PROJECT}
    await creating.tells_its_key_and_the_next_step(desk, **kept)


async def test_the_same_key_replays_the_same_connector_and_is_refused_for_another_request(desk: Desk) -> None:
    await creating.replays_the_same_connector_for_the_same_key(desk)


async def test_wrong_names_are_refused_before_anything_is_stored(desk: Desk) -> None:
    await creating.refuses_before_anything_is_stored(
        desk, bucket="goog..le", gcp_project_id="x", credentials_json="not a key file", scopes=[]
    )


async def test_the_key_file_may_come_as_its_text_and_works_the_same(desk: Desk) -> None:
    text = json.dumps(desk.emulator.arguments()["credentials_json"])
    created = await desk.create(credentials_json=text)
    tested = await desk.session.call("test_connector", connector_id=created["connector_id"])
    assert tested["success"], tested


async def test_a_key_file_that_could_steer_or_fail_later_is_refused_at_once(desk: Desk) -> None:
    wrong: dict[str, dict[str, Any]] = {
        "type must be service_account": {"type": "authorized_user"},
        "private_key must be a PEM block": {"private_key": "none of that"},
        "client_email is missing": {"client_email": " "},
        "token_uri": {"token_uri": "https://evil.example/token"},
    }
    for rule, change in wrong.items():
        key = desk.emulator.arguments()["credentials_json"] | change
        text = await desk.session.refused(desk.creation, **desk.emulator.arguments(credentials_json=key))
        assert "credentials_json: " in text
        assert rule in text
        assert "evil.example" not in text
    assert (await desk.session.call("list_connectors"))["total"] == 0
