"""Azure Blob Storage that wants a bearer token: azurite over TLS, and a token endpoint like Entra ID's."""

from __future__ import annotations

import html
import json
import re
import secrets
import time
import uuid
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, quote

import httpx
import jwt
import trustme

from tests.emulators.http_server import Asked, Reply, Served, serving
from tests.emulators.npm import node, node_modules
from tests.emulators.processes import free_port, running

AUDIENCE = "https://storage.azure.com"
VERSION = "2021-12-02"


@dataclass
class Directory:
    """One tenant with one application; answers token requests, and counts those it granted."""

    tenant: str = field(default_factory=lambda: str(uuid.uuid4()))
    client: str = field(default_factory=lambda: str(uuid.uuid4()))
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(30))
    audience: str = AUDIENCE
    granted: int = 0

    def respond(self, asked: Asked) -> Reply:
        """A token, or the error that Entra ID gives. It quotes the secret, which must go no further."""
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        if asked.target.split("/")[1] != self.tenant:
            return _error(400, "invalid_request", f"AADSTS90002: Tenant '{asked.target}' not found.")
        if form["client_id"] != self.client:
            return _error(400, "unauthorized_client", f"AADSTS700016: Application '{form['client_id']}' was not found.")
        if form["client_secret"] != self.secret:
            return _error(401, "invalid_client", f"AADSTS7000215: Invalid client secret {form['client_secret']}.")
        self.granted += 1
        return Reply(
            200, json.dumps({"token_type": "Bearer", "expires_in": 3599, "access_token": self.token()}).encode()
        )

    def token(self) -> str:
        """A token for the storage, signed with a key that nobody checks."""
        now = int(time.time())
        issuer = f"https://sts.windows.net/{self.tenant}/"
        claims = {"aud": self.audience, "iss": issuer, "iat": now, "nbf": now - 60, "exp": now + 3600}
        return jwt.encode(claims, secrets.token_bytes(32), algorithm="HS256")


def _error(status: int, error: str, description: str) -> Reply:
    return Reply(status, json.dumps({"error": error, "error_description": description}).encode())


class AzureEmulator:
    """A running storage account with one container."""

    bucket_field: ClassVar[str] = "container"

    def __init__(self, url: str, account: str, certificates: Path, authority: Served, directory: Directory) -> None:
        self.url = url
        self.account = account
        self.authority = authority
        self.directory = directory
        self._certificates = certificates
        self._client = httpx.Client(trust_env=False, verify=_trusting(certificates), headers={"x-ms-version": VERSION})
        self.container = self.new_bucket()

    @classmethod
    @contextmanager
    def running(cls, folder: Path) -> Generator[AzureEmulator]:
        """The emulator, while it runs; its certificates are written to the folder."""
        account, directory, port = f"media{secrets.token_hex(4)}", Directory(), free_port()
        _write_certificates(folder)
        key = f"{account}:{secrets.token_hex(32)}"
        url = f"https://127.0.0.1:{port}"
        with running(_command(folder, port), port, {"AZURITE_ACCOUNTS": key}), serving(directory.respond) as authority:
            emulator = cls(url, account, folder / "ca.pem", authority, directory)
            yield emulator
            emulator.close()

    def close(self) -> None:
        """Close the connections of the filling client."""
        self._client.close()

    @property
    def settings(self) -> Mapping[str, str]:
        """The environment of a server that is to use this emulator."""
        return {
            "VIDEOVECTOR_AZURE_ENDPOINT": self.url,
            "VIDEOVECTOR_AZURE_AUTHORITY_HOST": self.authority.url,
            "VIDEOVECTOR_CA_FILE": str(self._certificates),
        }

    def arguments(self, **changes: Any) -> dict[str, Any]:
        """The arguments of a create_azure_connector that works, with changes."""
        return {
            "name": "Media on Azure",
            "storage_account": self.account,
            "container": self.container,
            "tenant_id": self.directory.tenant,
            "client_id": self.directory.client,
            "client_secret": self.directory.secret,
            **changes,
        }

    def wrong_secret_arguments(self) -> dict[str, Any]:
        """The same with a secret that is not the application's."""
        return self.arguments(client_secret=secrets.token_urlsafe(30))

    def new_bucket(self) -> str:
        """The name of a container that is empty."""
        container = f"media-{secrets.token_hex(6)}"
        self._ask("PUT", f"/{container}?restype=container")
        return container

    def put(self, key: str, content: bytes = b"content", *, bucket: str = "") -> None:
        """Store a blob."""
        target = f"/{bucket or self.container}/{quote(key, safe='/~')}"
        self._ask("PUT", target, content, {"x-ms-blob-type": "BlockBlob", "Content-Type": "video/mp4"})

    def keys(self, *, bucket: str = "") -> list[str]:
        """All names, in the provider's order; up to 5,000."""
        answer = self._ask("GET", f"/{bucket or self.container}?restype=container&comp=list")
        return [html.unescape(name) for name in re.findall("<Name>(.*?)</Name>", answer.text, re.DOTALL)]

    def _ask(
        self, method: str, target: str, content: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        answer = self._client.request(
            method,
            self.url,
            content=content,
            headers={"Authorization": f"Bearer {Directory().token()}", **(headers or {})},
            extensions={"target": f"/{self.account}{target}".encode()},
        )
        return answer.raise_for_status()


def _command(folder: Path, port: int) -> list[str]:
    program = node_modules() / "azurite" / "dist" / "src" / "blob" / "main.js"
    options = ["--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck", "--silent", "--oauth", "basic"]
    where = ["--blobHost", "127.0.0.1", "--blobPort", str(port)]
    certificate = ["--cert", str(folder / "server.pem"), "--key", str(folder / "server.key")]
    return [node(), str(program), *options, *where, *certificate]


def _write_certificates(folder: Path) -> None:
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    server.private_key_pem.write_to_path(str(folder / "server.key"))
    server.cert_chain_pems[0].write_to_path(str(folder / "server.pem"))


def _trusting(certificates: Path) -> Any:
    context = httpx.create_ssl_context(trust_env=False)
    context.load_verify_locations(certificates)
    return context
