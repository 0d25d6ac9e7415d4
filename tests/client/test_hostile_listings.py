"""Arrays of files that break off, lie, or are none: told as any answer that is wrong, and nothing of them is kept."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from mcp_server import listings
from mcp_server.client import VideoVector
from mcp_server.errors import ApiMisbehaved, ApiUnreachable, ConnectorError
from tests.client.calling import LocalApi, Scripted, answering, client_of, scripted
from tests.client.listing import CONNECTOR_ID, array
from tests.client.raw_api import Peer, http, listening
from tests.materials import API_KEY, CLOUD_FILE, made

pytestmark = pytest.mark.anyio

CANARY = made("a hostile listing")
PACKED = {"Content-Encoding": "gzip"}


def _with(**changes: Any) -> bytes:
    """A long array whose last file is changed."""
    files = json.loads(array(600))
    return json.dumps([*files, {**CLOUD_FILE, "path": CANARY, **changes}]).encode()


NO_FILES: Mapping[str, bytes] = {
    "nothing": b"",
    "an object": b'{"files": []}',
    "a text": f'"{CANARY}"'.encode(),
    "a page for people": f"<html>{CANARY}</html>".encode(),
    "numbers": b"[1, 2, 3]",
    "no brackets": array(600)[1:-1],
    "cut within an entry": array(600)[:-20],
    "cut between entries": array(600)[:-1],
    "two arrays": array(300) * 2,
    "a word behind": array(600) + b" null",
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "deep within": b"[" + json.dumps(CLOUD_FILE).encode() + b", " + b"[" * 100_000,
    "a negative size": _with(size_bytes=-1),
    "a size that is none": _with(size_bytes="many"),
    "a size that no storage has": _with(size_bytes=2**70),
    "a path that is none": _with(path=None),
    "a path without end": _with(path=CANARY * 100_000),
    "half of a character": _with(path="\ud800"),
    "broken UTF-8": _with(path="broken").replace(b"broken", b"\xff\xfe"),
    "an entry of 100 MB": _with(other="x" * 10**8),
}


@pytest.mark.parametrize("body", NO_FILES.values(), ids=NO_FILES)
@pytest.mark.parametrize("packed", [False, True])
async def test_what_is_no_array_of_files_is_misbehaviour(body: bytes, *, packed: bool) -> None:
    headers = {**(PACKED if packed else {}), "X-Request-ID": f"req of {API_KEY}"}
    error = await _told(scripted(answering(gzip.compress(body, 1) if packed else body, 200, **headers)))
    assert error.code == "unexpected_answer"
    assert "Its answer to browse_connector_files has an unknown shape" in error.message
    assert error.request_id.startswith("req of ")
    assert not [text for text in (CANARY, API_KEY) if text in f"{error} {error!r} {error.__dict__}"]


async def _told(asking: VideoVector) -> ConnectorError:
    async with asking as client:
        with pytest.raises(ApiMisbehaved) as caught:
            await client.connectors.browse(CONNECTOR_ID, limit=100)
    return caught.value


UNPACKED: Mapping[str, tuple[bytes, str]] = {
    "packed in another way": (array(3), "br"),
    "packed twice": (gzip.compress(gzip.compress(array(3))), "gzip, gzip"),
    "not packed": (array(3), "gzip"),
    "not packed wholly": (gzip.compress(array(600))[:-10], "gzip"),
}


@pytest.mark.parametrize(("body", "encoding"), UNPACKED.values(), ids=UNPACKED)
async def test_what_cannot_be_unpacked_is_told(api: LocalApi, body: bytes, encoding: str) -> None:
    api.last = Scripted(200, body, {"Content-Encoding": encoding})
    error = await _told(client_of(api))
    assert (error.code, "cannot be unpacked" in error.message) == ("unexpected_answer", True)


@pytest.mark.parametrize("packed", [False, True])
async def test_an_array_beyond_the_bound_is_given_up(monkeypatch: pytest.MonkeyPatch, *, packed: bool) -> None:
    monkeypatch.setattr(listings, "MAX_STREAMED_BYTES", 3 * 2**16)
    body = array(1_500)
    assert len(body) > 3 * 2**16
    answer = answering(gzip.compress(body) if packed else body, 200, **(PACKED if packed else {}))
    error = await _told(scripted(answer))
    assert (error.code, "narrower prefix" in error.hint) == ("answer_too_large", True)


def _cut(octets: bytes, end: Callable[[Peer], Any]) -> Callable[[Peer], Any]:
    async def act(peer: Peer) -> None:
        await peer.request()
        await peer.send(octets)
        await end(peer)

    return act


@pytest.mark.parametrize("end", [Peer.hang_up, Peer.reset])
async def test_a_connection_that_breaks_in_the_middle_is_told_and_not_asked_again(end: Callable[[Peer], Any]) -> None:
    async with listening() as api, client_of(api) as client:
        api.act = _cut(http(array(1_500))[:-1000], end)
        with pytest.raises(ApiUnreachable, match="did not send a whole answer"):
            await client.connectors.browse(CONNECTOR_ID, limit=100)
        assert api.connections == 1
        api.act = _cut(http(array(3)), Peer.gone)
        assert len((await client.connectors.browse(CONNECTOR_ID, limit=100)).files) == 3


@pytest.mark.parametrize("status", [204, 301, 302])
async def test_another_status_is_no_listing(api: LocalApi, status: int) -> None:
    api.last = Scripted(status, b"", {"Location": "/elsewhere"})
    async with client_of(api) as client:
        with pytest.raises(ApiMisbehaved):
            await client.connectors.browse(CONNECTOR_ID, limit=100)
    assert len(api.received) == 1
