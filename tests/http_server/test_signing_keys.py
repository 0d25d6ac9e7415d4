"""Which of an issuer's keys are used, and for which algorithms."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jwt.algorithms import get_default_algorithms

from mcp_server.http_server.issuer_documents import ALGORITHMS, IssuerFault, signing_keys
from tests.http_server.issuing import Json, Signer, private_key

RSA = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}


@pytest.mark.parametrize(
    ("kind", "algorithms"),
    [
        ("RS256", RSA),
        ("ES256", {"ES256"}),
        ("ES384", {"ES384"}),
        ("ES512", {"ES512"}),
        ("EdDSA", {"EdDSA"}),
    ],
)
def test_a_key_that_names_no_algorithm_is_for_all_that_fit(kind: str, algorithms: set[str]) -> None:
    keys = signing_keys({"keys": [Signer(kind, "one", private_key(kind)).public(alg=...)]})
    assert set(keys) == {("one", name) for name in algorithms}


def test_an_ed448_key_is_for_eddsa() -> None:
    assert set(signing_keys({"keys": [Signer("EdDSA", "one", private_key("Ed448")).public()]})) == {("one", "EdDSA")}


def test_the_algorithms_are_all_of_public_keys() -> None:
    assert set(ALGORITHMS) == {*RSA, "ES256", "ES384", "ES512", "EdDSA"}


@pytest.mark.parametrize(
    "changes",
    [
        {"use": "enc"},
        {"use": None},
        {"key_ops": ["encrypt"]},
        {"key_ops": "verify"},
        {"alg": "HS256"},
        {"alg": "none"},
        {"alg": "ES256"},
        {"alg": "RSA-OAEP"},
        {"alg": ["RS256"]},
        {"alg": None},
        {"kty": "oct"},
        {"kty": "EC"},
        {"kty": None},
        {"kty": ...},
        {"kty": ["RSA"]},
        {"crv": "P-256"},
        {"crv": ["P-256"]},
        {"n": ...},
        {"n": 7},
        {"n": None},
        {"n": "!"},
        {"n": ""},
        {"e": "AA"},
        {"e": {}},
        {"d": "AQAB"},
        {"d": None},
    ],
)
def test_a_key_that_is_none_for_signatures_is_left_out(changes: Json) -> None:
    usable = Signer("ES256", "usable", private_key("ES256")).public()
    assert list(signing_keys({"keys": [Signer().public(**changes), usable]})) == [("usable", "ES256")]


@pytest.mark.parametrize("kind", ["RS256", "ES256", "EdDSA"])
def test_a_private_key_that_was_published_signs_for_everybody_and_is_left_out(kind: str) -> None:
    whole = json.loads(get_default_algorithms()[kind].to_jwk(private_key(kind)))
    with pytest.raises(IssuerFault, match="no key"):
        signing_keys({"keys": [{**whole, "kid": "whole", "key_ops": ["verify"]}]})


def test_a_key_that_may_verify_is_taken() -> None:
    assert signing_keys({"keys": [Signer().public(key_ops=["verify"], use=...)]})


def test_a_secret_key_is_none_of_a_set() -> None:
    secret = {"kty": "oct", "k": "c2VjcmV0", "kid": "secret"}
    for algorithm in ("HS256", "RS256", ...):
        entry = {**secret, "alg": algorithm} if algorithm is not ... else secret
        with pytest.raises(IssuerFault, match="no key"):
            signing_keys({"keys": [entry, {**entry, "crv": "P-256"}, {**entry, "crv": "RSA"}]})


@pytest.mark.parametrize("keys", [..., None, {}, [], "keys", [None, 7, [], "key"], [{}]])
def test_a_set_without_keys_is_a_fault(keys: Any) -> None:
    with pytest.raises(IssuerFault, match="it has no key that signs tokens"):
        signing_keys({} if keys is ... else {"keys": keys})


def test_a_set_of_too_many_keys_is_a_fault() -> None:
    entries = [Signer(identifier=str(number)).public() for number in range(101)]
    assert len(signing_keys({"keys": entries[:100]})) == 100
    with pytest.raises(IssuerFault, match="more than 100 keys"):
        signing_keys({"keys": entries})


@pytest.mark.parametrize("identifier", [..., None, 7, ["first"]])
def test_a_key_without_an_id_has_none(identifier: Any) -> None:
    assert list(signing_keys({"keys": [Signer().public(kid=identifier)]})) == [(None, "RS256")]
