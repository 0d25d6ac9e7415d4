"""test_connector: whether the access works and, if not, the cause that a person can act on."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

import pytest

from tests.emulators import Emulator
from tests.emulators.azure import AzureEmulator
from tests.emulators.gcs import GcsEmulator
from tests.emulators.http_server import Asked, Reply, serving
from tests.emulators.processes import free_port
from tests.emulators.s3 import S3Emulator
from tests.operations.conftest import Desk, settings_of
from tests.sessions import Json, Session, connected

pytestmark = pytest.mark.anyio

ENDPOINTS = ("VIDEOVECTOR_GCS_ENDPOINT", "VIDEOVECTOR_S3_ENDPOINT", "VIDEOVECTOR_AZURE_ENDPOINT")
BOTH = ["import", "export"]


async def report_of(session: Session, created: Json) -> Json:
    return await session.call("test_connector", connector_id=created["connector_id"])


async def fails(desk: Desk, arguments: Json, *told: str) -> None:
    """The test of such a connector tells all of this, a next step, and get_connector says the same afterwards."""
    created = await desk.session.call(desk.creation, **arguments)
    report = await report_of(desk.session, created)
    assert not report["success"]
    assert [part for part in told if part not in report["error_message"]] == [], report["error_message"]
    assert "test again" in report["next_step"]
    after = await desk.session.call("get_connector", connector_id=created["connector_id"])
    assert (after["status"], after["last_test_result"]) == ("failed", "failure")
    assert after["last_test_error"] == report["error_message"]
    assert after["last_tested_at"] >= created["created_at"]


async def test_access_that_works_says_what_was_checked_and_leaves_nothing_behind(desk: Desk) -> None:
    bucket = desk.emulator.new_bucket()
    desk.emulator.put("media/clip.mp4", bucket=bucket)
    where = {desk.emulator.bucket_field: bucket}
    created = await desk.create(scopes=BOTH, export_base_path="exports/review", **where)
    report = await report_of(desk.session, created)
    assert report["success"]
    assert report["checked"] == ["list objects", "read an object", "write a probe object", "delete the probe object"]
    assert "browse_connector_files" in report["next_step"]
    assert desk.emulator.keys(bucket=bucket) == ["media/clip.mp4"]
    after = await desk.session.call("get_connector", connector_id=created["connector_id"])
    assert (after["status"], after["last_test_result"]) == ("active", "success")
    assert "last_test_error" not in after


async def test_only_what_the_scopes_promise_is_checked(desk: Desk) -> None:
    where = {desk.emulator.bucket_field: desk.emulator.new_bucket()}
    reading = await report_of(desk.session, await desk.create(scopes=["import"], **where))
    assert reading["checked"] == ["list objects (there are none, so none was read)"]
    writing = await report_of(desk.session, await desk.create(scopes=["export"], **where))
    assert writing["checked"] == ["write a probe object", "delete the probe object"]


async def test_one_key_is_one_test(desk: Desk) -> None:
    bucket = desk.emulator.new_bucket()
    created = await desk.create(**{desk.emulator.bucket_field: bucket})
    one = {"connector_id": created["connector_id"], "idempotency_key": f"nightly-{uuid.uuid4()}"}
    first = await desk.session.call("test_connector", **one)
    desk.emulator.put("clip.mp4", bucket=bucket)
    assert await desk.session.call("test_connector", **one) == first
    assert (await report_of(desk.session, created))["checked"] != first["checked"]
    other = {**one, "connector_id": (await desk.create())["connector_id"]}
    assert "code: idempotency_key_reused" in await desk.session.refused("test_connector", **other)


async def test_a_bucket_that_is_not_there_is_named(desk: Desk) -> None:
    for scope in BOTH:
        missing = {desk.emulator.bucket_field: "no-such-bucket-here", "scopes": [scope]}
        await fails(desk, desk.emulator.arguments(**missing), '"no-such-bucket-here" does not exist', "Check the name")


async def test_a_wrong_secret_is_said_to_be_wrong(desk: Desk) -> None:
    for scope in BOTH:
        wrong = {**desk.emulator.wrong_secret_arguments(), "scopes": [scope]}
        await fails(desk, wrong, "refused", "Update the connector")


@pytest.mark.parametrize("provider", ["s3"], scope="module")
async def test_s3_names_the_half_of_the_key_or_the_permission_that_is_missing(
    desk: Desk, s3_emulator: S3Emulator
) -> None:
    s3_emulator.put("clip.mp4")
    await fails(desk, s3_emulator.wrong_secret_arguments(), "refused its secret access key", "SignatureDoesNotMatch")
    await fails(desk, s3_emulator.unknown_key_arguments(), "does not know this access key id")
    reader = s3_emulator.new_user("s3:ListBucket", "s3:GetObject")
    lister = s3_emulator.new_user("s3:ListBucket")
    nobody = s3_emulator.new_user("iam:GetUser")
    writer = s3_emulator.new_user("s3:PutObject")
    cases: tuple[tuple[Json, str], ...] = (
        (s3_emulator.arguments_of(nobody), "s3:ListBucket is missing"),
        (s3_emulator.arguments_of(lister), "s3:GetObject is missing"),
        (s3_emulator.arguments_of(reader, scopes=BOTH), "s3:PutObject is missing"),
        (s3_emulator.arguments_of(writer, scopes=["export"]), "s3:DeleteObject is missing"),
    )
    for arguments, missing in cases:
        await fails(desk, arguments, "has no permission for", missing, "Grant")


@pytest.mark.parametrize("provider", ["azure"], scope="module")
async def test_azure_names_the_tenant_the_application_or_the_secret(desk: Desk, azure_emulator: AzureEmulator) -> None:
    arguments, someone = azure_emulator.arguments, str(uuid.uuid4())
    await fails(desk, arguments(tenant_id=someone), "does not know this tenant", "AADSTS90002")
    await fails(desk, arguments(client_id=someone), "does not know this application", "AADSTS700016")
    await fails(desk, azure_emulator.wrong_secret_arguments(), "refused its client secret", "AADSTS7000215")


@pytest.mark.parametrize("provider", ["gcs"], scope="module")
async def test_gcs_tells_an_account_it_does_not_know_from_a_key_that_is_not_its_own(
    desk: Desk, gcs_emulator: GcsEmulator
) -> None:
    stranger = gcs_emulator.account.key_file(client_email="nobody@media-project.iam.gserviceaccount.com")
    await fails(desk, gcs_emulator.arguments(credentials_json=stranger), "service account", "invalid_grant")
    await fails(desk, gcs_emulator.wrong_secret_arguments(), "service account", "invalid_grant")


def _xml(code: str, region: str = "") -> bytes:
    return f"<Error><Code>{code}</Code><Message>m</Message><Region>{region}</Region></Error>".encode()


TOLD: Mapping[str, tuple[Reply, str]] = {
    "s3-redirect": (Reply(301, _xml("PermanentRedirect"), {"x-amz-bucket-region": "us-west-2"}), "us-west-2"),
    "s3-signature": (Reply(400, _xml("AuthorizationHeaderMalformed", "us-west-2")), "us-west-2"),
    "s3-web-page": (Reply(200, b"<html><body>Welcome</body></html>"), "not an S3 listing"),
    "azure-role": (Reply(403, _xml("AuthorizationPermissionMismatch")), "Storage Blob Data Reader is missing"),
    "azure-web-page": (Reply(200, b"<html></html>"), "not an Azure Blob Storage listing"),
    "gcs-role": (Reply(403, b'{"error": {"code": 403}}'), "storage.objects.list"),
    "gcs-web-page": (Reply(200, b"<html></html>"), "not a Google Cloud Storage listing"),
}
"""What storages answer that no emulator says, by the name of the bucket, and what is told of it."""


async def test_what_no_emulator_says_is_told_as_well(
    era: str, clouds: dict[str, Emulator], embedded: dict[str, str]
) -> None:
    def respond(asked: Asked) -> Reply:
        return next(reply for bucket, (reply, _) in TOLD.items() if bucket in asked.target)

    with serving(respond) as cloud:
        settings = settings_of(clouds) | dict.fromkeys(ENDPOINTS, cloud.url) | embedded
        async with connected(era, settings) as session:
            for bucket, (_, told) in TOLD.items():
                provider = bucket.partition("-")[0]
                desk = Desk(session, provider, clouds[provider])
                await fails(desk, clouds[provider].arguments(**{clouds[provider].bucket_field: bucket}), told)


async def test_a_host_that_is_not_reachable_is_named_and_does_not_hold_anyone_up(
    era: str, clouds: dict[str, Emulator], embedded: dict[str, str]
) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    async with connected(era, settings_of(clouds) | dict.fromkeys(ENDPOINTS, nobody) | embedded) as session:
        for provider, cloud in clouds.items():
            told = ('"127.0.0.1" is not reachable', "Check the network")
            await fails(Desk(session, provider, cloud), cloud.arguments(), *told)


async def test_a_token_endpoint_that_answers_nonsense_is_not_taken_for_a_wrong_secret(
    era: str, gcs_emulator: GcsEmulator, embedded: dict[str, str]
) -> None:
    def respond(_: Asked) -> Reply:
        return Reply(200, json.dumps({"welcome": "to this hotel's network"}).encode())

    with serving(respond) as portal:
        settings: dict[str, Any] = {**gcs_emulator.settings, "VIDEOVECTOR_GCS_TOKEN_URI": f"{portal.url}/token"}
        async with connected(era, {**settings, **embedded}) as session:
            desk = Desk(session, "gcs", gcs_emulator)
            await fails(desk, gcs_emulator.arguments(), '"127.0.0.1" gave an answer that is not a token')
