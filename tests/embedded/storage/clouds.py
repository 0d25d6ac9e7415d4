"""What the tests of this room need: storages of the emulators, and of servers that give any answer a test wants."""

from __future__ import annotations

import functools
import json
import secrets
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest

from mcp_server.embedded.storage import (
    Account,
    AzureAccount,
    GcsAccount,
    Limits,
    Query,
    S3Account,
    Storage,
    StorageFault,
    walk,
)
from mcp_server.file_pages import cloud_file
from mcp_server.resources import CloudFile
from mcp_server.settings import Settings, load
from tests.emulators.gcs import ServiceAccount
from tests.emulators.http_server import Asked, Reply, Served, serving

QUICK = Limits(connect=5, read=5, total=10, cleanup=2, totals=50, retries=2, backoff=0)
ACCOUNTS: dict[str, type[S3Account] | type[GcsAccount] | type[AzureAccount]] = {
    "s3": S3Account,
    "gcs": GcsAccount,
    "azure": AzureAccount,
}
PROVIDERS = tuple(ACCOUNTS)
S3_EMPTY = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
AZURE_EMPTY = b"<EnumerationResults><Blobs/><NextMarker/></EnumerationResults>"
GCS_EMPTY = b'{"kind": "storage#objects"}'
EMPTY = {"s3": S3_EMPTY, "gcs": GCS_EMPTY, "azure": AZURE_EMPTY}


def account_of(provider: str, arguments: dict[str, Any]) -> Account:
    """The account in the arguments of a creation."""
    return ACCOUNTS[provider].model_validate({name: value for name, value in arguments.items() if name != "name"})


@functools.cache
def service_account() -> ServiceAccount:
    """One service account for all tests that only need some key."""
    return ServiceAccount()


@functools.cache
def some_account(provider: str, **changes: str) -> Account:
    """An account with secrets that nobody knows."""
    arguments: dict[str, dict[str, Any]] = {
        "s3": {
            "bucket": "media",
            "region": "eu-west-1",
            "aws_access_key_id": f"AKIA{secrets.token_hex(8).upper()}",
            "aws_secret_access_key": secrets.token_urlsafe(30),
        },
        "gcs": {
            "bucket": "media",
            "gcp_project_id": "media-project",
            "credentials_json": service_account().key_file(),
        },
        "azure": {
            "storage_account": "media",
            "container": "media",
            "tenant_id": str(uuid.uuid4()),
            "client_id": str(uuid.uuid4()),
            "client_secret": secrets.token_urlsafe(30),
        },
    }
    return account_of(provider, arguments[provider] | changes)


def secrets_in(account: Account) -> list[str]:
    """Every string that no fault may hold."""
    match account:
        case S3Account():
            return list(account.aws_secret_access_key.parts())
        case AzureAccount():
            return list(account.client_secret.parts())
        case GcsAccount():
            return list(account.credentials_json.parts())


def token(**fields: Any) -> Reply:
    """A token endpoint's answer."""
    return Reply(200, json.dumps({"access_token": secrets.token_hex(8), "expires_in": 3599, **fields}).encode())


def settings_at(url: str) -> Settings:
    """Settings by which every storage and every token endpoint is at this URL."""
    endpoints = ("S3_ENDPOINT", "GCS_ENDPOINT", "AZURE_ENDPOINT", "AZURE_AUTHORITY_HOST")
    environment = {f"VIDEOVECTOR_{name}": url for name in endpoints}
    return load({}, {**environment, "VIDEOVECTOR_GCS_TOKEN_URI": f"{url}/token"})


Answering = Reply | Callable[[Asked], Reply]


def _reply(answering: Answering, asked: Asked) -> Reply:
    return answering if isinstance(answering, Reply) else answering(asked)


@contextmanager
def cloud(storage: Answering, tokens: Answering | None = None) -> Generator[Served]:
    """A server that is both storage and token endpoint; by default it gives tokens."""

    def respond(asked: Asked) -> Reply:
        if asked.target.endswith("/token"):
            return _reply(tokens or token(), asked)
        return _reply(storage, asked)

    with serving(respond) as served:
        yield served


async def fault_of_listing(storage: Storage) -> StorageFault:
    """The fault; its texts are whole sentences."""
    with pytest.raises(StorageFault) as caught:
        await browse(storage, "", "*", recursive=True)
    fault = caught.value
    assert fault.message.endswith(".")
    assert fault.hint.endswith(".")
    assert str(fault) == f"{fault.message} {fault.hint}"
    return fault


async def browse(
    storage: Storage, prefix: str, pattern: str, *, recursive: bool, limits: Limits | None = None
) -> list[CloudFile]:
    """All files, as they are walked."""
    listing = walk(storage, Query(prefix, pattern, recursive=recursive), limits)
    return [cloud_file(*row) async for files in listing for row in zip(*files, strict=True)]
