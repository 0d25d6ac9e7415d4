"""How often a caller may call, and an address may guess: counted in this process, for 10,000 of each at a time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from ipaddress import IPv6Address, IPv6Network, ip_address

from starlette.datastructures import Headers
from throttled import MemoryStore, RateLimiterType, RateLimitState, Throttled, per_min

from mcp_server.http_server.identity import Authenticate, Identity, Turned

WRONG_PER_MINUTE = 60
COUNTED = 10_000


def _limit(per_minute: int) -> Throttled | None:
    """So many at once, then evenly over the minute. Whoever was counted longest ago gives way; 0 is no limit."""
    if not per_minute:
        return None
    # Not the memory storage of `limits`: it goes through all of its counters at every hit, and keeps any number.
    store = MemoryStore(options={"MAX_SIZE": COUNTED})
    return Throttled(using=RateLimiterType.GCRA.value, quota=per_min(per_minute), store=store)


def _turned(message: str, state: RateLimitState) -> Turned:
    # All calls are free again after `reset_after`; one is long before. In a peek the library's `retry_after` is wrong.
    seconds = state.reset_after - 60 + 60 / state.limit
    return Turned(429, "rate_limited", message, retry_after=max(1, math.ceil(round(seconds, 3))))


def _too_many_guesses(state: RateLimitState) -> Turned:
    return _turned("Too many wrong credentials came from this address.", state)


def network_of(address: str) -> str:
    """What one host is known by: an IPv4 address, the /64 network of an IPv6 one, any other text as it is."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or IPv6Network((parsed, 64), strict=False))


class RateLimits:
    """Limits by the minute, each 0 for none: calls of one caller, and wrong credentials from one address.

    From an address with too many of those, credentials that somebody must be asked about are not even looked at;
    whoever was let in of late is let in all the same.
    """

    def __init__(self, calls: int, wrong_credentials: int = WRONG_PER_MINUTE) -> None:
        self._calls = _limit(calls)
        self._wrong = _limit(wrong_credentials)
        self._asked = Counter[str]()

    async def admitted(self, address: str, authenticate: Authenticate, headers: Headers) -> Identity:
        """Who sent a request with these headers from this address, and may call now.

        Raises Turned.
        """
        network = network_of(address)
        with self._guessing(network, is_stranger=authenticate.is_stranger(headers)):
            identity = await authenticate(headers)
        self.check(identity.caller)
        return identity

    def check(self, caller: str) -> None:
        """Count a call.

        Raises Turned (429) when it is one too many.
        """
        result = self._calls and self._calls.limit(caller)
        if result and result.limited:
            raise _turned("Too many calls in a short time.", result.state)

    @contextmanager
    def _guessing(self, network: str, *, is_stranger: bool) -> Generator[None]:
        """While somebody is asked about a stranger's credentials they count as wrong ones, and after all but a yes.

        Raises Turned (429) at once when there were too many.
        """
        state = self._wrong and is_stranger and self._wrong.peek(network)
        if state and state.remaining - self._asked[network] < 1:
            raise _too_many_guesses(state)
        guess = Counter([network] if is_stranger else ())
        self._asked += guess
        try:
            yield
        except Turned as turned:
            if is_stranger or turned.is_wrong_guess:
                self._count_guess(network)
            raise
        finally:
            self._asked -= guess  # which forgets whom nothing is left of

    def _count_guess(self, network: str) -> None:
        result = self._wrong and self._wrong.limit(network)
        if result and result.limited:
            raise _too_many_guesses(result.state)
