"""Access tokens in memory, never on disk, kept until shortly before they end. How to get one is another room's."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from mcp_server.embedded.storage.documents import NotTheDocument, json_object
from mcp_server.redaction import Secret, reveal_text

Credentials = Sequence["str | Secret"]

_CAPACITY = 256
_MARGIN_SECONDS = 300
_LONGEST_SECONDS = 3600


@dataclass(frozen=True, repr=False)
class Token:
    """A bearer token and when, on the monotonic clock, to get another."""

    text: str
    renew_at: float

    @classmethod
    def issued(cls, body: bytes) -> Token:
        """The token of a token endpoint's answer.

        Raises NotTheDocument.
        """
        grant = json_object(body)
        text, seconds = grant.get("access_token"), grant.get("expires_in", 0)
        if not isinstance(text, str) or not text.isascii() or not text.isprintable() or " " in text or not text:
            raise NotTheDocument
        lasting = min(max(seconds, 0), _LONGEST_SECONDS) if isinstance(seconds, int) else 0
        return cls(text, monotonic() + lasting - min(_MARGIN_SECONDS, lasting / 2))


class Tokens:
    """A bounded cache by credentials, of which it holds only a keyed digest; the oldest token gives way."""

    def __init__(self) -> None:
        self._tokens: dict[bytes, Token] = {}
        self._digest_key = secrets.token_bytes(32)

    def _digest(self, credentials: Credentials) -> bytes:
        parts = [reveal_text(part) if isinstance(part, Secret) else part for part in credentials]
        return hmac.digest(self._digest_key, "\0".join(parts).encode(errors="surrogatepass"), "sha256")

    async def get(self, credentials: Credentials, fetch: Callable[[], Awaitable[Token]]) -> str:
        """The cached token, or a fetched one."""
        digest = self._digest(credentials)
        token = self._tokens.get(digest)
        if token is None or token.renew_at <= monotonic():
            token = await fetch()
            self._tokens.pop(digest, None)
            self._tokens[digest] = token
            if len(self._tokens) > _CAPACITY:
                del self._tokens[next(iter(self._tokens))]
        return token.text

    def forget(self, credentials: Credentials) -> None:
        """Drop a token, for it was refused."""
        self._tokens.pop(self._digest(credentials), None)
