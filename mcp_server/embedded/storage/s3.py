"""Amazon S3, and stores that speak its REST API: its requests, answers and error codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote, urlencode, urlsplit

from mcp_server.embedded.storage import faults
from mcp_server.embedded.storage.accounts import S3Account
from mcp_server.embedded.storage.documents import NotTheDocument, xml
from mcp_server.embedded.storage.exchange import LISTING_BYTES, Answer, Exchange, Message, deadline, split_endpoint
from mcp_server.embedded.storage.matching import chosen
from mcp_server.embedded.storage.objects import Action, Page
from mcp_server.embedded.storage.s3_listing import read_page
from mcp_server.embedded.storage.signatures import signed_headers

_PERMISSIONS: Mapping[Action, str] = {
    "list": "s3:ListBucket",
    "read": "s3:GetObject",
    "write": "s3:PutObject",
    "delete": "s3:DeleteObject",
}
_CAUSES: Mapping[str, faults.Cause] = {
    "ExpiredToken": faults.secret_expired,
    "IllegalLocationConstraintException": faults.wrong_region,
    "InvalidAccessKeyId": faults.key_unknown,
    "InvalidObjectState": faults.object_archived,
    "NoSuchBucket": faults.bucket_not_found,
    "PermanentRedirect": faults.wrong_region,
    "RequestTimeTooSkewed": faults.clock_skew,
    "SignatureDoesNotMatch": faults.secret_refused,
    "SlowDown": faults.throttled,
    "TemporaryRedirect": faults.unavailable,
}
_DOMAINS = {"cn": "amazonaws.com.cn", "eusc": "amazonaws.eu"}
_WRONG_REGION_STATUSES = (301, 307, 400)
_UNSATISFIABLE_RANGE = 416
_USUAL_PAGE = 1000


def _location(account: S3Account, endpoint: str | None) -> tuple[str, str]:
    """Origin and base path. Path style for an endpoint, and for dots, which wildcard certificates do not cover."""
    if endpoint is not None:
        origin, path = split_endpoint(endpoint)
        return origin, f"{path}/{account.bucket}"
    host = f"s3.{account.region}.{_DOMAINS.get(account.region.split('-')[0], 'amazonaws.com')}"
    if "." in account.bucket:
        return f"https://{host}", f"/{account.bucket}"
    return f"https://{account.bucket}.{host}", ""


def _error(answer: Answer) -> tuple[str, str]:
    """The error code and the right region of an error answer, as far as it has them."""
    header = answer.headers.get("x-amz-bucket-region")
    try:
        error = xml(answer.body, "Error")
    except NotTheDocument:
        return "", faults.known_region(header)
    region = faults.known_region(error.findtext("Region")) or faults.known_region(header)
    return faults.known_code(error.findtext("Code")), region


def _behind(key: str, page: Page) -> Page:
    """Without the key that the listing starts after: some stores begin with it."""
    if [*page.files.paths[:1]] != [key]:
        return page
    return page._replace(files=chosen(page.files, map(key.__ne__, page.files.paths)))


class S3Storage:
    """One bucket of S3."""

    starts_anywhere = True

    def __init__(self, exchange: Exchange, account: S3Account, endpoint: str | None) -> None:
        self._exchange = exchange
        self._account = account
        self._origin, self._path = _location(account, endpoint)
        self.host = urlsplit(self._origin).hostname or ""
        self._place = faults.Place(
            service="S3",
            store=f'bucket "{account.bucket}"',
            identity="access key id",
            proof="secret access key",
            permissions=_PERMISSIONS,
            region=account.region,
        )

    async def list_page(
        self, prefix: str, *, delimiter: str = "", start_after: str = "", mark: str = "", most: int = 1000
    ) -> Page:
        """A page of ListObjectsV2."""
        given = {"delimiter": delimiter, "start-after": start_after, "continuation-token": mark}
        given["max-keys"] = "" if most == _USUAL_PAGE else str(most)
        query = {"list-type": "2", "encoding-type": "url", "fetch-owner": "false", "prefix": prefix}
        query |= {name: value for name, value in given.items() if value}
        target = f"{self._path or '/'}?{urlencode(query, quote_via=quote, safe='')}"
        answer = await self._send("list", Message("GET", self._origin, target, body_limit=LISTING_BYTES))
        try:
            return _behind(start_after, read_page(answer.body))
        except ValueError:
            raise faults.unexpected_answer(self.host, "an S3 listing") from None

    async def read_first_byte(self, key: str) -> bytes:
        """GetObject with a range; S3 refuses the range of an empty object."""
        message = replace(self._message("GET", key, headers={"Range": "bytes=0-0"}), body_limit=1)
        answer = await self._send("read", message)
        return answer.body if answer.succeeded else b""

    async def write(self, key: str, content: bytes) -> None:
        """PutObject."""
        await self._send("write", self._message("PUT", key, content=content))

    async def delete(self, key: str) -> None:
        """DeleteObject, which succeeds when there is none."""
        await self._send("delete", self._message("DELETE", key))

    def _message(
        self, method: str, key: str, headers: Mapping[str, str] | None = None, content: bytes = b""
    ) -> Message:
        target = f"{self._path}/{quote(key, safe='/~')}"
        return Message(method, self._origin, target, headers or {}, content, retried=method == "GET")

    async def _send(self, action: Action, message: Message) -> Answer:
        with deadline(message.host, self._exchange.limits.total):
            signed = replace(message, headers=signed_headers(self._account, message))
            answer = await self._exchange.answer(signed)
        if answer.succeeded or (action == "read" and answer.status == _UNSATISFIABLE_RANGE):
            return answer
        raise self._fault(action, answer)

    def _fault(self, action: Action, answer: Answer) -> faults.StorageFault:
        code, region = _error(answer)
        refusal = faults.Refusal(self._place, action, answer.status, code, region)
        if answer.status in _WRONG_REGION_STATUSES and region not in ("", self._account.region):
            return faults.wrong_region(refusal)
        return faults.fault_of(refusal, _CAUSES)
