"""The main job as a story: a local S3 emulator, this server over stdio as a client starts it, and the calls one by one.

It needs the optional group `demo`. Nothing of it is used by the server, and nothing is printed here.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult, TextContent

from mcp_server.errors import ConfigurationError
from mcp_server.settings import child_environment, environment_name

BUCKET = "media-archive"
MEDIA = {
    "incoming/2026/04/interview.mp4": 48_000,
    "incoming/2026/04/interview.srt": 900,
    "incoming/2026/04/skyline.mov": 96_000,
    "incoming/2026/05/keynote.mp4": 72_000,
    "posters/keynote.jpg": 6_400,
    "trailer.mp4": 24_000,
}
CREDENTIALS = """\
[archive]
provider = "s3"
aws_access_key_id = { env = "DEMO_KEY_ID" }
aws_secret_access_key = { env = "DEMO_SECRET" }
"""
CREATION: dict[str, Any] = {
    "name": "Archive S3",
    "bucket": BUCKET,
    "region": "us-east-1",
    "credentials": "archive",
    "scopes": ["import", "export"],
    "export_base_path": "exports/review",
}
_POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
EMULATOR = ("-m", "moto.server", "-H", "127.0.0.1")
_START_SECONDS = 30


@dataclass(frozen=True)
class Step:
    """One call: the tool, its arguments, and the text that the model would see."""

    tool: str
    arguments: Mapping[str, Any]
    text: str
    failed: bool


@dataclass(frozen=True)
class Emulator:
    """A running S3 emulator that checks signatures and policies, and the key that it accepts."""

    endpoint: str
    access_key_id: str
    secret_access_key: str


@contextmanager
def s3_emulator() -> Generator[Emulator]:
    """Start moto's server on a free port of this machine, fill it with media files, end it afterwards.

    Raises ConfigurationError when the optional group is not installed or the emulator does not start.
    """
    if find_spec("moto") is None or find_spec("flask") is None:
        raise ConfigurationError("the demo needs its optional group: pip install 'videovector-connectors[demo]'")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(  # noqa: S603 - this interpreter and a fixed module
        [sys.executable, *EMULATOR, "-p", str(port)],
        env=child_environment({"INITIAL_NO_AUTH_ACTION_COUNT": str(len(MEDIA) + 4)}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield _filled(f"http://127.0.0.1:{port}", process)
    finally:
        process.terminate()
        process.wait()


def _filled(endpoint: str, process: subprocess.Popen[bytes]) -> Emulator:
    """Bucket, objects, a user, its policy and its key: after these calls the emulator checks every signature."""
    with httpx.Client(base_url=endpoint, trust_env=False, timeout=30) as http:
        _wait_for(http, process)
        http.put(f"/{BUCKET}").raise_for_status()
        for path, size in MEDIA.items():
            http.put(f"/{BUCKET}/{path}", content=bytes(size)).raise_for_status()
        _iam(http, "CreateUser")
        _iam(http, "PutUserPolicy", PolicyName="media", PolicyDocument=json.dumps(_POLICY))
        answer = _iam(http, "CreateAccessKey")
    key_id, secret = (re.findall(f"<{tag}>([^<]+)</{tag}>", answer)[0] for tag in ("AccessKeyId", "SecretAccessKey"))
    return Emulator(endpoint, key_id, secret)


def _iam(http: httpx.Client, action: str, **parameters: str) -> str:
    scope = {"Authorization": "AWS4-HMAC-SHA256 Credential=setup/20260101/us-east-1/iam/aws4_request"}
    form = {"Action": action, "Version": "2010-05-08", "UserName": "demo", **parameters}
    return http.post("/", data=form, headers=scope).raise_for_status().text


def _wait_for(http: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            http.get("/moto-api/").raise_for_status()
            return
        time.sleep(0.1)
    raise ConfigurationError("the S3 emulator of the demo did not start")


async def story(report: Callable[[Step], None]) -> None:
    """Make the calls of the main job, and report each as soon as it was answered; a failed creation ends the story.

    Raises ConfigurationError as `s3_emulator` does.
    """
    with s3_emulator() as emulator, tempfile.TemporaryDirectory() as folder:
        server = StdioServerParameters(
            command=sys.executable, args=["-m", "mcp_server"], env=_settings(emulator, Path(folder))
        )
        async with Client(server) as client:

            async def call(tool: str, arguments: dict[str, Any]) -> CallToolResult:
                result = await client.call_tool(tool, arguments)
                report(_step(tool, arguments, result))
                return result

            created = await call("create_s3_connector", CREATION)
            if not created.is_error:
                for tool, arguments in _further_calls({"connector_id": created.structured_content["connector_id"]}):
                    await call(tool, arguments)


def _settings(emulator: Emulator, folder: Path) -> dict[str, str]:
    """A server with one set of named credentials: the model knows the name, the server finds the key."""
    credentials = folder / "credentials.toml"
    credentials.write_text(CREDENTIALS, encoding="utf-8")
    return {
        environment_name("s3_endpoint"): emulator.endpoint,
        environment_name("data_dir"): str(folder / "data"),
        environment_name("credentials_file"): str(credentials),
        "DEMO_KEY_ID": emulator.access_key_id,
        "DEMO_SECRET": emulator.secret_access_key,
    }


def _further_calls(one: dict[str, Any]) -> tuple[tuple[str, dict[str, Any]], ...]:
    return (
        ("test_connector", one),
        ("browse_connector_files", {**one, "pattern": "*.mp4"}),
        ("update_connector", {**one, "name": "Archive S3 (read only)", "scopes": ["import"]}),
        ("delete_connector", {**one, "confirm_name": "Archive S3 (read only)"}),
        ("list_connectors", {}),
    )


def _step(tool: str, arguments: Mapping[str, Any], result: CallToolResult) -> Step:
    text = "\n".join(block.text for block in result.content if isinstance(block, TextContent))
    return Step(tool, arguments, text, result.is_error)
