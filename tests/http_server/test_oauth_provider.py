"""Tokens of a real OpenID provider, a process of its own: let in, refused, and its keys replaced while it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from starlette.datastructures import Headers

from mcp_server.http_server.bearer_tokens import BearerTokens
from mcp_server.http_server.identity import Identity, Turned
from tests.emulators.openid import ALGORITHMS, OpenIdProvider, openid_provider
from tests.http_server.clocks import Clock
from tests.http_server.issuing import AUDIENCE, plain_client

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    with openid_provider().running() as provider:
        yield provider


class Server:
    """What checks tokens, on a clock that tests move."""

    def __init__(self, provider: OpenIdProvider, http: httpx.AsyncClient) -> None:
        self.provider, self.clock = provider, Clock()
        self.tokens = BearerTokens(provider.issuer, AUDIENCE, http, self.clock)

    async def sent(self, token: str) -> Identity:
        return await self.tokens(Headers({"Authorization": f"Bearer {token}"}))

    async def turned(self, token: str) -> tuple[int, str]:
        with pytest.raises(Turned) as caught:
            await self.sent(token)
        return caught.value.status, caught.value.message


@pytest.fixture
async def server(provider: OpenIdProvider) -> AsyncIterator[Server]:
    async with plain_client() as http:
        yield Server(provider, http)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_token_for_this_server_is_let_in_with_its_scopes(server: Server, algorithm: str) -> None:
    identity = await server.sent(server.provider.token(AUDIENCE, "connectors:read connectors:write", algorithm))
    assert identity.scopes == frozenset({"read", "write"})
    again = await server.sent(server.provider.token(AUDIENCE, "connectors:admin", algorithm))
    assert (again.caller, again.scopes) == (identity.caller, frozenset({"admin"}))


async def test_a_token_without_scopes_grants_nothing(server: Server) -> None:
    assert (await server.sent(server.provider.token(AUDIENCE))).scopes == frozenset()


async def test_programs_are_told_apart(server: Server) -> None:
    callers = {(await server.sent(server.provider.token(AUDIENCE, client=name))).caller for name in ALGORITHMS}
    assert len(callers) == len(ALGORITHMS)


async def test_a_token_for_another_server_is_refused(server: Server) -> None:
    token = server.provider.token("https://other.example/mcp", "connectors:admin")
    assert await server.turned(token) == (401, "The access token is for another audience.")


async def test_an_opaque_token_is_refused(server: Server) -> None:
    token = server.provider.token(None, "connectors:admin")
    assert await server.turned(token) == (401, "The access token is not a JWT of at most 16 KiB.")


async def test_a_token_that_is_bound_to_a_key_of_its_client_is_no_bearer_token(server: Server) -> None:
    status, message = await server.turned(server.provider.token(AUDIENCE, proof=server.provider.proof()))
    assert (status, message.split(",")[0]) == (401, "The access token is bound to a key of its client")


async def test_a_token_of_another_provider_is_refused(server: Server) -> None:
    with openid_provider().running() as other:
        assert await server.turned(other.token(AUDIENCE, "connectors:admin")) == (401, "The access token is not valid.")


async def test_new_keys_are_taken_up_and_old_ones_go_out_of_use(server: Server) -> None:
    old = server.provider.token(AUDIENCE)
    await server.sent(old)
    server.provider.renew_keys(keep=1)
    new = server.provider.token(AUDIENCE)
    assert await server.turned(new) == (401, "The access token is not valid.")  # asked less than 10 s ago
    server.clock.now += 10
    await server.sent(new)
    await server.sent(old)
    server.provider.renew_keys()
    newest = server.provider.token(AUDIENCE)
    server.clock.now += 10
    await server.sent(newest)
    assert await server.turned(old) == await server.turned(new) == (401, "The access token is not valid.")


async def test_tokens_are_checked_while_the_provider_is_down_and_again_when_it_is_back() -> None:
    provider = openid_provider()
    async with plain_client() as http:
        server = Server(provider, http)
        with provider.running():
            token = provider.token(AUDIENCE)
            await server.sent(token)
        server.clock.now += 1800
        await server.sent(token)
        server.clock.now += 1800
        assert (await server.turned(token))[0] == 503
        with provider.running():
            server.clock.now += 10
            await server.sent(provider.token(AUDIENCE))
            assert (await server.turned(token))[0] == 401  # its key ended with the first process


async def test_at_the_start_a_provider_that_is_down_is_waited_for() -> None:
    provider = openid_provider()
    async with plain_client() as http:
        server = Server(provider, http)
        with provider.running():
            token = provider.token(AUDIENCE)
        assert (await server.turned(token))[0] == 503
