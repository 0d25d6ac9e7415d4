"""Requests go to the provider's own hosts, or to the operator's; no name and no key file steers them elsewhere."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import ValidationError

from mcp_server.embedded.storage import (
    AzureAccount,
    GcsAccount,
    S3Account,
    StorageFault,
    check_token_uri,
)
from mcp_server.embedded.storage.azure import AzureStorage
from mcp_server.embedded.storage.exchange import Answer, Exchange, Message
from mcp_server.embedded.storage.gcs import GcsStorage
from mcp_server.embedded.storage.s3 import S3Storage
from mcp_server.embedded.storage.tokens import Tokens
from mcp_server.errors import InvalidArguments
from mcp_server.service_account import ServiceAccountKey
from mcp_server.settings import Settings, load
from tests.embedded.storage.clouds import ACCOUNTS, QUICK, account_of, service_account, some_account
from tests.emulators.gcs import GOOGLE_TOKEN_URI, pem

pytestmark = pytest.mark.anyio

NOTHING_SET = load({}, {})
SHORT_KEY_BITS = 1024


class Recorder(Exchange):
    """Keeps the messages' URLs, and answers each with a token."""

    def __init__(self) -> None:
        super().__init__(NOTHING_SET, QUICK)
        self.urls: list[str] = []

    async def answer(self, message: Message) -> Answer:
        self.urls.append(message.origin + message.target)
        return Answer(200, httpx.Headers(), b'{"access_token": "token"}')


@pytest.mark.parametrize(
    ("bucket", "region", "url"),
    [
        ("media", "eu-west-1", "https://media.s3.eu-west-1.amazonaws.com"),
        ("media.example", "eu-west-1", "https://s3.eu-west-1.amazonaws.com/media.example"),
        ("media", "cn-north-1", "https://media.s3.cn-north-1.amazonaws.com.cn"),
        ("media", "eusc-de-east-1", "https://media.s3.eusc-de-east-1.amazonaws.eu"),
        ("media.example", "us-gov-west-1", "https://s3.us-gov-west-1.amazonaws.com/media.example"),
    ],
)
async def test_s3_is_where_amazon_has_it(bucket: str, region: str, url: str) -> None:
    account = some_account("s3", bucket=bucket, region=region)
    assert isinstance(account, S3Account)
    exchange = Recorder()
    storage = S3Storage(exchange, account, None)
    await storage.delete("a/../ b+.mp4")
    with pytest.raises(StorageFault):
        await storage.list_page("x")
    root = "" if "/" in url.removeprefix("https://") else "/"
    listing = f"{url}{root}?list-type=2&encoding-type=url&fetch-owner=false&prefix=x"
    assert exchange.urls == [f"{url}/a/../%20b%2B.mp4", listing]


async def test_google_is_where_it_is() -> None:
    account = some_account("gcs")
    assert isinstance(account, GcsAccount)
    exchange = Recorder()
    await GcsStorage(exchange, Tokens(), account, NOTHING_SET).delete("a/b")
    assert exchange.urls == [GOOGLE_TOKEN_URI, "https://storage.googleapis.com/storage/v1/b/media/o/a%2Fb"]


async def test_azure_is_where_microsoft_has_it() -> None:
    account = some_account("azure")
    assert isinstance(account, AzureAccount)
    exchange = Recorder()
    await AzureStorage(exchange, Tokens(), account, NOTHING_SET).delete("a/b")
    assert exchange.urls == [
        f"https://login.microsoftonline.com/{account.tenant_id}/oauth2/v2.0/token",
        "https://media.blob.core.windows.net/media/a/b",
    ]


@pytest.mark.parametrize(
    ("provider", "field"),
    [
        ("s3", "bucket"),
        ("s3", "region"),
        ("s3", "aws_access_key_id"),
        ("gcs", "bucket"),
        ("gcs", "gcp_project_id"),
        ("azure", "storage_account"),
        ("azure", "container"),
        ("azure", "tenant_id"),
        ("azure", "client_id"),
    ],
)
@pytest.mark.parametrize("value", ["evil.example/x?", "evil.example#", "../..", "a@evil.example", "", "a\r\nb"])
def test_a_name_that_could_steer_a_request_makes_no_account(provider: str, field: str, value: str) -> None:
    known = some_account(provider)
    arguments = {name: getattr(known, name) for name in ACCOUNTS[provider].model_fields}
    assert account_of(provider, arguments) == known
    with pytest.raises(ValidationError):
        account_of(provider, arguments | {field: value})


def key_with(**changes: Any) -> ServiceAccountKey:
    """A service-account key with changes."""
    return ServiceAccountKey.checked(service_account().key_file(**changes))


def operator_settings() -> Settings:
    """Settings of an operator who has a token endpoint."""
    return load({}, {"VIDEOVECTOR_GCS_TOKEN_URI": "https://tokens.example/t"})


def test_a_key_may_name_googles_endpoint_or_the_operators() -> None:
    check_token_uri(key_with(), NOTHING_SET)
    check_token_uri(key_with(), operator_settings())
    check_token_uri(key_with(token_uri="https://tokens.example/t"), operator_settings())


@pytest.mark.parametrize("settings", [NOTHING_SET, operator_settings()])
def test_a_key_may_name_no_other_endpoint(settings: Settings) -> None:
    with pytest.raises(InvalidArguments) as caught:
        check_token_uri(key_with(token_uri="https://evil.example/token"), settings)
    assert [violation.field for violation in caught.value.violations] == ["credentials_json"]
    assert "evil.example" not in str(caught.value)
    assert ("VIDEOVECTOR_GCS_TOKEN_URI" in str(caught.value)) == (settings is not NOTHING_SET)


async def fault_of_key(key: ServiceAccountKey) -> StorageFault:
    """The fault of a storage that is opened with the key; nothing was asked."""
    account = GcsAccount(bucket="media", gcp_project_id="media-project", credentials_json=key)
    exchange = Recorder()
    with pytest.raises(StorageFault) as caught:
        await GcsStorage(exchange, Tokens(), account, NOTHING_SET).delete("a")
    assert exchange.urls == []
    return caught.value


async def test_a_stored_key_that_names_another_endpoint_is_not_used() -> None:
    fault = await fault_of_key(key_with(token_uri="https://evil.example/token"))
    assert fault.code == "storage_token_uri_refused"
    assert "evil.example" not in str(fault)


async def test_other_endpoints_in_a_key_are_ignored() -> None:
    key = key_with(universe_domain="evil.example", gcs_base_url="https://evil.example", auth_uri="https://evil.example")
    exchange = Recorder()
    account = GcsAccount(bucket="media", gcp_project_id="media-project", credentials_json=key)
    await GcsStorage(exchange, Tokens(), account, NOTHING_SET).delete("a")
    assert "evil" not in json.dumps(exchange.urls)


def block(body: str) -> str:
    label = "PRIVATE KEY"
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"


def elliptic_pem() -> str:
    """A private key that is not RSA."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    "private_key",
    [
        block("nothing"),
        pem(rsa.generate_private_key(public_exponent=65537, key_size=SHORT_KEY_BITS)),
        elliptic_pem(),
        pem(service_account().private_key).replace("\n", "\nAAAA", 1),
        block("A" * 10_000),
    ],
    ids=["no key", "too short", "not RSA", "damaged", "too long"],
)
async def test_a_private_key_that_can_not_sign_is_told(private_key: str) -> None:
    fault = await fault_of_key(key_with(private_key=private_key))
    assert fault.code == "storage_key_unusable"
    assert private_key not in str(fault)
