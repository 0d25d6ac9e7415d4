"""Canary secrets through every tool, provider and failure: none comes out, in no frame, log line or file.

The real server process, its stdout and stderr byte by byte, and the files of its data folder.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.canaries import ECHOES, Net, Parrot, odd_secret, repeating
from tests.emulators import PROVIDERS, Emulator
from tests.emulators.azure import AzureEmulator
from tests.emulators.gcs import GcsEmulator, new_private_key, pem
from tests.emulators.processes import free_port
from tests.emulators.s3 import S3Emulator
from tests.sessions import DATA_DIR, ERAS, Json, Lines, modern, speaking

SECRETS = {"gcs": ("credentials_json",), "s3": ("aws_secret_access_key",), "azure": ("client_secret",)}
CREDENTIALS = {
    "gcs": ("credentials_json",),
    "s3": ("aws_access_key_id", "aws_secret_access_key"),
    "azure": ("tenant_id", "client_id", "client_secret"),
}


@pytest.fixture(scope="module")
def clouds(gcs_emulator: GcsEmulator, s3_emulator: S3Emulator, azure_emulator: AzureEmulator) -> dict[str, Emulator]:
    return dict(zip(PROVIDERS, (gcs_emulator, s3_emulator, azure_emulator), strict=True))


class Watch:
    """Calls tools of a server process and remembers every secret that went in."""

    def __init__(self, lines: Lines, era: str, net: Net) -> None:
        self.lines = lines
        self.net = net
        self._modern = era != ERAS[0]
        if not self._modern:
            lines.initialize()

    def call(self, tool: str, /, **arguments: Any) -> Json:
        """The answer, result or error."""
        self.net.remember(arguments)
        params = {"name": tool, "arguments": arguments}
        return self.lines.ask("tools/call", modern(params) if self._modern else params)

    def made(self, tool: str, /, **arguments: Any) -> str:
        """The id of the connector that a creation made."""
        result = self.call(tool, **arguments)["result"]
        assert not result.get("isError"), result
        connector_id: str = result["structuredContent"]["connector_id"]
        return connector_id

    def failed(self, tool: str, /, **arguments: Any) -> None:
        """A call that must not succeed."""
        answer = self.call(tool, **arguments)
        assert "error" in answer or answer["result"]["isError"], answer

    def end(self) -> None:
        """Nothing came out, while the server ran and after it ended."""
        folder = self.lines.errors.parent
        assert self.net.sought
        assert self.net.found_below(folder) == {}
        assert self.lines.end() == 0
        assert self.net.found_in(bytes(self.lines.heard)) == []
        assert self.net.found_below(folder) == {}


def settings_of(clouds: Mapping[str, Emulator], folder: Path) -> dict[str, str]:
    shared = {name: value for cloud in clouds.values() for name, value in cloud.settings.items()}
    return {**shared, DATA_DIR: str(folder / "data")}


def endpoints(url: str) -> dict[str, str]:
    names = ("S3_ENDPOINT", "GCS_ENDPOINT", "AZURE_ENDPOINT", "AZURE_AUTHORITY_HOST")
    return {f"VIDEOVECTOR_{name}": url for name in names} | {"VIDEOVECTOR_GCS_TOKEN_URI": f"{url}/token"}


def key_file(cloud: Emulator, **changes: Any) -> Json:
    return {**cloud.arguments()["credentials_json"], **changes}


def wrong_secrets(provider: str, cloud: Emulator) -> Iterator[Json]:
    """Creations that are valid, each with another secret that is not the right one."""
    yield cloud.wrong_secret_arguments()
    if provider == "gcs":
        whole = pem(new_private_key())
        yield cloud.arguments(credentials_json=key_file(cloud, private_key=whole.replace("b", "c")))
        yield cloud.arguments(credentials_json=json.dumps(key_file(cloud, private_key=whole), indent=1))
    else:
        yield cloud.arguments(**{SECRETS[provider][0]: odd_secret()})
        yield cloud.arguments(**{SECRETS[provider][0]: base64.b64encode(secrets.token_bytes(30)).decode()})


def misplaced(provider: str, cloud: Emulator) -> Iterator[Json]:
    """Creations with a wrong field beside the secret, or the secret in a wrong place or shape."""
    name, secret = SECRETS[provider][0], odd_secret()
    arguments = cloud.arguments()
    yield {**arguments, cloud.bucket_field: "Not A Bucket", "scopes": ["nothing"]}
    yield {**arguments, name[:-1]: arguments[name], name: None}
    yield {**arguments, name: secret[:5]}
    yield {**arguments, name: secret * 4000}
    yield {**arguments, name: [secret]}
    yield {**arguments, name: {"value": secret, "private_key": secret}}
    yield {**arguments, name: f'{{"private_key": "{secret}'}
    yield {**arguments, "export_base_path": f"../{secret}", "client_secret": secret, "region": secret}


def rotations(provider: str, arguments: Json) -> Json:
    return {name: arguments[name] for name in CREDENTIALS[provider]}


def use(watch: Watch, connector_id: str) -> None:
    """Every tool that takes a connector and asks its storage or tells of it."""
    watch.call("test_connector", connector_id=connector_id)
    watch.call("browse_connector_files", connector_id=connector_id)
    watch.call("get_connector", connector_id=connector_id)
    watch.call("list_connectors")


def test_with_every_provider_no_secret_comes_out(era: str, clouds: dict[str, Emulator], tmp_path: Path) -> None:
    with speaking(settings_of(clouds, tmp_path), tmp_path) as lines:
        watch = Watch(lines, era, Net())
        for provider, cloud in clouds.items():
            creation, key = f"create_{provider}_connector", secrets.token_hex(8)
            right = watch.made(creation, **cloud.arguments(scopes=["import", "export"]), idempotency_key=key)
            use(watch, right)
            watch.failed(creation, **cloud.wrong_secret_arguments(), idempotency_key=key)
            for arguments in misplaced(provider, cloud):
                watch.call(creation, **arguments)
            for arguments in wrong_secrets(provider, cloud):
                use(watch, watch.made(creation, **arguments))
                watch.call("update_connector", connector_id=right, **rotations(provider, arguments))
                use(watch, right)
            watch.call("update_connector", connector_id=right, **rotations(provider, cloud.arguments()))
            use(watch, right)
            for other in set(clouds) - {provider}:
                foreign = rotations(other, clouds[other].arguments())
                watch.failed("update_connector", connector_id=right, name="x", **foreign)
                watch.failed("update_connector", connector_id="no-such-id", **foreign)
            watch.failed("delete_connector", connector_id=right, **rotations(provider, cloud.arguments()))
            watch.failed("delete_connector", connector_id=right)
            watch.call("delete_connector", connector_id=right, confirm_name=cloud.arguments()["name"])
            watch.failed(f"{creation}s", **cloud.arguments())
        watch.end()


def test_lines_that_are_no_call_leave_no_secret(clouds: dict[str, Emulator], tmp_path: Path) -> None:
    with speaking(settings_of(clouds, tmp_path), tmp_path) as lines:
        watch = Watch(lines, ERAS[0], Net())
        for provider, cloud in clouds.items():
            params: Json = {"name": f"create_{provider}_connector", "arguments": cloud.wrong_secret_arguments()}
            watch.net.remember(params["arguments"])
            frame = {"jsonrpc": "2.0", "id": 900, "method": "tools/call", "params": params}
            lines.send(json.dumps(frame).encode()[:-3])
            lines.send({**frame, "jsonrpc": "1.0"})
            lines.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": params}})
            lines.send({"jsonrpc": "2.0", "id": 901, "result": params})
            lines.ask("tools/call", {**params, "arguments": [params["arguments"]]})
            lines.ask("tools/call", {**params, "name": params})
            lines.ask("tools/list", {"cursor": params})
            lines.ask("resources/read", params)
        watch.call("list_connectors")
        watch.end()


def test_storages_that_repeat_what_they_hear_are_not_repeated(
    era: str, clouds: dict[str, Emulator], tmp_path: Path
) -> None:
    with repeating() as parrot, speaking({**settings_of(clouds, tmp_path), **endpoints(parrot.url)}, tmp_path) as lines:
        watch = Watch(lines, era, Net())
        made = [watch.made(f"create_{name}_connector", **cloud.arguments()) for name, cloud in clouds.items()]
        made.append(watch.made("create_azure_connector", **clouds["azure"].arguments(client_secret=odd_secret())))
        for echo in (
            "raw",
            "an envelope",
            "a failure",
            "a page",
            "another shape",
            "a redirect",
            "nothing",
            "no answer",
        ):
            parrot.echo = ECHOES[echo]
            for connector_id in made:
                use(watch, connector_id)
        assert watch.net.found_in(bytes(parrot.heard)), "it heard the client secret"
        watch.end()


def test_storages_that_are_not_there_leave_no_secret(era: str, clouds: dict[str, Emulator], tmp_path: Path) -> None:
    nobody = endpoints(f"http://127.0.0.1:{free_port()}")
    with speaking({**settings_of(clouds, tmp_path), **nobody}, tmp_path) as lines:
        watch = Watch(lines, era, Net())
        for provider, cloud in clouds.items():
            use(watch, watch.made(f"create_{provider}_connector", **cloud.arguments()))
        watch.end()


# ---- the API of the operator's key -------------------------------------------------------------------------------


def calls(clouds: Mapping[str, Emulator]) -> Iterator[tuple[str, Json]]:
    """Every tool, with every secret that it takes."""
    one = {"connector_id": "conn_1"}
    for provider, cloud in clouds.items():
        for arguments in (cloud.arguments(), *wrong_secrets(provider, cloud)):
            yield f"create_{provider}_connector", arguments
            yield "update_connector", {**one, **rotations(provider, arguments)}
    for tool in ("get_connector", "test_connector", "browse_connector_files", "delete_connector"):
        yield tool, dict(one)
    yield "list_connectors", {}


def keyed(url: str, folder: Path, **settings: str) -> tuple[dict[str, str], Net]:
    """The settings of a server with a new API key, and a net that looks for it."""
    key = f"sk_live_{secrets.token_hex(24)}"
    given = {"API_KEY": key, "BASE_URL": f"{url}/api/v2", "DATA_DIR": str(folder / "data"), **settings}
    return {f"VIDEOVECTOR_{name}": value for name, value in given.items()}, Net({key})


def heard_all(parrot: Parrot, net: Net) -> bool:
    """Whether the secrets did go out to the API, where they belong."""
    return len(net.found_in(bytes(parrot.heard))) == len(net.sought)


def test_whatever_the_api_answers_no_secret_comes_out(era: str, clouds: dict[str, Emulator], tmp_path: Path) -> None:
    with repeating() as parrot:
        settings, net = keyed(parrot.url, tmp_path, MAX_RETRIES="0")
        with speaking(settings, tmp_path) as lines:
            watch = Watch(lines, era, net)
            for echo in ECHOES.values():
                parrot.echo = echo
                for tool, arguments in calls(clouds):
                    watch.call(tool, **arguments)
            assert heard_all(parrot, net)
            watch.end()


def test_repeated_and_late_and_missing_answers_leave_no_secret(
    era: str, clouds: dict[str, Emulator], tmp_path: Path
) -> None:
    with repeating() as parrot:
        settings, net = keyed(parrot.url, tmp_path, MAX_RETRIES="1", TIMEOUT="300")
        with speaking(settings, tmp_path) as lines:
            watch = Watch(lines, era, net)
            for provider, cloud in clouds.items():
                parrot.echo, parrot.waits = ECHOES["too many requests"], False
                watch.failed(f"create_{provider}_connector", **cloud.arguments())
                parrot.waits = True
                watch.failed(f"create_{provider}_connector", **cloud.wrong_secret_arguments())
            watch.end()


def test_an_api_that_is_not_there_leaves_no_secret(era: str, clouds: dict[str, Emulator], tmp_path: Path) -> None:
    settings, net = keyed(f"http://127.0.0.1:{free_port()}", tmp_path, MAX_RETRIES="0")
    with speaking(settings, tmp_path) as lines:
        watch = Watch(lines, era, net)
        for tool, arguments in calls(clouds):
            watch.failed(tool, **arguments)
        watch.end()
