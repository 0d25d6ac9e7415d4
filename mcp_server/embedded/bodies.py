"""Reads the body of an HTTP request into plain fields, bounded in size. What they mean is `wire.decode_request`'s."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn, cast

from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from mcp_server.body_bounds import announced, bounded, within
from mcp_server.errors import ApiRefused
from mcp_server.operation import Body
from mcp_server.service_account import ServiceAccountKey

BODY_BYTES = 1024 * 1024
BODY_SECONDS = 30.0
PART_BYTES = ServiceAccountKey.MAX_LENGTH
_OCTETS = "latin-1"
_BOUNDARY = re.compile(r"""; *boundary="?([\w'()+,./:=?-]{1,70})""", re.ASCII | re.IGNORECASE)


def _too_large(what: str, limit: int) -> ApiRefused:
    return ApiRefused(413, "body_too_large", f"{what} is larger than {limit // 1024} KiB.", hint="Send less.")


def _body_too_large() -> ApiRefused:
    return _too_large("The body", BODY_BYTES)


def _too_slow() -> ApiRefused:
    return ApiRefused(408, "body_incomplete", "The body did not come in time.", hint="Send it faster.")


def _unsupported(expected: str) -> ApiRefused:
    return ApiRefused(415, "unsupported_media_type", f"The body must be {expected}.", hint="Set Content-Type to it.")


def _malformed(why: str) -> ApiRefused:
    return ApiRefused(400, "malformed_body", f"The body {why}.", hint="Correct it and send it again.")


class BoundedBodies:
    """Refuses a request whose body is over 1 MiB: at once when it says so, else as soon as so much has come."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises ApiRefused (413)."""
        if scope["type"] == "http" and announced(Headers(scope=scope)) > BODY_BYTES:
            raise _body_too_large()
        await self._app(scope, within(bounded(receive, BODY_BYTES, _body_too_large), BODY_SECONDS, _too_slow), send)


async def read_fields(request: Request, body: Body) -> Mapping[str, Any]:
    """The fields of the body, as this kind of body has them.

    Raises ApiRefused: 400 malformed, 413 too large, 415 of another media type.
    """
    if body is Body.NONE:
        return {}
    if body is Body.FORM:
        return await _form_fields(request)
    return await _json_fields(request)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _json_fields(request: Request) -> Mapping[str, Any]:
    content = await request.body()
    if not content:
        return {}
    media_type = _media_type(request)
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise _unsupported("application/json")
    try:
        fields = json.loads(
            content.decode("utf-8-sig"), parse_constant=_refuse_constant, object_pairs_hook=_without_repetition
        )
    except (ValueError, RecursionError):
        raise _malformed("is not valid JSON in UTF-8, or repeats a field") from None
    if not isinstance(fields, dict):
        raise _malformed("must be a JSON object")
    return cast("dict[str, Any]", fields)


def _refuse_constant(_: str) -> NoReturn:
    """NaN and Infinity are Python's, not JSON's."""
    raise ValueError


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers may take two values for a name that is repeated."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError
    return fields


async def _form_fields(request: Request) -> Mapping[str, Any]:
    form = await _form(request)
    try:
        return {_utf8(name.encode(_OCTETS)): await _values(form, name) for name in form}
    finally:
        await form.close()


async def _form(request: Request) -> FormData:
    """The parts of the body, in texts whose characters are octets: the parser would read what is no UTF-8 otherwise.

    A part never reaches the disk: the parser spools it there from 1 MiB on, and no body is larger.
    """
    if _media_type(request) != "multipart/form-data":
        raise _unsupported("multipart/form-data")
    boundary = _BOUNDARY.search(request.headers["content-type"])
    if boundary is None:
        raise _malformed("has no boundary that its Content-Type names")
    headers = Headers({"content-type": f'multipart/form-data; boundary="{boundary[1]}"; charset={_OCTETS}'})
    parser = MultiPartParser(headers, request.stream(), max_files=4, max_fields=64, max_part_size=BODY_BYTES)
    try:
        return await parser.parse()
    except MultiPartException:
        raise _malformed("is not a valid form") from None


async def _values(form: FormData, name: str) -> Any:
    """The text of a field, or the texts when it is repeated."""
    texts = [await _text(part) for part in form.getlist(name)]
    return texts[0] if len(texts) == 1 else texts


async def _text(part: UploadFile | str) -> str:
    content = part.encode(_OCTETS) if isinstance(part, str) else await part.read()
    if len(content) > PART_BYTES:
        raise _too_large("A part of the body", PART_BYTES)
    return _utf8(content)


def _utf8(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise _malformed("has a part that is not UTF-8") from None
