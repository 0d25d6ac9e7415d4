"""Azure Blob Storage: its requests, answers and error codes. Tokens are another room's."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from email.utils import parsedate_to_datetime
from urllib.parse import quote, unquote, urlencode
from xml.etree.ElementTree import Element

from mcp_server.embedded.storage import faults
from mcp_server.embedded.storage.accounts import AzureAccount
from mcp_server.embedded.storage.azure_token import fetch_token
from mcp_server.embedded.storage.bearer import Bearer
from mcp_server.embedded.storage.documents import NotTheDocument, text_of, xml
from mcp_server.embedded.storage.exchange import LISTING_BYTES, Answer, Exchange, Message, split_endpoint
from mcp_server.embedded.storage.objects import Action, Pages, StoredObject, utc_from_http_date
from mcp_server.embedded.storage.paging import Page, paged
from mcp_server.embedded.storage.tokens import Tokens
from mcp_server.settings import Settings

# From 2021-02-12 on a listing encodes the names that XML can not hold.
_VERSION = "2021-12-02"
_TOLERATED_SKEW_SECONDS = 300
_READER, _CONTRIBUTOR = "the role Storage Blob Data Reader", "the role Storage Blob Data Contributor"
_PERMISSIONS: Mapping[Action, str] = {"list": _READER, "read": _READER, "write": _CONTRIBUTOR, "delete": _CONTRIBUTOR}
_CAUSES: Mapping[str, faults.Cause] = {
    "AuthenticationFailed": faults.token_refused,
    "BlobArchived": faults.object_archived,
    "BlobNotFound": faults.object_not_found,
    "ContainerNotFound": faults.bucket_not_found,
    "InvalidAuthenticationInfo": faults.token_refused,
    "ServerBusy": faults.throttled,
}
_PASSING = {("read", "InvalidRange"), ("delete", "BlobNotFound")}


def _name(blob: Element) -> str:
    name = blob.find("Name")
    if name is None:
        raise NotTheDocument
    text = name.text or ""
    return unquote(text, errors="strict") if name.get("Encoded") == "true" else text


def _stored_object(blob: Element) -> StoredObject:
    return StoredObject(
        key=_name(blob),
        size=int(text_of(blob, "Properties/Content-Length")),
        last_modified=utc_from_http_date(text_of(blob, "Properties/Last-Modified")),
        content_type=blob.findtext("Properties/Content-Type") or None,
    )


def _is_directory(blob: Element) -> bool:
    """Whether the blob is a directory of a hierarchical account, or stands for one by Hadoop's mark."""
    marks = [entry.text for entry in blob.iterfind("Metadata/*") if entry.tag.lower() == "hdi_isfolder"]
    return blob.findtext("Properties/ResourceType") == "directory" or "true" in marks


def _page(answer: Answer) -> Page:
    """Raises ValueError for an answer that is no listing. Directories are no objects."""
    listing = xml(answer.body, "EnumerationResults")
    blobs = [blob for blob in listing.findall("Blobs/Blob") if not _is_directory(blob)]
    return [_stored_object(blob) for blob in blobs], text_of(listing, "NextMarker")


def _error_code(answer: Answer) -> str:
    header = faults.known_code(answer.headers.get("x-ms-error-code"))
    try:
        return header or faults.known_code(xml(answer.body, "Error").findtext("Code"))
    except NotTheDocument:
        return ""


def _clock_differs(answer: Answer) -> bool:
    """Whether the answer's own time is far from ours."""
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except ValueError:
        return False
    return abs(theirs - time.time()) > _TOLERATED_SKEW_SECONDS


class AzureStorage:
    """One container of Azure Blob Storage."""

    def __init__(self, exchange: Exchange, tokens: Tokens, account: AzureAccount, settings: Settings) -> None:
        endpoint = settings.azure_endpoint
        location = f"{endpoint}/{account.storage_account}" if endpoint else ""
        self._origin, base = split_endpoint(location or f"https://{account.storage_account}.blob.core.windows.net")
        self._path = f"{base}/{account.container}"
        place = faults.Place(
            service="Azure",
            store=f'container "{account.container}"',
            identity="application",
            proof="client secret",
            permissions=_PERMISSIONS,
        )
        credentials = ("azure", account.tenant_id, account.client_id, account.client_secret)
        self._place = place
        self._bearer = Bearer(exchange, tokens, credentials, lambda: fetch_token(exchange, account, settings, place))

    def pages(self, prefix: str, delimiter: str = "", start_after: str = "") -> Pages:
        """Pages of List Blobs, which can not start in the middle: what comes before is dropped here."""
        query = {"prefix": prefix, "delimiter": delimiter}
        given = {name: value for name, value in query.items() if value}
        fixed = {"restype": "container", "comp": "list", "include": "metadata", "maxresults": "1000"}
        message = Message("GET", self._origin, self._path, body_limit=LISTING_BYTES)
        return paged(lambda mark: self._listed(message, fixed | given, start_after, mark), message.host)

    async def _listed(self, message: Message, query: Mapping[str, str], start_after: str, mark: str) -> Page:
        query = {**query, "marker": mark} if mark else query
        answer = await self._send(
            "list", replace(message, target=f"{message.target}?{urlencode(query, quote_via=quote)}")
        )
        try:
            objects, following = _page(answer)
        except ValueError:
            raise faults.unexpected_answer(message.host, "an Azure Blob Storage listing") from None
        return [stored for stored in objects if stored.key > start_after], following

    async def read_first_byte(self, key: str) -> bytes:
        """Get Blob with a range, which is refused for an empty blob."""
        message = replace(self._message("GET", key), headers={"Range": "bytes=0-0"}, body_limit=1)
        answer = await self._send("read", message)
        return answer.body if answer.succeeded else b""

    async def write(self, key: str, content: bytes) -> None:
        """Put Blob."""
        headers = {"x-ms-blob-type": "BlockBlob", "Content-Type": "application/octet-stream"}
        await self._send("write", replace(self._message("PUT", key), headers=headers, content=content))

    async def delete(self, key: str) -> None:
        """Delete Blob; one that is not there is deleted."""
        await self._send("delete", self._message("DELETE", key))

    def _message(self, method: str, key: str) -> Message:
        return Message(method, self._origin, f"{self._path}/{quote(key, safe='/~')}", retried=method == "GET")

    async def _send(self, action: Action, message: Message) -> Answer:
        answer = await self._bearer.answer(replace(message, headers={**message.headers, "x-ms-version": _VERSION}))
        code = "" if answer.succeeded else _error_code(answer)
        if answer.succeeded or (action, code) in _PASSING:
            return answer
        refusal = faults.Refusal(self._place, action, answer.status, code)
        if code == "AuthenticationFailed" and _clock_differs(answer):
            raise faults.clock_skew(refusal)
        raise faults.fault_of(refusal, _CAUSES)
