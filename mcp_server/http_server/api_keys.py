"""Callers with an API key of their own: the API says whether it is good, and that is remembered for a short while.

No key is remembered: what is known of one is found by its digest, made with a key of this process.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from cachetools import TTLCache
from starlette.datastructures import Headers

from mcp_server.errors import ApiRefused, ConnectorError
from mcp_server.http_server.identity import MISSING, Identity, Turned, bearer
from mcp_server.http_server.single_flight import SingleFlight
from mcp_server.redaction import Secret, reveal_text
from mcp_server.setting_rules import RuleBroken, api_key

GOOD_SECONDS = 60
BAD_SECONDS = 10
FAMILIAR_SECONDS = 3600
REMEMBERED = 10_000
RETRY_SECONDS = 5
ROW_SCOPES = frozenset({"read", "write", "admin"})

Validate = Callable[[Secret], Awaitable["frozenset[str] | None"]]
Refusal = Callable[[], Turned]


@dataclass(frozen=True)
class _Verdict:
    """What the API said of a key."""

    scopes: frozenset[str] | None = None
    refusal: Refusal | None = None


def _wrong() -> Turned:
    return Turned(401, "invalid_api_key", "The API does not accept this API key.")


def _unknown() -> Turned:
    message = "Whether the API key is good cannot be found out at the moment. Try again later."
    return Turned(503, "api_unavailable", message, retry_after=RETRY_SECONDS)


def _busy() -> Turned:
    message = "The API is asked too often with this key. Try again later."
    return Turned(429, "rate_limited", message, retry_after=RETRY_SECONDS)


_REFUSALS: dict[int, Refusal] = {401: _wrong, 403: _wrong, 429: _busy}


def _sent_key(headers: Headers) -> Secret:
    text = headers.get("x-api-key") or bearer(headers)
    if not text:
        raise Turned(401, MISSING, "Send your API key in the header X-API-Key, or as Authorization: Bearer.")
    try:
        return api_key(text)
    except RuleBroken as rule:
        raise Turned(401, "invalid_api_key", f"The API key must be {rule}.") from None


class ApiKeys:
    """Authenticates by X-API-Key or, without one, by Authorization.

    `validate` asks the API about a key: it returns the key's scopes, or None when the API does not tell them. It raises
    ApiRefused (401) for a key that is not good, another ConnectorError when that cannot be found out, or Turned, which
    is passed on. An answer is remembered for 60 s when the key is good and 10 s when it is not, of 10,000 keys each.
    """

    def __init__(self, validate: Validate, clock: Callable[[], float] = time.monotonic) -> None:
        self._validate = validate
        self._digest_key = secrets.token_bytes(32)
        # Apart, so that any number of wrong keys pushes out none that is good.
        self._good = TTLCache[str, _Verdict, float](REMEMBERED, GOOD_SECONDS, timer=clock)
        self._bad = TTLCache[str, _Verdict, float](REMEMBERED, BAD_SECONDS, timer=clock)
        self._familiar = TTLCache[str, bool, float](REMEMBERED, FAMILIAR_SECONDS, timer=clock)
        self._asking = SingleFlight[_Verdict]()

    async def __call__(self, headers: Headers, /) -> Identity:
        """The caller, known by the digest of its key."""
        key = _sent_key(headers)
        caller = self._digest(key)
        verdict = self._remembered(caller) or await self._asking.outcome(caller, partial(self._ask, caller, key))
        if verdict.refusal is not None:
            raise verdict.refusal()
        return Identity(caller, verdict.scopes, key)

    def is_stranger(self, headers: Headers, /) -> bool:
        """Whether the API must be asked about this key, and did not call it good within the hour."""
        try:
            caller = self._digest(_sent_key(headers))
        except Turned:
            return False
        return caller not in self._familiar and self._remembered(caller) is None

    def _digest(self, key: Secret) -> str:
        return hmac.digest(self._digest_key, reveal_text(key).encode("ascii"), "sha256").hex()

    def _remembered(self, caller: str) -> _Verdict | None:
        return self._good.get(caller) or self._bad.get(caller)

    async def _ask(self, caller: str, key: Secret) -> _Verdict:
        verdict = await self._verdict(key)
        if verdict.refusal is None:
            self._good[caller] = verdict
            self._familiar[caller] = True
        elif verdict.refusal is _wrong:
            self._bad[caller] = verdict
            self._familiar.pop(caller, None)
        return verdict

    async def _verdict(self, key: Secret) -> _Verdict:
        try:
            scopes = await self._validate(key)
        except ApiRefused as error:
            return _Verdict(refusal=_REFUSALS.get(error.status, _unknown))
        except ConnectorError:
            return _Verdict(refusal=_unknown)
        except Turned as turned:
            again = partial(Turned, turned.status, turned.error, turned.message, retry_after=turned.retry_after)
            return _Verdict(refusal=again)
        return _Verdict(None if scopes is None else scopes & ROW_SCOPES)
