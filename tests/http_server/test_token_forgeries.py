"""Access tokens that somebody else made, or changed: none is let in, and nothing that they point to is looked at."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.datastructures import Headers

from mcp_server.http_server.bearer_tokens import MAX_TOKEN_LENGTH
from mcp_server.http_server.identity import Turned
from tests.http_server.issuing import AUDIENCE, Issuer, Json, Signer, base64url, encoded, issuing, private_key
from tests.http_server.presenting import Scene

pytestmark = pytest.mark.anyio
Forgery = Callable[[Issuer], str]


def _parts(issuer: Issuer) -> tuple[str, str, str]:
    header, claims, signature = issuer.token(scope="connectors:read").split(".")
    return header, claims, signature


def _hmac(issuer: Issuer, secret: bytes) -> str:
    """Signed with what everybody knows, as if it were a shared secret."""
    signed = f"{encoded({'alg': 'HS256', 'typ': 'JWT', 'kid': 'first'})}.{encoded(issuer.claims())}"
    return f"{signed}.{base64url(hmac.digest(secret, signed.encode(), 'sha256'))}"


def _pem(issuer: Issuer, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo) -> bytes:
    pem: bytes = issuer.signer.private.public_key().public_bytes(Encoding.PEM, form)
    return pem


STRANGER = Signer("RS256", "first", private_key("RS256", 1))
EC = Signer("ES256", "first", private_key("ES256"))


def _own_key(issuer: Issuer, **header: Any) -> str:
    """Signed with the forger's key, which the token itself brings along or points to."""
    return STRANGER.sign(issuer.claims(), **header)


def _with_another_audience(issuer: Issuer) -> str:
    """Claims that name an audience twice: the last one counts."""
    return encoded(json.dumps(issuer.claims())[:-1] + ', "aud": "https://other.example"}')


FORGERIES: dict[str, Forgery] = {
    "no algorithm": lambda issuer: f"{encoded({'alg': 'none'})}.{encoded(issuer.claims())}.AA",
    "no algorithm in capitals": lambda issuer: (
        f"{encoded({'alg': 'NONE', 'kid': 'first'})}.{encoded(issuer.claims())}.AA"
    ),
    "no signature": lambda issuer: f"{encoded({'alg': 'none'})}.{encoded(issuer.claims())}.",
    "an empty signature": lambda issuer: ".".join(_parts(issuer)[:2]) + ".",
    "a missing signature": lambda issuer: ".".join(_parts(issuer)[:2]),
    "the public key as a shared secret": lambda issuer: _hmac(issuer, _pem(issuer)),
    "the public key without its last line break": lambda issuer: _hmac(issuer, _pem(issuer).strip()),
    "the public key in another form": lambda issuer: _hmac(issuer, _pem(issuer, PublicFormat.PKCS1)),
    "the published modulus as a shared secret": lambda issuer: _hmac(issuer, issuer.signer.public()["n"].encode()),
    "an empty shared secret": lambda issuer: _hmac(issuer, b""),
    "the id of another's key": _own_key,
    "an unknown id": lambda issuer: issuer.signer.sign(issuer.claims(), kid="unknown"),
    "an id that is a path": lambda issuer: _own_key(issuer, kid="../../../../dev/null"),
    "an id that is a query": lambda issuer: _own_key(issuer, kid="first' OR '1'='1"),
    "an id that is no text": lambda issuer: issuer.signer.sign(issuer.claims(), kid=7),
    "no id, and a key of its own": lambda issuer: _own_key(issuer, kid=...),
    "a key inside": lambda issuer: _own_key(issuer, jwk=STRANGER.public()),
    "a link to keys": lambda issuer: _own_key(issuer, jku="http://127.0.0.1:9/keys"),
    "a link to certificates": lambda issuer: _own_key(issuer, x5u="http://127.0.0.1:9/certificate", x5c=["AA"]),
    "a key of another kind": lambda issuer: EC.sign(issuer.claims()),
    "another algorithm of the same key": lambda issuer: Signer("PS256").sign(issuer.claims()),
    "an algorithm that is a list": lambda issuer: issuer.signer.sign(issuer.claims(), alg=["RS256"]),
    "an algorithm that is an object": lambda issuer: issuer.signer.sign(issuer.claims(), alg={"RS256": 1}),
    "an algorithm with a blank": lambda issuer: issuer.signer.sign(issuer.claims(), alg="RS256 "),
    "no algorithm at all": lambda issuer: issuer.signer.sign(issuer.claims(), alg=...),
    "an id token of a logout": lambda issuer: issuer.signer.sign(issuer.claims(), typ="logout+jwt"),
    "a proof of possession": lambda issuer: issuer.signer.sign(issuer.claims(), typ="dpop+jwt"),
    "a type that is no text": lambda issuer: issuer.signer.sign(issuer.claims(), typ=["JWT"]),
    "a critical extension": lambda issuer: issuer.signer.sign(issuer.claims(), crit=["exp"], exp=1),
    "an unencoded payload": lambda issuer: issuer.signer.sign(issuer.claims(), crit=["b64"], b64=False),
    "other claims": lambda issuer: ".".join(
        (_parts(issuer)[0], encoded(issuer.claims(scope="connectors:admin")), _parts(issuer)[2])
    ),
    "another header": lambda issuer: ".".join(
        (encoded({"alg": "RS256", "kid": "first", "typ": "JWT", "x": 1}), *_parts(issuer)[1:])
    ),
    "a changed signature": lambda issuer: issuer.token()[:-8] + "AAAAAAAA",
    "a cut signature": lambda issuer: issuer.token()[:-4],
    "a longer signature": lambda issuer: issuer.token() + "AAAA",
    "padding": lambda issuer: issuer.token() + "==",
    "a blank inside": lambda issuer: issuer.token().replace(".", ". "),
    "four parts": lambda issuer: issuer.token() + ".AA",
    "five parts": lambda issuer: f"{encoded({'alg': 'RSA-OAEP', 'enc': 'A256GCM'})}.AA.AA.AA.AA",
    "a header that is no object": lambda issuer: f"{encoded([])}.{encoded(issuer.claims())}.AA",
    "a header of endless depth": lambda issuer: f"{encoded('[' * 9000)}.AA.AA",
    "claims that are no object": lambda issuer: issuer.signer.sealed(f"{_parts(issuer)[0]}.{encoded([AUDIENCE])}"),
    "claims that are no JSON": lambda issuer: issuer.signer.sealed(f"{_parts(issuer)[0]}.{encoded('{')}"),
    "claims of endless depth": lambda issuer: issuer.signer.sealed(f"{_parts(issuer)[0]}.{encoded('[' * 9000)}"),
    "an audience named twice": lambda issuer: issuer.signer.sealed(
        f"{_parts(issuer)[0]}.{_with_another_audience(issuer)}"
    ),
    "a token of another standard": lambda _: base64.b64encode(b"user:password").decode(),
    "one part": lambda _: "opaque",
    "a huge token": lambda issuer: issuer.token(padding="x" * MAX_TOKEN_LENGTH),
}


REFUSALS = (
    "The access token is not valid.",
    "The access token is not a JWT of at most 16 KiB.",
    "The access token is for another audience.",
)


@pytest.mark.parametrize("name", FORGERIES)
async def test_a_forgery_is_refused_in_few_words_that_quote_nothing(presented: Scene, name: str) -> None:
    assert str(await presented.turned(FORGERIES[name](presented.issuer))) in REFUSALS


async def test_links_in_a_token_are_never_followed(presented: Scene) -> None:
    with issuing(STRANGER) as other:
        for link in ("jku", "x5u"):
            await presented.turned(_own_key(presented.issuer, **{link: f"{other.url}/keys"}))
        assert other.asked == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["alg", "kid", "typ", "crit", "b64", "iss", "aud", "sub", "exp", "nbf", "iat", "jti", "scope", "cnf"]
)
CHANGES = st.dictionaries(NAMES, JSON, max_size=4)


@given(header=CHANGES, claims=CHANGES)
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_a_token_holds_it_is_let_in_or_turned_away(presented: Scene, header: Json, claims: Json) -> None:
    with suppress(Turned):
        identity = await presented.sent(presented.issuer.signer.sign({**presented.issuer.claims(), **claims}, **header))
        assert identity.scopes is not None
        assert "cnf" not in claims


@given(st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=200))
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_a_header_holds_is_let_in_or_turned_away(presented: Scene, text: str) -> None:
    with pytest.raises(Turned):
        await presented.tokens(Headers(raw=[(b"authorization", f"Bearer {text}".encode("latin-1"))]))
