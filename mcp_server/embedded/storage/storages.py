"""Opens storages: the one client, the one cache of tokens and the operator's endpoints that all of them share."""

from __future__ import annotations

from mcp_server.embedded.storage.accounts import Account, AzureAccount, GcsAccount
from mcp_server.embedded.storage.azure import AzureStorage
from mcp_server.embedded.storage.exchange import Exchange, Limits
from mcp_server.embedded.storage.gcs import GcsStorage
from mcp_server.embedded.storage.objects import Storage
from mcp_server.embedded.storage.s3 import S3Storage
from mcp_server.embedded.storage.tokens import Tokens
from mcp_server.settings import Settings


class Storages:
    """All storages of a process, in one event loop. Nothing is connected before it is needed; `aclose` ends it."""

    def __init__(self, settings: Settings, limits: Limits | None = None) -> None:
        self._settings = settings
        self._exchange = Exchange(settings, limits or Limits())
        self._tokens = Tokens()

    async def aclose(self) -> None:
        """Close all connections and forget all tokens."""
        self._tokens = Tokens()
        await self._exchange.aclose()

    def open(self, account: Account) -> Storage:
        """The account's storage. Cheap: nothing is asked, so wrong credentials show at the first use."""
        if isinstance(account, GcsAccount):
            return GcsStorage(self._exchange, self._tokens, account, self._settings)
        if isinstance(account, AzureAccount):
            return AzureStorage(self._exchange, self._tokens, account, self._settings)
        return S3Storage(self._exchange, account, self._settings.s3_endpoint)
