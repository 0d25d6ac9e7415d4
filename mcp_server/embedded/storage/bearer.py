"""Bearer tokens: asked for at a token endpoint, and sent with requests. A refused one is renewed once, not again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from mcp_server.embedded.storage.documents import NotTheDocument
from mcp_server.embedded.storage.exchange import TOKEN_BYTES, Answer, Exchange, Message, deadline, split_endpoint
from mcp_server.embedded.storage.faults import StorageFault, unexpected_answer
from mcp_server.embedded.storage.tokens import Credentials, Token, Tokens

_UNAUTHORIZED = 401


async def granted(
    exchange: Exchange, endpoint: str, form: Mapping[str, str], refused: Callable[[Answer], StorageFault]
) -> Token:
    """A new token for what the form proves; `refused` says what an error answer means.

    Raises StorageFault.
    """
    origin, path = split_endpoint(endpoint)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    message = Message("POST", origin, path or "/", headers, urlencode(form).encode(), TOKEN_BYTES)
    answer = await exchange.answer(message)
    if not answer.succeeded:
        raise refused(answer)
    try:
        return Token.issued(answer.body)
    except NotTheDocument:
        raise unexpected_answer(message.host, "a token") from None


@dataclass(frozen=True)
class Bearer:
    """Sends messages as the holder of some credentials; `fetch` gets a token for them."""

    exchange: Exchange
    tokens: Tokens
    credentials: Credentials
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
