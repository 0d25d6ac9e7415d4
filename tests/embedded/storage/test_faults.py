"""Every way a provider refuses becomes a fault that names the cause, on emulators where they can refuse so."""

from __future__ import annotations

import json
from collections.abc import Callable
from email.utils import formatdate

import pytest

from mcp_server.embedded.storage import Storage, StorageFault
from mcp_server.settings import load
from tests.embedded.storage.clouds import (
    EMPTY,
    account_of,
    browse,
    cloud,
    fault_of_listing,
    secrets_in,
    some_account,
)
from tests.emulators import Emulator
from tests.emulators.azure import AzureEmulator
from tests.emulators.gcs import GcsEmulator
from tests.emulators.http_server import Asked, Reply
from tests.emulators.s3 import S3Emulator

pytestmark = pytest.mark.anyio

ECHO = "something-of-the-body"


async def test_a_wrong_secret_is_told_from_a_wrong_key(
    provider: str, emulator: Emulator, open_emulated: Callable[..., Storage]
) -> None:
    arguments = emulator.wrong_secret_arguments()
    fault = await fault_of_listing(open_emulated(arguments=arguments))
    assert fault.code == "storage_secret_refused"
    assert not fault.retryable
    for secret in secrets_in(account_of(provider, arguments)):
        assert secret not in str(fault)


@pytest.mark.parametrize("provider", ["s3", "azure"])
async def test_a_bucket_that_is_not_there_is_named(emulator: Emulator, open_emulated: Callable[..., Storage]) -> None:
    fault = await fault_of_listing(open_emulated("never-made"))
    assert fault.code == "storage_bucket_not_found"
    assert f'{emulator.bucket_field} "never-made" does not exist' in fault.message


async def test_writing_to_a_bucket_that_is_not_there_names_the_bucket(
    emulator: Emulator, open_emulated: Callable[..., Storage]
) -> None:
    with pytest.raises(StorageFault) as caught:
        await open_emulated("never-made").write("probe", b"")
    assert caught.value.code == "storage_bucket_not_found"


async def test_s3_does_not_know_the_key(s3_emulator: S3Emulator, open_with: Callable[..., Storage]) -> None:
    account = account_of("s3", s3_emulator.unknown_key_arguments())
    fault = await fault_of_listing(open_with(load({}, s3_emulator.settings), account))
    assert fault.code == "storage_key_unknown"


@pytest.mark.parametrize(
    ("granted", "missing"),
    [("s3:GetObject", "s3:ListBucket"), ("s3:ListBucket", "s3:PutObject"), ("s3:PutObject", "s3:DeleteObject")],
)
async def test_s3_says_which_permission_is_missing(
    granted: str, missing: str, s3_emulator: S3Emulator, open_with: Callable[..., Storage]
) -> None:
    account = account_of("s3", s3_emulator.arguments_of(s3_emulator.new_user(granted)))
    storage = open_with(load({}, s3_emulator.settings), account)
    with pytest.raises(StorageFault) as caught:
        await _act(storage, missing)
    assert caught.value.code == "storage_permission_denied"
    assert missing in caught.value.message


async def _act(storage: Storage, permission: str) -> None:
    match permission:
        case "s3:PutObject":
            await storage.write("probe", b"")
        case "s3:DeleteObject":
            await storage.delete("probe")
        case _:
            await storage.list_page("")


async def test_google_does_not_know_the_account(gcs_emulator: GcsEmulator, open_with: Callable[..., Storage]) -> None:
    key = gcs_emulator.account.key_file(client_email="nobody@media-project.iam.gserviceaccount.com")
    account = account_of("gcs", gcs_emulator.arguments(credentials_json=key))
    fault = await fault_of_listing(open_with(load({}, gcs_emulator.settings), account))
    assert fault.code == "storage_key_unknown"


@pytest.mark.parametrize(
    ("field", "code"), [("tenant_id", "storage_tenant_unknown"), ("client_id", "storage_key_unknown")]
)
async def test_entra_does_not_know_the_tenant_or_the_application(
    field: str, code: str, azure_emulator: AzureEmulator, open_with: Callable[..., Storage]
) -> None:
    arguments = azure_emulator.arguments(**{field: "00000000-0000-0000-0000-000000000000"})
    fault = await fault_of_listing(open_with(load({}, azure_emulator.settings), account_of("azure", arguments)))
    assert fault.code == code


async def test_azure_refuses_a_token_for_another_audience(
    azure_emulator: AzureEmulator, open_with: Callable[..., Storage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(azure_emulator.directory, "audience", "https://graph.example")
    storage = open_with(load({}, azure_emulator.settings), account_of("azure", azure_emulator.arguments()))
    assert (await fault_of_listing(storage)).code == "storage_token_refused"


def s3_error(status: int, code: str, more: str = "", **headers: str) -> Reply:
    """S3's error document, with what it quotes of the request."""
    body = f"<Error><Code>{code}</Code><Message>{ECHO}</Message><StringToSign>{ECHO}</StringToSign>{more}</Error>"
    return Reply(status, body.encode(), headers)


def azure_error(status: int, code: str, **headers: str) -> Reply:
    """Azure's error document."""
    return Reply(status, f"\ufeff<Error><Code>{code}</Code><Message>{ECHO}</Message></Error>".encode(), headers)


def gcs_error(status: int, reason: str) -> Reply:
    """Google's error document."""
    error = {"code": status, "message": ECHO, "errors": [{"reason": reason, "message": ECHO}]}
    return Reply(status, json.dumps({"error": error}).encode())


LISTING_FAULTS = [
    ("s3", s3_error(301, "PermanentRedirect", **{"x-amz-bucket-region": "us-east-2"}), "wrong_region", "us-east-2"),
    ("s3", Reply(301, headers={"x-amz-bucket-region": "eusc-de-east-1"}), "wrong_region", "region eusc-de-east-1"),
    ("s3", Reply(301, headers={"x-amz-bucket-region": f"us{'-east' * 9}-1"}), "unexpected_answer", "(301)"),
    ("s3", s3_error(301, "PermanentRedirect"), "wrong_region", "is in another region, not eu-west-1"),
    ("s3", Reply(301, headers={"x-amz-bucket-region": "us-east-2"}), "wrong_region", "us-east-2"),
    ("s3", s3_error(400, "AuthorizationHeaderMalformed", "<Region>us-east-2</Region>"), "wrong_region", "us-east-2"),
    ("s3", s3_error(400, "AuthorizationHeaderMalformed", f"<Region>{ECHO}</Region>"), "refused", "400"),
    ("s3", s3_error(400, "IllegalLocationConstraintException"), "wrong_region", "another region"),
    ("s3", s3_error(307, "TemporaryRedirect", **{"x-amz-bucket-region": "eu-west-1"}), "unavailable", "307"),
    ("s3", s3_error(403, "RequestTimeTooSkewed"), "clock_skew", "clock of this machine"),
    ("s3", s3_error(403, "SignatureDoesNotMatch"), "secret_refused", "SignatureDoesNotMatch"),
    ("s3", s3_error(403, "AccessDenied"), "permission_denied", "s3:ListBucket"),
    ("s3", s3_error(403, "InvalidAccessKeyId"), "key_unknown", "access key id"),
    ("s3", s3_error(400, "ExpiredToken"), "secret_expired", "expired"),
    ("s3", s3_error(404, "NoSuchBucket"), "bucket_not_found", 'bucket "media"'),
    ("s3", s3_error(503, "SlowDown"), "throttled", "rate"),
    ("s3", s3_error(500, "InternalError"), "unavailable", "500 InternalError"),
    ("s3", s3_error(409, f"{ECHO}!"), "refused", "(409)"),
    ("s3", Reply(302, headers={"Location": "http://127.0.0.1:1/"}), "unexpected_answer", "redirect"),
    ("azure", azure_error(403, "AuthorizationPermissionMismatch"), "permission_denied", "Storage Blob Data Reader"),
    ("azure", azure_error(403, "AuthenticationFailed"), "token_refused", "AuthenticationFailed"),
    ("azure", azure_error(403, "AuthenticationFailed", Date="yesterday"), "token_refused", "AuthenticationFailed"),
    ("azure", azure_error(403, "AuthenticationFailed", Date=formatdate(0, usegmt=True)), "clock_skew", "clock"),
    ("azure", azure_error(401, "InvalidAuthenticationInfo"), "token_refused", "401"),
    ("azure", Reply(404, headers={"x-ms-error-code": "ContainerNotFound"}), "bucket_not_found", 'container "media"'),
    ("azure", azure_error(503, "ServerBusy"), "throttled", "ServerBusy"),
    ("azure", Reply(403, b"<html>"), "permission_denied", "(403)"),
    ("gcs", gcs_error(403, "forbidden"), "permission_denied", "storage.objects.list"),
    ("gcs", gcs_error(403, "userRateLimitExceeded"), "throttled", "rate"),
    ("gcs", gcs_error(404, "notFound"), "bucket_not_found", 'bucket "media"'),
    ("gcs", gcs_error(401, "authError"), "token_refused", "401 authError"),
    ("gcs", gcs_error(429, "rateLimitExceeded"), "throttled", "429"),
    ("gcs", Reply(429), "throttled", "(429)"),
    ("gcs", Reply(400, b'{"error": []}'), "refused", "(400)"),
]


@pytest.mark.parametrize(("provider", "reply", "code", "said"), LISTING_FAULTS)
async def test_a_refused_listing_tells_its_cause_and_nothing_of_the_body(
    provider: str, reply: Reply, code: str, said: str, open_at: Callable[..., Storage]
) -> None:
    with cloud(reply) as served:
        fault = await fault_of_listing(open_at(served.url, provider))
    assert fault.code == f"storage_{code}"
    assert said in fault.message
    for unsaid in (ECHO, *secrets_in(some_account(provider))):
        assert unsaid not in str(fault)


def oauth_error(status: int, error: str, description: str) -> Reply:
    """A token endpoint's refusal."""
    return Reply(status, json.dumps({"error": error, "error_description": f"{description} {ECHO}"}).encode())


TOKEN_FAULTS = [
    ("azure", oauth_error(401, "invalid_client", "AADSTS7000215: "), "secret_refused", "AADSTS7000215"),
    ("azure", oauth_error(401, "invalid_client", "AADSTS7000222: "), "secret_expired", "AADSTS7000222"),
    ("azure", oauth_error(400, "unauthorized_client", "AADSTS700016: "), "key_unknown", "application"),
    ("azure", oauth_error(400, "invalid_request", "AADSTS90002: "), "tenant_unknown", "tenant"),
    ("azure", oauth_error(400, "invalid_request", "AADSTS900144: "), "token_unavailable", "AADSTS900144"),
    ("azure", oauth_error(400, "invalid_request", "Something"), "token_unavailable", "(400)"),
    ("azure", Reply(429, b"<html>"), "throttled", "(429)"),
    ("azure", Reply(503), "unavailable", "(503)"),
    ("azure", Reply(200, b'{"access_token": 7}'), "unexpected_answer", "not a token"),
    ("azure", Reply(200, b'{"access_token": "a b", "expires_in": 7}'), "unexpected_answer", "not a token"),
    ("gcs", oauth_error(400, "invalid_grant", "Invalid JWT Signature."), "secret_refused", "invalid_grant"),
    ("gcs", oauth_error(400, "invalid_grant", "Invalid grant: account not found"), "key_unknown", "service account"),
    ("gcs", oauth_error(400, "invalid_grant", "in a reasonable timeframe."), "clock_skew", "clock"),
    ("gcs", oauth_error(400, "invalid_grant", "Something"), "secret_refused", "invalid_grant"),
    ("gcs", oauth_error(400, ECHO, "Something"), "token_unavailable", "(400)"),
    ("gcs", Reply(404, b"[]"), "token_unavailable", "(404)"),
    ("gcs", Reply(200, b"<html>"), "unexpected_answer", "not a token"),
]


@pytest.mark.parametrize(("provider", "reply", "code", "said"), TOKEN_FAULTS)
async def test_a_refused_token_tells_its_cause_and_nothing_of_the_body(
    provider: str, reply: Reply, code: str, said: str, open_at: Callable[..., Storage]
) -> None:
    with cloud(Reply(200, EMPTY[provider]), reply) as served:
        fault = await fault_of_listing(open_at(served.url, provider))
    assert fault.code == f"storage_{code}"
    assert said in fault.message
    for unsaid in (ECHO, *secrets_in(some_account(provider))):
        assert unsaid not in str(fault)


@pytest.mark.parametrize(
    ("provider", "reply"),
    [("s3", s3_error(403, "InvalidObjectState")), ("azure", azure_error(409, "BlobArchived"))],
)
async def test_an_archived_object_is_told(provider: str, reply: Reply, open_at: Callable[..., Storage]) -> None:
    with cloud(reply) as served, pytest.raises(StorageFault) as caught:
        await open_at(served.url, provider).read_first_byte("a.mp4")
    assert caught.value.code == "storage_object_archived"


@pytest.mark.parametrize("provider", ["gcs", "azure"])
async def test_a_token_that_ended_early_is_renewed_once(provider: str, open_at: Callable[..., Storage]) -> None:
    asked: list[str] = []

    def storage(request: Asked) -> Reply:
        asked.append(str(request.headers["Authorization"]))
        return Reply(200, EMPTY[provider]) if len(asked) > 1 else Reply(401)

    with cloud(storage) as served:
        assert await browse(open_at(served.url, provider), "", "*", recursive=True) == []
    assert [request.target.endswith("/token") for request in served.asked] == [True, False, True, False]
