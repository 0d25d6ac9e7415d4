"""create_s3_connector, as someone with an S3 bucket meets it."""

from __future__ import annotations

import pytest

from tests.emulators.s3 import REGION
from tests.operations import creating
from tests.operations.conftest import Desk

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def provider() -> str:
    return "s3"


async def test_a_new_connector_tells_its_key_and_the_next_step(desk: Desk) -> None:
    bucket = desk.emulator.arguments()["bucket"]
    await creating.tells_its_key_and_the_next_step(desk, name="Media on S3", bucket=bucket, region=REGION)


async def test_the_same_key_replays_the_same_connector_and_is_refused_for_another_request(desk: Desk) -> None:
    await creating.replays_the_same_connector_for_the_same_key(desk)


async def test_wrong_names_are_refused_before_anything_is_stored(desk: Desk) -> None:
    await creating.refuses_before_anything_is_stored(
        desk,
        name="",
        bucket="Not_A_Bucket",
        region="evil.example/x?",
        aws_access_key_id="has blanks in it",
        aws_secret_access_key="short",
        scopes=["import", "everything"],
        export_base_path="../elsewhere",
        import_mode="sometimes",
        idempotency_key="with blanks",
    )


async def test_what_clients_send_for_an_unset_option_is_taken_and_an_unknown_argument_is_not(desk: Desk) -> None:
    created = await desk.create(export_base_path="", import_mode=None, scopes='["export"]', idempotency_key=None)
    assert (created["scopes"], created["import_mode"]) == (["export"], "all")
    assert "export_base_path" not in created
    misspelt = desk.emulator.arguments(regoin=REGION, endpoint_url="http://127.0.0.1:9")
    text = await desk.session.refused(desk.creation, **misspelt)
    assert "regoin: is not an argument; did you mean region?" in text
    assert "endpoint_url: is not an argument" in text
