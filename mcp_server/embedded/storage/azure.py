"""Azure Blob Storage: its requests, answers and error codes. Tokens are another room's."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from email.utils import parsedate_to_datetime
from urllib.parse import quote, unquote, urlencode, urlsplit
from xml.etree.ElementTree import Element

from mcp_server.embedded.storage import faults
from mcp_server.embedded.storage.accounts import AzureAccount
from mcp_server.embedded.storage.azure_token import fetch_token
from mcp_server.embedded.storage.bearer import Bearer
from mcp_server.embedded.storage.documents import NotTheDocument, text_of, xml
from mcp_server.embedded.storage.exchange import LISTING_BYTES, Answer, Exchange, Message, split_endpoint
from mcp_server.embedded.storage.objects import Action, Page, checked, utc_from_http_date
from mcp_server.embedded.storage.tokens import Tokens
from mcp_server.file_pages import Columns
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
_SURROGATES = "\ud800"
_PASSING = {("read", "InvalidRange"), ("delete", "BlobNotFound")}


def _name(blob: Element) -> str:
    name = blob.find("Name")
    if name is None:
        raise NotTheDocument
    text = name.text or ""
    return unquote(text, errors="strict") if name.get("Encoded") == "true" else text


def _is_directory(blob: Element) -> bool:
    """Whether the blob is a directory of a hierarchical account, or stands for one by Hadoop's mark."""
    marks = [entry.text for entry in blob.iterfind("Metadata/*") if entry.tag.lower() == "hdi_isfolder"]
    return blob.findtext("Properties/ResourceType") == "directory" or "true" in marks


def _is_plain(names: Sequence[str]) -> bool:
    """Whether the names come in one order by code point and by what else an account may compare."""
    return all(map(str.isascii, names)) or max("".join(names)) < _SURROGATES


def _page(answer: Answer, start_after: str) -> Page:
    """Raises ValueError for an answer that is no listing. Directories are no objects."""
    listing = xml(answer.body, "EnumerationResults")
    named = [(_name(blob), blob) for blob in listing.findall("Blobs/Blob") if not _is_directory(blob)]
    blobs = [(name, blob) for name, blob in named if name > start_after]
    files = Columns(
        [name for name, _ in blobs],
        [int(text_of(blob, "Properties/Content-Length")) for _, blob in blobs],
        [utc_from_http_date(text_of(blob, "Properties/Last-Modified")) for _, blob in blobs],
        [blob.findtext("Properties/Content-Type") or None for _, blob in blobs],
    )
    folders = [_name(folded) for folded in listing.findall("Blobs/BlobPrefix")]
    # Such an account, whose blobs have a resource type, lists `a/b` before `a-b`.
    hierarchical = listing.find("Blobs/*/Properties/ResourceType") is not None
    return Page(
        checked(files),
        folders,
        text_of(listing, "NextMarker"),
        not hierarchical and _is_plain([*files.paths, *folders]),
    )


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

    starts_anywhere = False

    def __init__(self, exchange: Exchange, tokens: Tokens, account: AzureAccount, settings: Settings) -> None:
        endpoint = settings.azure_endpoint
        location = f"{endpoint}/{account.storage_account}" if endpoint else ""
        self._origin, base = split_endpoint(location or f"https://{account.storage_account}.blob.core.windows.net")
        self._path = f"{base}/{account.container}"
        self.host = urlsplit(self._origin).hostname or ""
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

    async def list_page(
        self, prefix: str, *, delimiter: str = "", start_after: str = "", mark: str = "", most: int = 1000
    ) -> Page:
        """A page of List Blobs, which can not start in the middle: what comes before is dropped here."""
        given = {"prefix": prefix, "delimiter": delimiter, "marker": mark}
        query = {"restype": "container", "comp": "list", "include": "metadata", "maxresults": str(most)}
        query |= {name: value for name, value in given.items() if value}
        target = f"{self._path}?{urlencode(query, quote_via=quote)}"
        answer = await self._send("list", Message("GET", self._origin, target, body_limit=LISTING_BYTES))
        try:
            return _page(answer, start_after)
        except ValueError:
            raise faults.unexpected_answer(self.host, "an Azure Blob Storage listing") from None

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
