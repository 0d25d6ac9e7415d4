"""Arguments of every operation and secrets to put into them, made when the tests run and the same in every run."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from mcp_server.operation import Operation
from mcp_server.operations import OPERATIONS

Json = dict[str, Any]

ROWS: dict[str, Operation[Any, Any]] = {row.name: row for row in OPERATIONS}
NAMES = tuple(ROWS)
UUID = "11111111-2222-3333-4444-555555555555"


def made(label: str, length: int = 40) -> str:
    """A text of letters and digits that nothing else contains."""
    return (hashlib.sha256(label.encode()).hexdigest() * 2)[:length]


def odd_secret(label: str) -> str:
    """A secret with every character that some encoding changes."""
    return f"{made(label, 12)}/+=\"\\ &<%é~!*'(){made(label + '2', 12)}"


API_KEY = "_".join(("sk", "live", made("api key", 48)))
AWS_SECRET = odd_secret("aws")
AZURE_SECRET = odd_secret("azure")


def pem(newline: str = "\n", last: str = "") -> str:
    """A PEM block as far as anyone can see who does not sign with it."""
    body = base64.b64encode(hashlib.sha512(b"pem").digest() * 3).decode()
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    label = "PRIVATE KEY"
    return newline.join((f"-----BEGIN {label}-----", *lines, last, f"-----END {label}-----", ""))


def service_account(**changes: Any) -> Json:
    """A service-account key file, parsed."""
    key: Json = {
        "type": "service_account",
        "project_id": "media-project",
        "private_key_id": made("key id"),
        "private_key": pem(),
        "client_email": "reader@media-project.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    return {name: value for name, value in {**key, **changes}.items() if value is not None}


SERVICE_ACCOUNT = json.dumps(service_account())

_CREATION: Json = {"name": "Archive", "bucket": "media-archive"}
ARGUMENTS: dict[str, Json] = {
    "create_gcs_connector": {**_CREATION, "gcp_project_id": "media-project", "credentials_json": SERVICE_ACCOUNT},
    "create_s3_connector": {
        **_CREATION,
        "region": "us-east-1",
        "aws_access_key_id": "access-key-id",
        "aws_secret_access_key": AWS_SECRET,
    },
    "create_azure_connector": {
        "name": "Archive",
        "storage_account": "mediaarchive",
        "container": "incoming",
        "tenant_id": UUID,
        "client_id": UUID,
        "client_secret": AZURE_SECRET,
    },
    "list_connectors": {},
    "get_connector": {"connector_id": "conn_123"},
    "update_connector": {"connector_id": "conn_123", "name": "Renamed"},
    "test_connector": {"connector_id": "conn_123"},
    "browse_connector_files": {"connector_id": "conn_123"},
    "delete_connector": {"connector_id": "conn_123"},
}

CONNECTOR: Json = {"connector_id": "conn_123", "name": "Archive", "provider": "s3", "status": "active"}
CLOUD_FILE: Json = {"path": "a/b.mp4", "name": "b.mp4", "size_bytes": 7, "last_modified": "2026-04-01T00:00:00Z"}
ANSWERS: dict[str, Any] = {
    "create_gcs_connector": CONNECTOR,
    "create_s3_connector": CONNECTOR,
    "create_azure_connector": CONNECTOR,
    "list_connectors": [CONNECTOR],
    "get_connector": CONNECTOR,
    "update_connector": CONNECTOR,
    "test_connector": {"success": True, "error_message": None},
    "browse_connector_files": [CLOUD_FILE],
    "delete_connector": {"message": "Connector deleted"},
}


def arguments(name: str, /, **changes: Any) -> Json:
    """Valid arguments of an operation, changed; `...` takes one away."""
    return {key: value for key, value in {**ARGUMENTS[name], **changes}.items() if value is not ...}


FIELDS = [(row.name, field) for row in OPERATIONS for field in row.request.model_fields]
