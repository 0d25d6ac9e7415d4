"""The vendor's Python SDK, unchanged, against `videovector-connectors api`: every connector method, sync and async."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import anyio.from_thread
import pytest
import videovector
from videovector.resources import ConnectorsResource

from tests.api_keys import new_key
from tests.emulators import Emulator

FILES = ("clips/a.mp4", "clips/b.MOV", "clips/deep/c.mp4", "clips/notes.txt", "other.mp4")


@contextmanager
def serving(environment: dict[str, str]) -> Generator[str]:
    """The base URL of an API in a process of its own, as the command line starts it."""
    command = [sys.executable, "-m", "mcp_server", "api", "--port", "0"]
    with subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield next(word for word in process.stdout.readline().split() if word.startswith("http://"))
        process.terminate()


class Blocking:
    """An async resource of the SDK, whose methods wait for their answer."""

    def __init__(self, resource: object, wait: Callable[..., Any]) -> None:
        self._resource = resource
        self._wait = wait

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._resource, name)
        return lambda *arguments, **named: self._wait(partial(method, *arguments, **named))


@contextmanager
def sdk(kind: str, base_url: str, key: str) -> Generator[ConnectorsResource]:
    """The SDK's connectors, sync or async."""
    if kind == "sync":
        with videovector.VideoVector(api_key=key, base_url=base_url, max_retries=0) as client:
            yield client.connectors
        return
    with anyio.from_thread.start_blocking_portal() as portal:
        calling = videovector.AsyncVideoVector(api_key=key, base_url=base_url, max_retries=0)
        yield cast("ConnectorsResource", Blocking(calling.connectors, portal.call))
        portal.call(calling.close)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api") / "data"


@pytest.fixture(scope="module")
def base_url(emulator: Emulator, data_dir: Path) -> Generator[str]:
    with serving({**emulator.settings, "VIDEOVECTOR_DATA_DIR": str(data_dir)}) as url:
        yield url


@pytest.fixture(scope="module")
def key(base_url: str, data_dir: Path, provider: str) -> str:
    return new_key(data_dir, provider, "--scope", "admin")


@pytest.fixture(params=["sync", "async"])
def connectors(request: pytest.FixtureRequest, base_url: str, key: str) -> Generator[ConnectorsResource]:
    with sdk(request.param, base_url, key) as resource:
        yield resource


def create(connectors: ConnectorsResource, provider: str, arguments: dict[str, Any], **more: Any) -> Any:
    """The SDK's creation of this provider."""
    if provider == "gcs":
        key = json.dumps(arguments.pop("credentials_json")).encode()
        return connectors.create_gcs(**arguments, credentials_file=BytesIO(key), **more)
    if provider == "azure":
        return connectors.create_azure(**arguments, **more)
    return connectors.create_s3(**arguments, **more)


def test_a_connector_is_created_shown_tested_browsed_and_deleted(
    connectors: ConnectorsResource, provider: str, emulator: Emulator
) -> None:
    bucket = emulator.new_bucket()
    for path in FILES:
        emulator.put(path, bucket=bucket)
    arguments = emulator.arguments(**{emulator.bucket_field: bucket})
    both = ["import", "export"]
    made = create(connectors, provider, arguments, scopes=both, export_base_path="out", import_mode="new_only")
    assert (made.provider, made.status, made.scopes, made.export_base_path) == (provider, "active", both, "out")

    assert connectors.retrieve(made.connector_id) == made
    assert made in connectors.list()

    tested = connectors.test(made.connector_id)
    assert (tested.success, tested.error_message) == (True, None)
    assert connectors.retrieve(made.connector_id).last_test_result == "success"
    assert emulator.keys(bucket=bucket) == sorted(FILES)

    found = connectors.browse(made.connector_id, prefix="clips/", pattern="*.{mp4,MOV}")
    assert [(file.path, file.name, file.extension) for file in found] == [
        ("clips/a.mp4", "a.mp4", ".mp4"),
        ("clips/b.MOV", "b.MOV", ".mov"),
        ("clips/deep/c.mp4", "c.mp4", ".mp4"),
    ]
    assert {file.size_bytes for file in found} == {len(b"content")}
    flat = connectors.browse(made.connector_id, prefix="clips/", recursive=False)
    assert [file.name for file in flat] == ["a.mp4", "b.MOV", "notes.txt"]
    assert len(connectors.browse(made.connector_id)) == len(FILES)

    assert made.connector_id in connectors.delete(made.connector_id).message
    with pytest.raises(videovector.NotFoundError) as missing:
        connectors.retrieve(made.connector_id)
    assert (missing.value.error_code, missing.value.status_code) == ("connector_not_found", 404)
    assert (missing.value.request_id or "").startswith("req_")


def test_wrong_credentials_fail_the_test_with_a_cause_and_the_browse_with_an_error(
    connectors: ConnectorsResource, provider: str, emulator: Emulator
) -> None:
    made = create(connectors, provider, emulator.wrong_secret_arguments())
    tested = connectors.test(made.connector_id)
    assert not tested.success
    assert tested.error_message
    after = connectors.retrieve(made.connector_id)
    assert (after.status, after.last_test_error) == ("failed", tested.error_message)
    with pytest.raises(videovector.ExternalServiceError) as failed:
        connectors.browse(made.connector_id)
    assert failed.value.status_code == 502
    assert (failed.value.error_code or "").startswith("storage_")


def test_a_repeated_key_replays_and_a_reused_one_is_an_error(
    connectors: ConnectorsResource, provider: str, emulator: Emulator
) -> None:
    key = secrets.token_hex(8)
    first = create(connectors, provider, emulator.arguments(), idempotency_key=key)
    assert create(connectors, provider, emulator.arguments(), idempotency_key=key) == first
    with pytest.raises(videovector.IdempotencyError) as reused:
        create(connectors, provider, emulator.arguments(name="Another"), idempotency_key=key)
    assert reused.value.error_code == "idempotency_key_reused"


def test_a_broken_rule_is_a_validation_error(connectors: ConnectorsResource, provider: str, emulator: Emulator) -> None:
    with pytest.raises(videovector.ValidationError) as refused:
        create(connectors, provider, emulator.arguments(name="x" * 101, **{emulator.bucket_field: "No_Name!"}))
    assert {fault["field"] for fault in (refused.value.details or {})["fields"]} == {"name", emulator.bucket_field}


def test_every_method_needs_a_connector_that_exists(connectors: ConnectorsResource) -> None:
    for method in (connectors.retrieve, connectors.test, connectors.browse, connectors.delete):
        with pytest.raises(videovector.NotFoundError):
            method("conn_unknown")


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_malformed_api_key_is_an_authentication_error(base_url: str, kind: str) -> None:
    with sdk(kind, base_url, "sk_live_malformed") as connectors, pytest.raises(videovector.AuthenticationError):
        connectors.list()


def test_a_key_file_is_read_from_its_path(gcs_emulator: Any, tmp_path: Path) -> None:
    arguments = gcs_emulator.arguments()
    path = tmp_path / "key.json"
    path.write_text(json.dumps(arguments.pop("credentials_json")), encoding="utf-8")
    environment = {**gcs_emulator.settings, "VIDEOVECTOR_DATA_DIR": str(tmp_path / "data")}
    key = new_key(tmp_path / "data", "reader", "--scope", "read", "--scope", "write")
    with serving(environment) as url, sdk("sync", url, key) as connectors:
        made = connectors.create_gcs(**arguments, credentials_file=path)
        assert connectors.test(made.connector_id).success
