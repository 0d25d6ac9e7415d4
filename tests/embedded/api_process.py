"""The API as it is served: a process with a socket and keys, and storages of this machine that answer it at once."""

from __future__ import annotations

import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.api_keys import new_key
from tests.emulators.http_server import Asked, Reply
from tests.sessions import COMMAND, DATA_DIR, environment

TOKEN = b'{"access_token": "some", "token_type": "Bearer", "expires_in": 3600}'
EMPTY_S3 = b"<?xml version='1.0'?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
EMPTY_AZURE = b"<?xml version='1.0'?><EnumerationResults><Blobs/><NextMarker/></EnumerationResults>"
EMPTY_GCS = b'{"kind": "storage#objects"}'


def empty_storage(asked: Asked) -> Reply:
    """What an empty bucket of any provider answers to anybody."""
    if asked.target.endswith("/token"):
        return Reply(200, TOKEN, {"Content-Type": "application/json"})
    if asked.method != "GET":
        return Reply({"PUT": 201 if "x-ms-version" in asked.headers else 200, "DELETE": 202}.get(asked.method, 200))
    if asked.target.startswith("/storage/"):
        return Reply(200, EMPTY_GCS)
    return Reply(200, EMPTY_AZURE if "comp=list" in asked.target else EMPTY_S3)


def variables(storage: str, data_dir: Path) -> dict[str, str]:
    """Where the API keeps its files, and what it asks in place of the providers."""
    endpoints = ("S3_ENDPOINT", "GCS_ENDPOINT", "AZURE_ENDPOINT", "AZURE_AUTHORITY_HOST")
    named = {**dict.fromkeys(endpoints, storage), "GCS_TOKEN_URI": f"{storage}/token"}
    return environment({DATA_DIR: str(data_dir), **{f"VIDEOVECTOR_{name}": url for name, url in named.items()}})


@contextmanager
def served(storage: str, data_dir: Path) -> Generator[tuple[str, str]]:
    """The URL of the document of an API in a process of its own, and a key for it."""
    key = new_key(data_dir, "caller", "--scope", "admin")
    command = [*COMMAND, "api", "--port", "0"]
    with subprocess.Popen(command, env=variables(storage, data_dir), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            base_url = next(word for word in process.stdout.readline().split() if word.startswith("http://"))
            yield f"{base_url}/openapi.json", key
        finally:
            process.terminate()
