"""Google's tokens: the JWT-bearer grant of a service-account key, and what the token endpoint's errors mean.

Of the key only the addressee's name, its id and its private key are used; nothing in it can steer a request elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from anyio import to_thread

from mcp_server.embedded.storage import faults
from mcp_server.embedded.storage.bearer import granted
from mcp_server.embedded.storage.documents import NotTheDocument, json_object
from mcp_server.embedded.storage.exchange import Answer, Exchange
from mcp_server.embedded.storage.faults import StorageFault
from mcp_server.embedded.storage.tokens import Token
from mcp_server.errors import InvalidArguments, Violation
from mcp_server.service_account import GOOGLE_TOKEN_URI, ServiceAccountKey
from mcp_server.settings import Settings, environment_name

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
_GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFETIME_SECONDS = 3600
_SMALLEST_KEY_BITS = 2048
# Holds a key of 4,096 bits. Reading a far larger one would take a minute.
_LONGEST_PEM = 4096
_RULE = f"its token_uri must be {GOOGLE_TOKEN_URI}"
_OPERATORS_RULE = f"{_RULE}, or the one that the operator set in {environment_name('gcs_token_uri')}"

_OAUTH_ERRORS = ("invalid_client", "invalid_grant", "invalid_request", "invalid_scope", "unauthorized_client")

# The endpoint tells these apart only in its prose, which is compared and never shown.
_CAUSES_BY_PROSE: Mapping[str, faults.Cause] = {
    "account not found": faults.key_unknown,
    "invalid jwt signature": faults.secret_refused,
    "reasonable timeframe": faults.clock_skew,
}


def check_token_uri(key: ServiceAccountKey, settings: Settings) -> None:
    """Refuses a key that names a token endpoint other than Google's or the operator's.

    Raises InvalidArguments.
    """
    if key.fields.get("token_uri") not in (GOOGLE_TOKEN_URI, settings.gcs_token_uri):
        rule = _OPERATORS_RULE if settings.gcs_token_uri else _RULE
        raise InvalidArguments((Violation("credentials_json", rule),))


def _checked_endpoint(key: ServiceAccountKey, settings: Settings) -> str:
    try:
        check_token_uri(key, settings)
    except InvalidArguments as error:
        raise StorageFault(
            "storage_token_uri_refused",
            f"The service-account key can not be used: {error.violations[0].rule}.",
            "Update the connector with a key file as Google made it.",
        ) from None
    return settings.gcs_token_uri or GOOGLE_TOKEN_URI


def _private_key(key: ServiceAccountKey) -> RSAPrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        private_key = load_pem_private_key(key.fields["private_key"].encode()[:_LONGEST_PEM], password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        private_key = None
    if not isinstance(private_key, RSAPrivateKey) or private_key.key_size < _SMALLEST_KEY_BITS:
        raise StorageFault(
            "storage_key_unusable",
            f"The private_key of the service-account key is not an RSA key of {_SMALLEST_KEY_BITS} bits or more.",
            "Update the connector with a key file as Google made it.",
        )
    return private_key


def _assertion(key: ServiceAccountKey, audience: str) -> str:
    import jwt

    now = int(time.time())
    claims = {
        "iss": key.fields["client_email"],
        "scope": _SCOPE,
        "aud": audience,
        "iat": now,
        "exp": now + _LIFETIME_SECONDS,
    }
    return jwt.encode(claims, _private_key(key), algorithm="RS256", headers={"kid": key.fields["private_key_id"]})


async def fetch_token(exchange: Exchange, key: ServiceAccountKey, settings: Settings, place: faults.Place) -> Token:
    """A new token for reading and writing objects.

    Raises StorageFault.
    """
    endpoint = _checked_endpoint(key, settings)
    assertion = await to_thread.run_sync(_assertion, key, endpoint)
    form = {"grant_type": _GRANT_TYPE, "assertion": assertion}
    return await granted(exchange, endpoint, form, partial(_fault, place=place))


def _fault(answer: Answer, place: faults.Place) -> StorageFault:
    try:
        error = json_object(answer.body)
    except NotTheDocument:
        error = {}
    code = error.get("error")
    refusal = faults.Refusal(place, "list", answer.status, code if code in _OAUTH_ERRORS else "")
    prose = str(error.get("error_description")).lower()
    by_prose = (cause for said, cause in _CAUSES_BY_PROSE.items() if said in prose)
    if refusal.code:
        return next(by_prose, faults.credentials_refused)(refusal)
    return faults.fault_of_token(refusal)
