"""Tokens of an issuer, shown to what checks them. No test is here."""

from __future__ import annotations

import httpx
import pytest
from starlette.datastructures import Headers

from mcp_server.http_server.bearer_tokens import BearerTokens
from mcp_server.http_server.identity import Identity, Turned
from tests.http_server.issuing import AUDIENCE, Issuer


class Scene:
    """An issuer, and what checks its tokens."""

    def __init__(self, issuer: Issuer, http: httpx.AsyncClient) -> None:
        self.issuer = issuer
        self.tokens = BearerTokens(issuer.url, AUDIENCE, http)

    async def sent(self, token: str) -> Identity:
        return await self.tokens(Headers({"Authorization": f"Bearer {token}"}))

    async def turned(self, token: str) -> Turned:
        """How the token is refused: as one that is not valid."""
        with pytest.raises(Turned) as caught:
            await self.sent(token)
        assert (caught.value.status, caught.value.error, caught.value.is_wrong_guess) == (401, "invalid_token", True)
        assert caught.value.__cause__ is None
        return caught.value
