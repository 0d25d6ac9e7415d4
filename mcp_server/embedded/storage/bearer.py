"""Requests with a bearer token. A refused token is renewed once; then the refusal is the answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, replace

from mcp_server.embedded.storage.exchange import Answer, Exchange, Message, deadline
from mcp_server.embedded.storage.tokens import Token, Tokens

_UNAUTHORIZED = 401


@dataclass(frozen=True)
class Bearer:
    """Sends messages as the holder of some credentials; `fetch` gets a token for them."""

    exchange: Exchange
    tokens: Tokens
    credentials: Hashable
    fetch: Callable[[], Awaitable[Token]]

    async def answer(self, message: Message) -> Answer:
        """The answer, whatever its status; token and all within the limits' total.

        Raises StorageFault when no token or no answer comes.
        """
        with deadline(message.host, self.exchange.limits.total):
            answer = await self._authorized(message)
            if answer.status == _UNAUTHORIZED:
                self.tokens.forget(self.credentials)
                answer = await self._authorized(message)
            return answer

    async def _authorized(self, message: Message) -> Answer:
        token = await self.tokens.get(self.credentials, self.fetch)
        headers = {**message.headers, "Authorization": f"Bearer {token}"}
        return await self.exchange.answer(replace(message, headers=headers))
