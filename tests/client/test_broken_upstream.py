"""An API that breaks HTTP, or whose connections break: over sockets, at each stage of an exchange."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import anyio
import pytest

from mcp_server.errors import ApiMisbehaved, ApiRefused, ApiUnreachable, ConnectorError
from tests.client.calling import asked, client_of
from tests.client.raw_api import LISTING, Act, Peer, http, listening
from tests.materials import ANSWERS, API_KEY, CONNECTOR, made

pytestmark = pytest.mark.anyio

SHORT_SECONDS = 0.6
BOUND_SECONDS = 6.0
HEAD = b"HTTP/1.1 200 OK\r\n"


def answering(octets: bytes) -> Act:
    """Answer like this once on each connection."""

    async def act(peer: Peer) -> None:
        await peer.request()
        await peer.send(octets)

    return act


def cut(octets: bytes) -> Act:
    """Answer, and end the connection."""

    async def act(peer: Peer) -> None:
        await peer.request()
        await peer.send(octets)
        await peer.hang_up()

    return act


def reset(octets: bytes = b"") -> Act:
    """Answer, and reset the connection."""

    async def act(peer: Peer) -> None:
        await peer.request()
        await peer.send(octets)
        await peer.reset()

    return act


def dripping(before: bytes, drops: bytes) -> Act:
    """Answer an octet at a time, without end."""

    async def act(peer: Peer) -> None:
        await peer.request()
        await peer.send(before)
        await peer.drip(drops)

    return act


def flooding(before: bytes, wave: bytes) -> Act:
    """Answer without end, as fast as it is taken."""

    async def act(peer: Peer) -> None:
        await peer.request()
        await peer.send(before)
        while True:
            await peer.send(wave)

    return act


def _packed(pack: Callable[[], bytes], encoding: str) -> Act:
    """Answer what is packed only now: bombs take their time."""

    async def act(peer: Peer) -> None:
        await answering(http(pack(), f"Content-Encoding: {encoding}"))(peer)

    return act


def _chunked(octets: bytes) -> bytes:
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + octets


def _deep(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


BROKEN_OFF = "did not send a whole answer"
LATE = "did not answer in time"
SHAPE = "unknown shape"
UNPACKED = "cannot be unpacked"

RESETS: Mapping[str, Act] = {
    "at once": Peer.reset,
    "after the request": reset(),
    "in the status line": reset(b"HTTP/1.1 20"),
    "in the head": reset(HEAD + b"Content-Le"),
    "in the body": reset(http()[:-5]),
}
ENDS: Mapping[str, Act] = {
    "at once": Peer.hang_up,
    "after the request": cut(b""),
    "in the head": cut(HEAD + b"Content-Le"),
    "in the body": cut(http()[:-5]),
    "in a chunk": cut(_chunked(b"ff\r\n[")),
    "between chunks": cut(_chunked(b"2\r\n[]\r\n")),
}
NO_HTTP: Mapping[str, bytes] = {
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "a TLS alert": b"\x15\x03\x01\x00\x02\x02\x28\r\n\r\n",
    "another protocol from now on": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "a status of letters": b"HTTP/1.1 ABC OK\r\n\r\n",
    "a header without colon": HEAD + b"nonsense\r\n\r\n",
    "a negative length": HEAD + b"Content-Length: -1\r\n\r\n[]",
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n[]",
    "an endless chunk": _chunked(b"f" * 64 + b"\r\n"),
    "a chunk of letters": _chunked(b"zz\r\n[]\r\n0\r\n\r\n"),
    "100,000 headers": HEAD + b"".join(b"X-%d: y\r\n" % number for number in range(100_000)),
    "a header of a megabyte": HEAD + b"X: " + b"y" * 2**20,
    "a status line of a megabyte": b"HTTP/1.1 200 " + b"y" * 2**20,
}
DRIPS: Mapping[str, Act] = {
    "nothing": Peer.gone,
    "the head": dripping(HEAD, b"X: y\r\n"),
    "the body": dripping(HEAD + b"Content-Length: 1000000\r\n\r\n", b" "),
    "chunks": dripping(_chunked(b""), b"1\r\n \r\n"),
    "interim answers": flooding(b"", b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" * 500),
}
WRONG: Mapping[str, tuple[Act, str]] = {
    "a page": (answering(http(b"<html>Welcome</html>", "Content-Type: text/html")), SHAPE),
    "a picture": (answering(http(b"\x89PNG\r\n\x1a\n\0\0", "Content-Type: image/png")), SHAPE),
    "another charset": (answering(http(LISTING.decode().encode("utf-16"))), SHAPE),
    "nothing": (answering(http(b"")), SHAPE),
    "no content": (answering(b"HTTP/1.1 204 No Content\r\n\r\n"), SHAPE),
    "half of it, as its length says": (answering(http(LISTING, length=len(LISTING) // 2)), SHAPE),
    "100,000 brackets": (answering(http(b"[" * 100_000)), SHAPE),
    "100,000 lists in lists": (answering(http(_deep(100_000))), SHAPE),
    "a deep field": (answering(http(b'[{"connector_id": %s}]' % _deep(100_000))), SHAPE),
    "a deep field that nobody reads": (answering(http(b'[{"more": %s}]' % _deep(100_000))), SHAPE),
    "not modified": (answering(b"HTTP/1.1 304 Not Modified\r\n\r\n"), "304"),
    "a redirect to nowhere": (answering(http(b"", "Location: http://[/", status="302 Found")), "302"),
    "a gzip bomb": (_packed(lambda: gzip.compress(bytes(80 * 2**20)), "gzip"), "larger than 64 MiB"),
    "a bomb in a bomb": (_packed(lambda: gzip.compress(gzip.compress(bytes(2**26))), "gzip, gzip"), UNPACKED),
    "a deflate bomb": (_packed(lambda: zlib.compress(bytes(2**26)), "deflate"), UNPACKED),
    "what says to be brotli": (_packed(lambda: b"\x1b\xff\xff\xff" * 64, "br"), UNPACKED),
    "half of a gzip": (_packed(lambda: gzip.compress(LISTING)[:-9], "gzip"), UNPACKED),
    "a gzip and more": (_packed(lambda: gzip.compress(LISTING) + bytes(200_000), "gzip"), UNPACKED),
    "no gzip": (_packed(lambda: LISTING, "gzip"), UNPACKED),
}


def shown(error: ConnectorError) -> str:
    return f"{error} {error!r} {error.__dict__} {error.__cause__!r} {error.args}"


@dataclass(frozen=True)
class Told:
    """What came of a call."""

    error: ConnectorError
    seconds: float
    requests: int


async def broken(act: Act, name: str = "list_connectors", *, seconds: float = BOUND_SECONDS, **changes: str) -> Told:
    """The error of a call while the API acts like this; the next call on the same client must work."""
    async with listening() as api, client_of(api, timeout=seconds, max_retries=1) as client:
        api.act = act
        began = anyio.current_time()
        with pytest.raises(ConnectorError) as caught:
            await asked(client, name, **changes)
        told = Told(caught.value, anyio.current_time() - began, api.connections)
        api.act = None
        assert [connector.name for connector in await asked(client, "list_connectors")] == [CONNECTOR["name"]]
    assert API_KEY not in shown(told.error)
    return told


@pytest.mark.parametrize("act", RESETS.values(), ids=RESETS)
async def test_a_reset_connection_is_told_after_a_repeat(act: Act, pauses: list[float]) -> None:
    told = await broken(act)
    assert isinstance(told.error, ApiUnreachable)
    assert BROKEN_OFF in told.error.message
    assert told.error.hint
    assert told.error.retryable
    assert (told.requests, len(pauses)) == (2, 1)


@pytest.mark.parametrize("act", ENDS.values(), ids=ENDS)
async def test_a_closed_connection_is_told_after_a_repeat(act: Act, pauses: list[float]) -> None:
    told = await broken(act)
    assert isinstance(told.error, ApiUnreachable)
    assert BROKEN_OFF in told.error.message
    assert (told.requests, len(pauses)) == (2, 1)


@pytest.mark.parametrize("act", [RESETS["in the body"], ENDS["after the request"]])
@pytest.mark.parametrize("name", ["update_connector", "delete_connector", "browse_connector_files"])
async def test_what_must_happen_once_is_sent_once_over_a_breaking_connection(act: Act, name: str) -> None:
    told = await broken(act, name)
    assert told.requests == 1
    assert ("may have taken effect" in told.error.hint) == (name != "browse_connector_files")


@pytest.mark.parametrize("octets", NO_HTTP.values(), ids=NO_HTTP)
async def test_what_is_no_http_is_told(octets: bytes, pauses: list[float]) -> None:
    told = await broken(answering(octets))
    assert isinstance(told.error, ApiUnreachable)
    assert BROKEN_OFF in told.error.message
    assert told.seconds < BOUND_SECONDS


@pytest.mark.parametrize("act", DRIPS.values(), ids=DRIPS)
async def test_an_answer_without_end_ends_with_the_timeout(act: Act) -> None:
    told = await broken(act, seconds=SHORT_SECONDS)
    assert isinstance(told.error, ApiUnreachable)
    assert LATE in told.error.message
    assert (told.error.code, told.error.retryable, told.requests) == ("timeout", True, 1)
    assert told.seconds < BOUND_SECONDS


@pytest.mark.parametrize(("act", "words"), WRONG.values(), ids=WRONG)
async def test_an_answer_that_is_none_is_misbehaviour_and_not_asked_for_again(act: Act, words: str) -> None:
    told = await broken(act)
    assert isinstance(told.error, ApiMisbehaved)
    assert words in told.error.message
    assert told.error.hint
    assert told.seconds < BOUND_SECONDS
    assert told.requests == 1


async def test_a_packed_answer_is_read() -> None:
    long = json.dumps(ANSWERS["list_connectors"] * 20_000).encode()
    async with listening() as api, client_of(api) as client:
        api.act = _packed(lambda: gzip.compress(long), "gzip")
        assert len(await asked(client, "list_connectors")) == 20_000
        assert len(await asked(client, "list_connectors")) == 1


@pytest.mark.parametrize("type_", ["text/html", "application/octet-stream", "", "application/json; charset=utf-16"])
async def test_the_shape_of_an_answer_counts_and_not_the_type_it_claims(type_: str) -> None:
    async with listening() as api, client_of(api) as client:
        api.act = answering(http(LISTING, f"Content-Type: {type_}"))
        assert await asked(client, "list_connectors")


@pytest.mark.parametrize("encoding", ["br", "gzip", "gzip, gzip"])
async def test_a_refusal_that_cannot_be_unpacked_is_still_a_refusal(encoding: str) -> None:
    told = await broken(answering(http(b"\xff" * 100, f"Content-Encoding: {encoding}", status="403 Forbidden")))
    assert isinstance(told.error, ApiRefused)
    assert (told.error.status, told.error.code) == (403, "http_403")


@pytest.mark.parametrize("depth", [100, 600, 900, 985, 1_100, 30_000])
async def test_a_refusal_is_told_however_deep_it_is(depth: int) -> None:
    name, value = made("first half", 12), made("second half", 12)
    body = b'{"error": {"code": "deep", "%s": "%s", "details": %s}}' % (name.encode(), value.encode(), _deep(depth))
    act = answering(http(body, status="422 Unprocessable"))
    told = await broken(act, "create_s3_connector", aws_secret_access_key=f"{name}:{value}")
    assert isinstance(told.error, ApiRefused)
    assert told.error.status == 422
    assert name not in shown(told.error)


async def test_a_refusal_without_end_is_cut() -> None:
    told = await broken(flooding(_chunked(b"").replace(b"200 OK", b"403 Forbidden"), b"100\r\n" + b" " * 256 + b"\r\n"))
    assert isinstance(told.error, ApiRefused)
    assert told.error.status == 403
