"""An issuer's keys, remembered for a while, and asked for again when a token names one that is not among them."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

import anyio
import httpx
from jwt import PyJWK

from mcp_server.http_server.issuer_documents import SECONDS, IssuerFault, Keys, fetch_keys

FRESH_SECONDS = 600
STALE_SECONDS = 3600
PAUSE_SECONDS = 10

_log = logging.getLogger(__name__)


class KeysUnavailable(Exception):
    """Whether the issuer has a key cannot be found out at the moment."""


class IssuerKeys:
    """Keys are fresh for 10 minutes, and used for an hour when the issuer cannot be asked.

    It is asked by one caller at a time, and left alone for 10 s after each answer or failure.
    """

    def __init__(
        self, issuer: str, http: httpx.AsyncClient, clock: Callable[[], float], seconds: float = SECONDS
    ) -> None:
        self._issuer = issuer
        self._http = http
        self._clock = clock
        self._seconds = seconds
        self._asking = anyio.Lock()
        self._keys: Keys = {}
        self._fetched_at = self._asked_at = -math.inf
        self._failed = False

    async def find(self, identifier: str | None, algorithm: str) -> PyJWK | None:
        """The key of that id for that algorithm, or None when the issuer has none.

        Raises KeysUnavailable.
        """
        if self._age() >= FRESH_SECONDS and not (self._asking.locked() and self._age() < STALE_SECONDS):
            await self._refresh()
        key = self._known(identifier, algorithm)
        if key is None:
            await self._refresh()
            key = self._known(identifier, algorithm)
        if key is None and self._failed:
            raise KeysUnavailable
        return key

    def _age(self) -> float:
        return self._clock() - self._fetched_at

    def _known(self, identifier: str | None, algorithm: str) -> PyJWK | None:
        """By its id; a token without one means the only key that there is for the algorithm."""
        if self._age() >= STALE_SECONDS:
            return None
        if identifier is not None:
            return self._keys.get((identifier, algorithm))
        fitting = [key for (_, name), key in self._keys.items() if name == algorithm]
        return fitting[0] if len(fitting) == 1 else None

    async def _refresh(self) -> None:
        async with self._asking:
            if self._clock() - self._asked_at >= PAUSE_SECONDS:
                # To the end even if this caller goes away: the others wait for it, and the pause begins with it.
                with anyio.CancelScope(shield=True):
                    await self._fetch()

    async def _fetch(self) -> None:
        try:
            self._keys = await fetch_keys(self._http, self._issuer, self._seconds)
            self._fetched_at = self._clock()
            self._failed = False
        except IssuerFault as fault:
            _log.warning("The keys of the OAuth issuer cannot be had: %s.", fault)
            self._failed = True
        self._asked_at = self._clock()
