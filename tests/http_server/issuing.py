"""An OpenID issuer in a thread, whose documents and tokens are what a test wants. Its keys are made when tests run."""

from __future__ import annotations

import base64
import json
import ssl
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from jwt.algorithms import get_default_algorithms

from tests.emulators.http_server import Asked, Reply, serving

Json = dict[str, Any]
AUDIENCE = "https://mcp.example/mcp"
OPENID, OAUTH, KEYS = "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/keys"
_MAKERS = {
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ES512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
    "Ed448": ed448.Ed448PrivateKey.generate,
}


@cache
def private_key(kind: str = "RS256", number: int = 0, bits: int = 2048) -> Any:
    """A private key for an algorithm, the same for the same arguments in one run."""
    maker = _MAKERS.get(kind)
    return maker() if maker else rsa.generate_private_key(65537, bits)


@dataclass(frozen=True)
class Signer:
    """A key pair with its id."""

    algorithm: str = "RS256"
    identifier: str = "first"
    private: Any = field(default_factory=private_key, repr=False)

    def public(self, **changes: Any) -> Json:
        """The key as the issuer publishes it; `...` takes a member away."""
        algorithm = get_default_algorithms()[self.algorithm]
        parts: Json = json.loads(algorithm.to_jwk(self.private.public_key()))
        entry = {"kty": parts["kty"], "use": "sig", "kid": self.identifier, "alg": self.algorithm, **parts, **changes}
        entry.pop("key_ops", None) if "key_ops" not in changes else None
        return {name: value for name, value in entry.items() if value is not ...}

    def sign(self, claims: Mapping[str, Any], **header: Any) -> str:
        """A token of these claims; `...` takes a member of the header away."""
        said = {"alg": self.algorithm, "typ": "at+jwt", "kid": self.identifier, **header}
        told = encoded({name: value for name, value in said.items() if value is not ...})
        return self.sealed(f"{told}.{encoded(claims)}")

    def sealed(self, signed: str) -> str:
        """The two parts with their signature."""
        algorithm = get_default_algorithms()[self.algorithm]
        return f"{signed}.{base64url(algorithm.sign(signed.encode(), self.private))}"


def base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def encoded(value: object) -> str:
    """A value as a part of a token; a text is taken for JSON already."""
    return base64url((value if isinstance(value, str) else json.dumps(value)).encode())


def document(value: object) -> Reply:
    return Reply(200, json.dumps(value).encode())


@dataclass
class Issuer:
    """Answers with its documents by path, and 404 for all others."""

    signer: Signer = field(default_factory=Signer)
    url: str = ""
    documents: dict[str, Reply] = field(default_factory=dict[str, Reply])
    asked: list[str] = field(default_factory=list[str])

    def respond(self, asked: Asked) -> Reply:
        self.asked.append(asked.target)
        return self.documents.get(asked.target, Reply(404))

    def publish(self, *keys: Json) -> None:
        self.documents[KEYS] = document({"keys": keys or [self.signer.public()]})

    def describe(self, path: str = OPENID, **changes: Any) -> None:
        self.documents[path] = document({"issuer": self.url, "jwks_uri": f"{self.url}{KEYS}", **changes})

    def claims(self, **changes: Any) -> Json:
        """Those of a token that is good; `...` takes one away."""
        now = int(time.time())
        times = {"iat": now, "nbf": now, "exp": now + 300}
        claims = {"iss": self.url, "aud": AUDIENCE, "sub": "person", "scope": "connectors:read", **times, **changes}
        return {name: value for name, value in claims.items() if value is not ...}

    def token(self, **changes: Any) -> str:
        return self.signer.sign(self.claims(**changes))


@contextmanager
def issuing(signer: Signer | None = None) -> Generator[Issuer]:
    """An issuer that is described and has published its key."""
    issuer = Issuer(signer or Signer())
    with serving(issuer.respond) as served:
        issuer.url = served.url
        issuer.describe()
        issuer.publish()
        yield issuer


def plain_client(**options: Any) -> httpx.AsyncClient:
    """A client for this machine only: no proxy, and trust in nobody."""
    return httpx.AsyncClient(trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), **options)
