"""Tokens are kept until shortly before they end, and not too many of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcp_server.embedded.storage.documents import NotTheDocument
from mcp_server.embedded.storage.tokens import Token, Tokens
from mcp_server.redaction import Secret

pytestmark = pytest.mark.anyio


class Clock:
    """A monotonic clock that tests move."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("mcp_server.embedded.storage.tokens.monotonic", clock)
    return clock


class Source:
    """Gives numbered tokens."""

    def __init__(self, expires_in: Any = 3599) -> None:
        self.given = 0
        self.expires_in = expires_in

    async def __call__(self) -> Token:
        self.given += 1
        grant = {"access_token": f"token-{self.given}", "expires_in": self.expires_in}
        return Token.issued(json.dumps(grant).encode())


@pytest.mark.parametrize(
    ("expires_in", "kept"),
    [(3599, 3299), (60, 30), (10**9, 3300), (0, 0), (-5, 0), ("3599", 0), (None, 0), (1e300, 0)],
)
async def test_a_token_is_kept_until_shortly_before_it_ends(expires_in: Any, kept: int, clock: Clock) -> None:
    tokens, source = Tokens(), Source(expires_in)
    await tokens.get("key", source)
    if kept:
        clock.now += kept - 1
        assert await tokens.get("key", source) == "token-1"
    clock.now += 1
    assert await tokens.get("key", source) == "token-2"


async def test_each_credentials_have_their_own_token() -> None:
    tokens, source = Tokens(), Source()
    assert [await tokens.get(key, source) for key in ("a", "b", "a")] == ["token-1", "token-2", "token-1"]


async def test_a_token_that_was_refused_is_forgotten() -> None:
    tokens, source = Tokens(), Source()
    await tokens.get("a", source)
    tokens.forget("a")
    tokens.forget("never-seen")
    assert await tokens.get("a", source) == "token-2"


async def test_the_oldest_token_gives_way() -> None:
    tokens, source = Tokens(), Source()
    for number in range(257):
        await tokens.get(str(number), source)
    assert await tokens.get("256", source) == "token-257"
    assert await tokens.get("0", source) == "token-258"


@pytest.mark.parametrize("text", ["", "a b", "line\nbreak", "\N{SNOWMAN}", None, 7])
def test_what_fits_no_header_is_no_token(text: object) -> None:
    with pytest.raises(NotTheDocument):
        Token.issued(json.dumps({"access_token": text}).encode())


def test_a_token_does_not_print_itself() -> None:
    assert "canary" not in repr(Token("canary", 0.0))


async def test_the_cache_holds_no_secret() -> None:
    tokens, secret = Tokens(), "canary-of-the-cache"
    await tokens.get(("azure", Secret(secret)), Source())
    assert await tokens.get(("azure", Secret(secret)), Source()) == "token-1"
    assert secret not in str(vars(tokens))
