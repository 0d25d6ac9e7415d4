"""Requests that the API takes, with secrets made anew for each run, and settings for a folder."""

from __future__ import annotations

import base64
import json
import secrets
import uuid
from pathlib import Path
from typing import Any

from mcp_server import settings as settings_room
from mcp_server.settings import Settings

Json = dict[str, Any]


def settings_in(data_dir: Path, **flags: str) -> Settings:
    """The settings of an API whose files are in this folder, whatever the environment says."""
    return settings_room.load({"data_dir": str(data_dir), **flags}, {})


def encryption_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def api_key() -> str:
    """A well-formed key that nobody was given."""
    return "sk_live_" + secrets.token_hex(24)


def s3_body(**changes: Any) -> Json:
    credentials = {"aws_access_key_id": secrets.token_hex(8), "aws_secret_access_key": secrets.token_urlsafe(30)}
    return {"name": "Videos", "bucket": "video-bucket", "region": "us-east-1", **credentials, **changes}


def azure_body(**changes: Any) -> Json:
    location = {"name": "Blobs", "storage_account": "videostore", "container": "videos"}
    identity = {"tenant_id": str(uuid.uuid4()), "client_id": str(uuid.uuid4())}
    return {**location, **identity, "client_secret": secrets.token_urlsafe(30), **changes}


def private_key() -> str:
    """A PEM block as far as anyone can see who does not sign with it."""
    label = "PRIVATE KEY"
    return f"-----BEGIN {label}-----\n{base64.b64encode(secrets.token_bytes(48)).decode()}\n-----END {label}-----\n"


def service_account(**changes: Any) -> str:
    key = {
        "type": "service_account",
        "project_id": "video-project",
        "private_key_id": secrets.token_hex(20),
        "private_key": private_key(),
        "client_email": "reader@video-project.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    return json.dumps({**key, **changes})


def gcs_form(**changes: Any) -> Json:
    return {"name": "Google", "bucket": "video-bucket", "gcp_project_id": "video-project", **changes}


def gcs_file(key: str) -> dict[str, tuple[str, bytes, str]]:
    return {"credentials_file": ("key.json", key.encode(), "application/json")}


def without(connector: Json, *names: str) -> Json:
    return {name: value for name, value in connector.items() if name not in names}
