"""The world of the tasks: five connectors, two buckets in S3, one in GCS, and credentials that the operator named."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.emulators.gcs import GcsEmulator
from tests.emulators.s3 import REGION, AccessKey, S3Emulator
from tests.materials import arguments
from tests.sessions import DATA_DIR, ERAS, Session, connected

CREDENTIALS = """\
[archive]
provider = "s3"
aws_access_key_id = { env = "ARCHIVE_KEY_ID" }
aws_secret_access_key = { env = "ARCHIVE_SECRET" }

[spare]
provider = "s3"
aws_access_key_id = { env = "SPARE_KEY_ID" }
aws_secret_access_key = { env = "SPARE_SECRET" }

[recent]
provider = "s3"
aws_access_key_id = { env = "RECENT_KEY_ID" }
aws_secret_access_key = { env = "RECENT_SECRET" }

[lake]
provider = "gcs"
credentials_json = { env = "LAKE_JSON" }

[review]
provider = "azure"
tenant_id = { env = "REVIEW_TENANT" }
client_id = { env = "REVIEW_CLIENT" }
client_secret = { env = "REVIEW_SECRET" }
"""
ARCHIVED = {f"incoming/2026/04/clip_{number:03}.mp4": 10 + number for number in range(120)}
LATER = {
    "incoming/2026/05/keynote.mov": 5_000,
    "incoming/2026/05/keynote.srt": 90,
    "incoming/2025/12/old.mp4": 700,
    "posters/a.jpg": 300,
    "posters/b.jpg": 400,
    "about.txt": 20,
}
CONNECTORS: dict[str, dict[str, Any]] = {
    "Archive S3": {
        "bucket": "media-archive",
        "region": REGION,
        "credentials": "archive",
        "scopes": ["import", "export"],
        "export_base_path": "exports/review",
    },
    "Press S3": {"bucket": "press-kit", "region": REGION, "credentials": "archive", "import_mode": "new_only"},
    "Broken S3": {"bucket": "gone-media", "region": REGION, "credentials": "archive"},
    "Old GCS": {"gcp_project_id": "media-project", "credentials": "lake"},
    "Review Azure": {
        "storage_account": "mediareview",
        "container": "results",
        "credentials": "review",
        "scopes": ["export"],
        "export_base_path": "results",
    },
}
TESTED = ("Archive S3", "Broken S3")


def _wait_for_another_second() -> None:
    """Storage tells the time of objects in seconds."""
    second = int(time.time())
    while int(time.time()) == second:
        time.sleep(0.01)


def _filled(s3: S3Emulator, gcs: GcsEmulator) -> str:
    """Put all objects where they belong; returns the bucket in GCS, which has another name each time."""
    for bucket in ("media-archive", "press-kit"):
        s3.make_bucket(bucket)
    for files in (ARCHIVED, LATER):
        for key, size in files.items():
            s3.put(key, bytes(size), bucket="media-archive")
        _wait_for_another_second()
    s3.put("kit/logo.svg", bucket="press-kit")
    bucket = gcs.new_bucket()
    for key in ("films/one.mp4", "films/two.mov"):
        gcs.put(key, bucket=bucket)
    return bucket


def _variables(archive: AccessKey, spare: AccessKey, key_file: str) -> dict[str, str]:
    """What the named credentials are read from; the secret of the recent ones is not the key's."""
    azure = arguments("create_azure_connector")
    keys = {"ARCHIVE": archive, "SPARE": spare, "RECENT": replace(spare, secret=spare.secret[::-1])}
    return {
        **{f"{name}_KEY_ID": key.key_id for name, key in keys.items()},
        **{f"{name}_SECRET": key.secret for name, key in keys.items()},
        "LAKE_JSON": key_file,
        "REVIEW_TENANT": azure["tenant_id"],
        "REVIEW_CLIENT": azure["client_id"],
        "REVIEW_SECRET": azure["client_secret"],
    }


class World:
    """A session with the server in it. It is made anew only after a task that may have changed it."""

    def __init__(self, session: Session, gcs_bucket: str) -> None:
        self.session = session
        self._gcs_bucket = gcs_bucket
        self._intact = False

    async def made(self) -> Session:
        """The session, the connectors as they are to be."""
        if not self._intact:
            await self._remove_all()
            for name, given in CONNECTORS.items():
                await self._create(name, given)
        self._intact = True
        return self.session

    def changed_by(self, tools: set[str]) -> None:
        """Calls of these tools were made."""
        self._intact = all(self.session.tools[tool]["annotations"]["readOnlyHint"] for tool in tools)

    async def _remove_all(self) -> None:
        for connector in (await self.session.call("list_connectors"))["connectors"]:
            one = {"connector_id": connector["connector_id"], "confirm_name": connector["name"]}
            await self.session.call("delete_connector", **one)

    async def _create(self, name: str, given: dict[str, Any]) -> None:
        provider = name.rpartition(" ")[2].lower()
        bucket = {"bucket": self._gcs_bucket} if provider == "gcs" else {}
        created = await self.session.call(f"create_{provider}_connector", name=name, **given, **bucket)
        if name in TESTED:
            await self.session.call("test_connector", connector_id=created["connector_id"])


@asynccontextmanager
async def opened(folder: Path, s3: S3Emulator, gcs: GcsEmulator) -> AsyncGenerator[World]:
    """The world, while its server runs; its data are in the folder."""
    gcs_bucket = _filled(s3, gcs)
    named = folder / "credentials.toml"
    named.write_text(CREDENTIALS, encoding="utf-8")
    named.chmod(0o600)
    settings = {
        **s3.settings,
        **gcs.settings,
        **_variables(s3.administrator, s3.new_user("s3:*"), json.dumps(gcs.arguments()["credentials_json"])),
        DATA_DIR: str(folder / "data"),
        "VIDEOVECTOR_CREDENTIALS_FILE": str(named),
    }
    async with connected(ERAS[0], settings) as session:
        yield World(session, gcs_bucket)
