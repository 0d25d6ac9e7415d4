"""Real storage behind one seam: accounts are opened as storages, browsed and checked. No HTTP leaves it."""

from mcp_server.embedded.storage.access import AccessReport, check_access
from mcp_server.embedded.storage.accounts import Account, AzureAccount, GcsAccount, S3Account
from mcp_server.embedded.storage.browsing import Query, page, walk
from mcp_server.embedded.storage.exchange import Limits
from mcp_server.embedded.storage.faults import StorageFault
from mcp_server.embedded.storage.gcs_token import check_token_uri
from mcp_server.embedded.storage.objects import Storage
from mcp_server.embedded.storage.storages import Storages

__all__ = [
    "AccessReport",
    "Account",
    "AzureAccount",
    "GcsAccount",
    "Limits",
    "Query",
    "S3Account",
    "Storage",
    "StorageFault",
    "Storages",
    "check_access",
    "check_token_uri",
    "page",
    "walk",
]
