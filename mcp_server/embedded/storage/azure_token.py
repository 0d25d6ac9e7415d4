"""Microsoft Entra ID's tokens: the client-credentials grant of an application, and what its AADSTS codes mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from mcp_server.embedded.storage import faults
from mcp_server.embedded.storage.accounts import AzureAccount
from mcp_server.embedded.storage.bearer import granted
from mcp_server.embedded.storage.documents import NotTheDocument, json_object
from mcp_server.embedded.storage.exchange import Answer, Exchange
from mcp_server.embedded.storage.faults import StorageFault
from mcp_server.embedded.storage.tokens import Token
from mcp_server.redaction import reveal_text
from mcp_server.settings import Settings

_AUTHORITY = "https://login.microsoftonline.com"
_SCOPE = "https://storage.azure.com/.default"
_CAUSES: Mapping[str, faults.Cause] = {
    "AADSTS50059": faults.tenant_unknown,
    "AADSTS90002": faults.tenant_unknown,
    "AADSTS90023": faults.tenant_unknown,
    "AADSTS900021": faults.tenant_unknown,
    "AADSTS900023": faults.tenant_unknown,
    "AADSTS700016": faults.key_unknown,
    "AADSTS7000112": faults.key_unknown,
    "AADSTS7000215": faults.secret_refused,
    "AADSTS7000222": faults.secret_expired,
    "AADSTS700024": faults.clock_skew,
}


def _code(error: Mapping[str, Any]) -> str:
    """The AADSTS code of an error answer, which stands first in its prose."""
    match = re.match(r"AADSTS\d{4,9}", str(error.get("error_description")))
    return match[0] if match else ""


def _fault(answer: Answer, place: faults.Place) -> StorageFault:
    try:
        code = _code(json_object(answer.body))
    except NotTheDocument:
        code = ""
    refusal = faults.Refusal(place, "list", answer.status, code)
    cause = _CAUSES.get(code)
    return cause(refusal) if cause else faults.fault_of_token(refusal)


async def fetch_token(exchange: Exchange, account: AzureAccount, settings: Settings, place: faults.Place) -> Token:
    """A new token for the storage service.

    Raises StorageFault.
    """
    endpoint = f"{settings.azure_authority_host or _AUTHORITY}/{account.tenant_id}/oauth2/v2.0/token"
    form = {
        "grant_type": "client_credentials",
        "client_id": account.client_id,
        "client_secret": reveal_text(account.client_secret),
        "scope": _SCOPE,
    }
    return await granted(exchange, endpoint, form, partial(_fault, place=place))
