"""Callers with an access token of the operator's OpenID issuer: a signed JWT for this server. It is never passed on."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import jwt
from jwt import PyJWK
from starlette.datastructures import Headers

from mcp_server.http_server.identity import MISSING, Identity, Turned, bearer
from mcp_server.http_server.issuer_documents import ALGORITHMS
from mcp_server.http_server.issuer_keys import PAUSE_SECONDS, IssuerKeys, KeysUnavailable

MAX_TOKEN_LENGTH = 16 * 1024
LEEWAY_SECONDS = 30
OAUTH_SCOPES: Mapping[str, str] = {scope: f"connectors:{scope}" for scope in ("read", "write", "admin")}
"""The scopes of tokens by those of the rows."""

_ROW_SCOPES = {token: row for row, token in OAUTH_SCOPES.items()}
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_TYPES = ("jwt", "at+jwt", "application/at+jwt")


def _invalid(message: str = "The access token is not valid.") -> Turned:
    return Turned(401, "invalid_token", message)


def _sent_token(headers: Headers) -> str:
    token = bearer(headers)
    if not token:
        raise Turned(401, MISSING, "Send an access token as Authorization: Bearer.")
    if len(token) > MAX_TOKEN_LENGTH or not _TOKEN.fullmatch(token):
        raise _invalid("The access token is not a JWT of at most 16 KiB.")
    return token


def _named_key(token: str) -> tuple[str | None, str]:
    """The id and the algorithm of the key that the token says it was signed with; nothing else there is used."""
    try:
        header = jwt.get_unverified_header(token.partition(".")[0] + "..")
    except jwt.PyJWTError:
        raise _invalid() from None
    if header.get("alg") not in ALGORITHMS or str(header.get("typ", "JWT")).lower() not in _TYPES:
        raise _invalid()
    return header.get("kid"), header["alg"]


def _caller(claims: Mapping[str, Any]) -> str:
    """A digest of whom the token was issued to: a person or, without one, a program."""
    for name in ("sub", "client_id", "azp"):
        who = claims.get(name)
        if who and isinstance(who, str):
            return hashlib.sha256(json.dumps([claims["iss"], name, who]).encode()).hexdigest()
    raise _invalid("The access token names no subject and no client.")


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """The rows' scopes that a token grants, in `scope` or `scp`, as one text or a list."""
    granted = claims.get("scope", claims.get("scp"))
    words = granted.split() if isinstance(granted, str) else granted
    return frozenset(row for token, row in _ROW_SCOPES.items() if isinstance(words, list) and token in words)


class BearerTokens:
    """Authenticates by Authorization: Bearer. A token must be signed by the issuer and name the audience.

    `http` must not follow redirects nor keep cookies of its own accord; it is closed by whoever made it.
    """

    def __init__(
        self, issuer: str, audience: str, http: httpx.AsyncClient, clock: Callable[[], float] = time.monotonic
    ) -> None:
        issuer = issuer.rstrip("/")
        self._issuers = (issuer, f"{issuer}/")
        self._audience = audience
        self._keys = IssuerKeys(issuer, http, clock)

    async def __call__(self, headers: Headers, /) -> Identity:
        """The caller, known by a digest of the issuer and its name there; no scope is granted that is not named."""
        token = _sent_token(headers)
        claims = self._claims(token, await self._key(*_named_key(token)))
        return Identity(_caller(claims), _scopes(claims))

    def is_stranger(self, headers: Headers, /) -> bool:
        """Nobody is: to check a token costs no one but this process."""
        return False

    async def _key(self, identifier: str | None, algorithm: str) -> PyJWK:
        try:
            key = await self._keys.find(identifier, algorithm)
        except KeysUnavailable:
            message = "The issuer of access tokens cannot be reached at the moment. Try again later."
            raise Turned(503, "issuer_unavailable", message, retry_after=PAUSE_SECONDS) from None
        if key is None:
            raise _invalid()
        return key

    def _claims(self, token: str, key: PyJWK) -> dict[str, Any]:
        """The claims of a token that holds now and here.

        Raises Turned (401).
        """
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self._audience,
                issuer=self._issuers,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp"], "enforce_minimum_key_length": True},
            )
        except jwt.ExpiredSignatureError:
            raise _invalid("The access token has expired.") from None
        except jwt.InvalidAudienceError:
            raise _invalid("The access token is for another audience.") from None
        except jwt.PyJWTError:
            raise _invalid() from None
        if "cnf" in claims:
            raise _invalid("The access token is bound to a key of its client, which cannot be checked here.")
        return claims
