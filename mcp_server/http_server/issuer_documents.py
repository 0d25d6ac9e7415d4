"""The documents of an OpenID issuer: its metadata at the well-known places, and the keys that it signs with.

Nothing is remembered here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any, cast
from urllib.parse import urlsplit

import anyio
import httpx
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from mcp_server.setting_rules import RuleBroken, url_for_keys

MAX_BYTES = 256 * 1024
MAX_KEYS = 100
SECONDS = 5.0
# An answer that is packed although nobody asked for that is no JSON: a bomb stays as small as it came.
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}
_ALGORITHMS: Mapping[str, tuple[str, ...]] = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "P-256": ("ES256",),
    "P-384": ("ES384",),
    "P-521": ("ES512",),
    "Ed25519": ("EdDSA",),
    "Ed448": ("EdDSA",),
}
ALGORITHMS = tuple(dict.fromkeys(name for names in _ALGORITHMS.values() for name in names))

Keys = Mapping[tuple["str | None", str], PyJWK]
"""Keys by their id and the algorithm that they are for."""


class IssuerFault(Exception):
    """The issuer's documents cannot be had. The message says why, for the operator, and quotes nothing of them."""


async def fetch_keys(http: httpx.AsyncClient, issuer: str, seconds: float = SECONDS) -> Keys:
    """The keys that the issuer signs tokens with at this moment, within the seconds.

    Raises IssuerFault.
    """
    try:
        with anyio.fail_after(seconds):
            metadata = await _metadata(http, issuer)
            return signing_keys(await _document(http, _keys_url(metadata, issuer)))
    except TimeoutError:
        raise IssuerFault(f"it did not answer within {seconds:g} seconds") from None


def _places(issuer: str) -> tuple[str, str]:
    """Where OpenID Connect Discovery and RFC 8414 put the metadata."""
    parts = urlsplit(issuer)
    oauth = f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{parts.path}"
    return f"{issuer}/.well-known/openid-configuration", oauth


async def _metadata(http: httpx.AsyncClient, issuer: str) -> dict[str, Any]:
    first, second = _places(issuer)
    try:
        return await _document(http, first)
    except IssuerFault as fault:
        with suppress(IssuerFault):
            return await _document(http, second)
        raise fault from None


def _keys_url(metadata: Mapping[str, Any], issuer: str) -> str:
    """The jwks_uri of metadata that are this issuer's, by which others could pass for it."""
    if metadata.get("issuer") not in (issuer, f"{issuer}/"):
        raise IssuerFault("its metadata are those of another issuer")
    url = metadata.get("jwks_uri")
    where, _, query = url.partition("?") if isinstance(url, str) else ("", "", "")
    try:
        url_for_keys(where)
    except RuleBroken:
        query = "#"
    if not re.fullmatch("[!$-~]*", query):
        raise IssuerFault("its metadata name no https:// URL of its keys")
    return cast("str", url)


async def _document(http: httpx.AsyncClient, url: str) -> dict[str, Any]:
    try:
        async with http.stream("GET", url, headers=_HEADERS, follow_redirects=False) as response:
            body = await _body(response)
    except httpx.TimeoutException:
        raise IssuerFault("it did not answer in time") from None
    except (httpx.HTTPError, httpx.InvalidURL):
        raise IssuerFault("it cannot be reached") from None
    if response.status_code != 200:
        raise IssuerFault(f"it answered with status {response.status_code}")
    return _json_object(body)


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_BYTES:
            raise IssuerFault(f"its document is larger than {MAX_BYTES // 1024} KiB")
    return bytes(body)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise IssuerFault("its document is no JSON object")
    return cast("dict[str, Any]", document)


def signing_keys(document: Mapping[str, Any]) -> Keys:
    """The usable keys of a key set, each for every algorithm that fits it.

    Raises IssuerFault when there is none, or more than 100.
    """
    entries = document.get("keys")
    listed = cast("list[object]", entries) if isinstance(entries, list) else []
    if len(listed) > MAX_KEYS:
        raise IssuerFault(f"it has more than {MAX_KEYS} keys")
    keys = {name: key for entry in listed if isinstance(entry, dict) for name, key in _usable(cast("Any", entry))}
    if not keys:
        raise IssuerFault("it has no key that signs tokens")
    return keys


def _usable(entry: dict[str, Any]) -> Iterator[tuple[tuple[str | None, str], PyJWK]]:
    identifier = entry.get("kid")
    for algorithm in _fitting(entry):
        with suppress(PyJWTError):
            key = PyJWK(entry, algorithm)
            yield (identifier if isinstance(identifier, str) else None, algorithm), key


def _fitting(entry: Mapping[str, Any]) -> Collection[str]:
    """The algorithms that a key may be used with; none if it is not for signatures, or everybody knows it whole."""
    uses = entry.get("key_ops", ["verify"])
    if entry.get("use", "sig") != "sig" or "d" in entry or not isinstance(uses, list) or "verify" not in uses:
        return ()
    fitting = _ALGORITHMS.get(str(entry.get("crv", entry.get("kty"))), ())
    return [name for name in fitting if entry.get("alg", name) == name]
