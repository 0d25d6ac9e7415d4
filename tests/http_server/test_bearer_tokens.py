"""Which access tokens are let in, and what they grant."""

from __future__ import annotations

import time
from typing import Any

import pytest
from starlette.datastructures import Headers

from mcp_server.http_server.bearer_tokens import MAX_TOKEN_LENGTH, BearerTokens
from mcp_server.http_server.identity import MISSING, Turned
from tests.http_server.issuing import AUDIENCE, Issuer, Json, Signer, issuing, plain_client, private_key
from tests.http_server.presenting import Scene

pytestmark = pytest.mark.anyio


async def test_a_token_of_the_issuer_for_this_server_is_let_in(presented: Scene) -> None:
    identity = await presented.sent(presented.issuer.token())
    assert (identity.scopes, identity.api_key) == (frozenset({"read"}), None)
    assert not presented.tokens.is_stranger(Headers())


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
async def test_every_algorithm_of_rsa_keys_is_taken(algorithm: str) -> None:
    signer = Signer(algorithm)
    with issuing(signer) as issuer:
        issuer.publish(signer.public(alg=...))
        async with plain_client() as http:
            assert await Scene(issuer, http).sent(issuer.token())


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512", "EdDSA"])
async def test_every_algorithm_of_elliptic_curves_is_taken(algorithm: str) -> None:
    with issuing(Signer(algorithm, "first", private_key(algorithm))) as issuer:
        async with plain_client() as http:
            assert await Scene(issuer, http).sent(issuer.token())


@pytest.mark.parametrize("slash", ["", "/"])
async def test_the_issuer_may_be_written_with_a_slash_anywhere(presented: Scene, slash: str) -> None:
    assert await presented.sent(presented.issuer.token(iss=presented.issuer.url + slash))
    async with plain_client() as http:
        tokens = BearerTokens(f"{presented.issuer.url}{slash}", AUDIENCE, http)
        assert await tokens(Headers({"authorization": f"bearer {presented.issuer.token()}"}))


@pytest.mark.parametrize("audience", [AUDIENCE, [AUDIENCE], ["https://other.example", AUDIENCE]])
async def test_the_audience_may_be_one_of_several(presented: Scene, audience: Any) -> None:
    assert await presented.sent(presented.issuer.token(aud=audience))


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", ...])
async def test_a_token_may_call_itself_a_jwt_or_an_access_token(presented: Scene, typ: Any) -> None:
    assert await presented.sent(presented.issuer.signer.sign(presented.issuer.claims(), typ=typ))


async def test_clocks_may_differ_by_half_a_minute(presented: Scene) -> None:
    now = int(time.time())
    assert await presented.sent(presented.issuer.token(exp=now - 20, iat=now + 20, nbf=now + 20))
    assert await presented.sent(presented.issuer.token(iat=..., nbf=...))


GRANTS: list[tuple[Json, set[str]]] = [
    ({"scope": "connectors:read connectors:write connectors:admin"}, {"read", "write", "admin"}),
    ({"scope": "openid  connectors:write\tprofile"}, {"write"}),
    ({"scope": ["connectors:read", "email", 7, None]}, {"read"}),
    ({"scope": ..., "scp": "connectors:admin"}, {"admin"}),
    ({"scope": ..., "scp": ["connectors:read", "connectors:write"]}, {"read", "write"}),
    ({"scope": "connectors:read", "scp": "connectors:admin"}, {"read"}),
    ({"scope": ...}, set()),
    ({"scope": ""}, set()),
    ({"scope": None}, set()),
    ({"scope": 7}, set()),
    ({"scope": {"connectors:admin": 1}}, set()),
    ({"scope": "read write admin connectors connectors: connectors:* CONNECTORS:READ"}, set()),
    ({"scope": "connectors:readconnectors:write"}, set()),
    ({"scope": ..., "roles": ["connectors:admin"], "permissions": ["connectors:admin"]}, set()),
]


@pytest.mark.parametrize(("claims", "scopes"), GRANTS)
async def test_a_token_grants_what_it_names_and_nothing_else(presented: Scene, claims: Json, scopes: set[str]) -> None:
    assert (await presented.sent(presented.issuer.token(**claims))).scopes == frozenset(scopes)


async def test_callers_are_told_apart_by_whom_the_token_was_issued_to(presented: Scene) -> None:
    async def caller(**claims: Any) -> str:
        return (await presented.sent(presented.issuer.token(**claims))).caller

    assert await caller(jti="one", scope="") == await caller(jti="other", client_id="any")
    others: list[Json] = [{"sub": "other"}, {"sub": ..., "client_id": "person"}, {"sub": ..., "azp": "person"}]
    callers = {await caller(), *[await caller(**claims) for claims in others]}
    assert len(callers) == 4
    assert all(len(each) == 64 and "person" not in each for each in callers)
    assert await caller(sub="", client_id="person") == await caller(sub=..., client_id="person", azp="other")


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Basic abc"}, {"authorization": "Bearer "}, {"x-api-key": "k" * 20}]
)
async def test_without_a_token_the_caller_is_told_where_to_put_it(presented: Scene, headers: dict[str, str]) -> None:
    with pytest.raises(Turned, match="Send an access token as Authorization: Bearer") as caught:
        await presented.tokens(Headers(headers))
    assert (caught.value.status, caught.value.error, caught.value.is_wrong_guess) == (401, MISSING, False)


NOW = int(time.time())


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"exp": NOW - 3600}, "The access token has expired."),
        ({"exp": 0}, "The access token has expired."),
        ({"exp": -1e300}, "The access token has expired."),
        ({"aud": "https://other.example"}, "The access token is for another audience."),
        ({"aud": ["https://other.example"]}, "The access token is for another audience."),
        ({"aud": f"{AUDIENCE}/"}, "The access token is for another audience."),
        ({"aud": AUDIENCE[:-1]}, "The access token is for another audience."),
        ({"aud": {AUDIENCE: 1}}, "The access token is for another audience."),
        ({"aud": [AUDIENCE, 7]}, "The access token is for another audience."),
        ({"aud": ...}, "The access token is not valid."),
        ({"aud": []}, "The access token is not valid."),
        ({"exp": ...}, "The access token is not valid."),
        ({"exp": None}, "The access token is not valid."),
        ({"exp": "soon"}, "The access token is not valid."),
        ({"exp": float("inf")}, "The access token is not valid."),
        ({"exp": float("nan")}, "The access token is not valid."),
        ({"exp": [NOW + 300]}, "The access token is not valid."),
        ({"nbf": NOW + 3600}, "The access token is not valid."),
        ({"iat": NOW + 3600}, "The access token is not valid."),
        ({"iat": "now"}, "The access token is not valid."),
        ({"iss": ...}, "The access token is not valid."),
        ({"iss": None}, "The access token is not valid."),
        ({"iss": "https://login.example"}, "The access token is not valid."),
        ({"iss": ["https://login.example"]}, "The access token is not valid."),
        ({"sub": 7}, "The access token is not valid."),
        ({"sub": None}, "The access token is not valid."),
        ({"sub": ...}, "The access token names no subject and no client."),
        ({"sub": "", "client_id": ["person"]}, "The access token names no subject and no client."),
        ({"cnf": {"jkt": "x"}}, "The access token is bound to a key of its client, which cannot be checked here."),
    ],
)
async def test_a_token_that_does_not_hold_here_and_now_is_refused(presented: Scene, claims: Json, told: str) -> None:
    assert str(await presented.turned(presented.issuer.token(**claims))) == told


async def test_a_key_that_is_too_short_signs_nothing(presented: Scene) -> None:
    short = Signer("RS256", "short", private_key("RS256", 0, 1024))
    with issuing(short) as issuer:
        async with plain_client() as http:
            await Scene(issuer, http).turned(issuer.token())


async def test_a_token_of_16_kib_is_read(presented: Scene) -> None:
    room = MAX_TOKEN_LENGTH - len(presented.issuer.token(padding=""))
    assert await presented.sent(presented.issuer.token(padding="x" * (room * 3 // 4 - 2)))


async def test_without_keys_nobody_can_tell_and_the_caller_may_come_again(issuer: Issuer) -> None:
    async with plain_client() as http:
        tokens = BearerTokens(f"{issuer.url}/elsewhere", AUDIENCE, http)
        with pytest.raises(Turned) as caught:
            await tokens(Headers({"authorization": f"Bearer {issuer.token()}"}))
    assert (caught.value.status, caught.value.error, caught.value.retry_after) == (503, "issuer_unavailable", 10)
