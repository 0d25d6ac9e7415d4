"""An OpenID provider as a process of its own: npm's oidc-provider, which signs access tokens for a resource."""

from __future__ import annotations

import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from tests.emulators.npm import node, node_modules
from tests.emulators.processes import free_port, running

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
_PROGRAM = Path(__file__).with_suffix(".mjs")


@dataclass
class OpenIdProvider:
    """A running provider; its clients are named like the algorithm that their tokens are signed with."""

    port: int
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(30), repr=False)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Generator[OpenIdProvider]:
        """The provider, while it runs; the next time it has other keys."""
        with running([node(), str(_PROGRAM), str(node_modules()), str(self.port), self.secret], self.port):
            yield self

    def token(self, resource: str | None, scope: str = "", client: str = "RS256", proof: str = "") -> str:
        """An access token of the client-credentials grant; without a resource it is opaque."""
        form = {"grant_type": "client_credentials", "resource": resource, "scope": scope}
        answer = httpx.post(
            f"{self.issuer}/token",
            data={name: value for name, value in form.items() if value},
            auth=(client, self.secret),
            headers={"DPoP": proof} if proof else {},
            trust_env=False,
        )
        token: str = answer.raise_for_status().json()["access_token"]
        return token

    def proof(self) -> str:
        """What a client shows for a token that is bound to a key of its own (RFC 9449)."""
        key = ec.generate_private_key(ec.SECP256R1())
        public = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        claims = {"jti": secrets.token_hex(8), "htm": "POST", "htu": f"{self.issuer}/token", "iat": int(time.time())}
        return jwt.encode(claims, key, "ES256", {"typ": "dpop+jwt", "jwk": public})

    def renew_keys(self, *, keep: int = 0) -> None:
        """Sign with new keys, and publish so many of the older sets as well."""
        httpx.post(f"{self.issuer}/keys", params={"keep": keep}, trust_env=False).raise_for_status()


def openid_provider() -> OpenIdProvider:
    """A provider that does not run yet, on a port that is free at this moment."""
    return OpenIdProvider(free_port())
