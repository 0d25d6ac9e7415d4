"""Google Cloud Storage by its JSON API: its requests, answers and errors. Tokens are another room's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from mcp_server.embedded.storage import faults
from mcp_server.embedded.storage.accounts import GcsAccount
from mcp_server.embedded.storage.bearer import Bearer
from mcp_server.embedded.storage.documents import NotTheDocument, json_object
from mcp_server.embedded.storage.exchange import LISTING_BYTES, Answer, Exchange, Message, split_endpoint
from mcp_server.embedded.storage.gcs_token import fetch_token
from mcp_server.embedded.storage.objects import Action, Page, checked, utc_from_iso
from mcp_server.embedded.storage.tokens import Tokens
from mcp_server.file_pages import Columns
from mcp_server.settings import Settings

_ENDPOINT = "https://storage.googleapis.com"
_FIELDS = "kind,nextPageToken,prefixes,items(name,size,updated,contentType)"
_PERMISSIONS: Mapping[Action, str] = {
    "list": "storage.objects.list",
    "read": "storage.objects.get",
    "write": "storage.objects.create",
    "delete": "storage.objects.delete",
}
_CAUSES: Mapping[str, faults.Cause] = {
    "rateLimitExceeded": faults.throttled,
    "userRateLimitExceeded": faults.throttled,
}
_NOT_FOUND = 404
_UNSATISFIABLE_RANGE = 416


def _page(answer: Answer, start_after: str) -> Page:
    """Raises ValueError, KeyError, TypeError or AttributeError for an answer that is no listing."""
    listing = json_object(answer.body)
    if listing.get("kind") != "storage#objects":
        raise NotTheDocument
    items: list[dict[str, Any]] = [item for item in listing.get("items", []) if item["name"] != start_after]
    files = Columns(
        [str(item["name"]) for item in items],
        [int(item["size"]) for item in items],
        [utc_from_iso(str(item["updated"])) for item in items],
        [str(item["contentType"]) if item.get("contentType") else None for item in items],
    )
    folders = [str(folder) for folder in listing.get("prefixes", [])]
    mark = str(listing.get("nextPageToken", ""))
    return Page(checked(files, *folders, mark), folders, mark)


def _error_code(answer: Answer) -> str:
    """The reason in an error answer, such as `forbidden`."""
    try:
        return faults.known_code(json_object(answer.body)["error"]["errors"][0]["reason"])
    except (ValueError, LookupError, TypeError):
        return ""


class GcsStorage:
    """One bucket of Google Cloud Storage."""

    starts_anywhere = True

    def __init__(self, exchange: Exchange, tokens: Tokens, account: GcsAccount, settings: Settings) -> None:
        self._origin, self._base = split_endpoint(settings.gcs_endpoint or _ENDPOINT)
        self.host = urlsplit(self._origin).hostname or ""
        self._path = f"/storage/v1/b/{quote(account.bucket, safe='')}/o"
        place = faults.Place(
            service="Google Cloud",
            store=f'bucket "{account.bucket}"',
            identity="service account",
            proof="private key",
            permissions=_PERMISSIONS,
        )
        key = account.credentials_json
        self._place = place
        self._bearer = Bearer(exchange, tokens, ("gcs", key), lambda: fetch_token(exchange, key, settings, place))

    async def list_page(
        self, prefix: str, *, delimiter: str = "", start_after: str = "", mark: str = "", most: int = 1000
    ) -> Page:
        """A page of objects.list; its `startOffset` includes what `start_after` does not."""
        given = {"prefix": prefix, "delimiter": delimiter, "startOffset": start_after, "pageToken": mark}
        query = {name: value for name, value in given.items() if value}
        query |= {"fields": _FIELDS, "maxResults": str(most)}
        target = f"{self._base}{self._path}?{urlencode(query, quote_via=quote)}"
        answer = await self._send("list", Message("GET", self._origin, target, body_limit=LISTING_BYTES))
        try:
            return _page(answer, start_after)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise faults.unexpected_answer(self.host, "a Google Cloud Storage listing") from None

    async def read_first_byte(self, key: str) -> bytes:
        """objects.get with a range, which is refused for an empty object."""
        message = self._message("GET", f"{self._path}/{quote(key, safe='')}?alt=media")
        answer = await self._send("read", replace(message, headers={"Range": "bytes=0-0"}, body_limit=1))
        return answer.body if answer.succeeded else b""

    async def write(self, key: str, content: bytes) -> None:
        """objects.insert."""
        query = urlencode({"uploadType": "media", "name": key}, quote_via=quote)
        message = self._message("POST", f"/upload{self._path}?{query}")
        headers = {"Content-Type": "application/octet-stream"}
        await self._send("write", replace(message, headers=headers, content=content))

    async def delete(self, key: str) -> None:
        """objects.delete; one that is not there is deleted."""
        await self._send("delete", self._message("DELETE", f"{self._path}/{quote(key, safe='')}"))

    def _message(self, method: str, target: str) -> Message:
        return Message(method, self._origin, self._base + target, retried=method == "GET")

    async def _send(self, action: Action, message: Message) -> Answer:
        answer = await self._bearer.answer(message)
        if answer.succeeded or (action, answer.status) in (("read", _UNSATISFIABLE_RANGE), ("delete", _NOT_FOUND)):
            return answer
        refusal = faults.Refusal(self._place, action, answer.status, _error_code(answer))
        raise faults.fault_of(refusal, _CAUSES)
