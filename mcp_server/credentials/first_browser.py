"""The browser that opened a page first: the only one that may use it, known by a cookie of 256 random bits."""

from __future__ import annotations

import hashlib
import hmac
import secrets


def digest(text: str) -> bytes:
    """What is kept of a random text to know it again."""
    return hashlib.sha256(text.encode(errors="replace")).digest()


class FirstBrowser:
    """Nobody at first. The cookie itself is not kept."""

    def __init__(self) -> None:
        self._cookie = b""
        self._proof_key = secrets.token_bytes(32)

    @property
    def is_known(self) -> bool:
        return bool(self._cookie)

    def meet(self) -> str:
        """The cookie for the browser that comes first; to be called once."""
        cookie = secrets.token_urlsafe(32)
        self._cookie = digest(cookie)
        return cookie

    def sent(self, cookie: str) -> bool:
        """Whether the cookie is the one that it was given."""
        return hmac.compare_digest(self._cookie, digest(cookie))

    def proof(self, cookie: str) -> str:
        """What its form sends along to show that it is this page's form (against cross-site request forgery)."""
        return hmac.new(self._proof_key, cookie.encode(), hashlib.sha256).hexdigest()

    def proves(self, cookie: str, proof: str) -> bool:
        """Whether the proof is that of this page's form in this browser."""
        return hmac.compare_digest(self.proof(cookie).encode(), proof.encode(errors="replace"))
