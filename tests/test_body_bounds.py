"""Bounds on bodies: what a request says of its body, what comes of it, and how long that takes."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import anyio
import pytest
from anyio.abc import ByteStream
from anyio.lowlevel import checkpoint
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from mcp_server.body_bounds import announced, bounded, within
from mcp_server.http_server.border import BODY_BYTES, BoundedBodies
from tests.http_server.draining import heard, heard_until, request, running

pytestmark = pytest.mark.anyio
SECONDS = 0.8


class Refused(Exception):
    """As a caller of the bounds names it."""


@pytest.mark.parametrize(
    ("said", "length"),
    [(None, 0), ("0", 0), ("17", 17), ("-1", 0), ("+5", 0), ("1e9", 0), ("", 0), ("9" * 20, 0), ("²", 0)],
)
def test_a_length_is_digits_or_nothing(said: str | None, length: int) -> None:
    assert announced(Headers({} if said is None else {"content-length": said})) == length


def receiving(*messages: Message) -> Receive:
    left = list(messages)

    async def receive() -> Message:
        await checkpoint()
        if not left:
            await anyio.sleep_forever()
        return left.pop(0)

    return receive


def part(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_body_of_just_the_limit_passes_and_one_octet_more_does_not() -> None:
    parts = (part(b"abc", more=True), part(b"de"))
    receive = bounded(receiving(*parts), 5, Refused)
    assert [await receive(), await receive()] == list(parts)
    receive = bounded(receiving(*parts), 4, Refused)
    await receive()
    with pytest.raises(Refused):
        await receive()


async def test_a_body_has_its_time_from_the_beginning_to_the_end() -> None:
    receive = within(receiving(part(b"a", more=True), part(b"b", more=True)), 0.1, Refused)
    with anyio.fail_after(5):
        assert (await receive())["body"] == b"a"
        assert (await receive())["body"] == b"b"
        with pytest.raises(Refused):
            await receive()
    await checkpoint()


@pytest.mark.parametrize("last", [part(b"a"), {"type": "http.disconnect"}])
async def test_after_a_whole_body_nothing_is_awaited_in_vain(last: Message) -> None:
    receive = within(receiving(last), 0.05, Refused)
    assert await receive() == last
    with anyio.move_on_after(0.2) as waited:
        await receive()
    await checkpoint()
    assert waited.cancelled_caught


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the length of the body; `/ignored` answers without it."""
    ignored = scope["path"] == "/ignored"
    body = b"" if ignored else await Request(scope, receive).body()
    await PlainTextResponse(f"{len(body)} octets")(scope, receive, send)


@pytest.fixture
async def stream() -> AsyncGenerator[ByteStream]:
    async with running(BoundedBodies(echo, SECONDS)) as server, await server.connected() as stream:
        yield stream
    await checkpoint()


def post(*lines: str) -> bytes:
    return request("POST", "/", *lines)


async def test_a_body_in_time_is_read_and_the_connection_kept(stream: ByteStream) -> None:
    for _ in range(2):
        await stream.send(request("POST", "/", body="x" * 1000))
        assert (await heard_until(stream, b"octets")).endswith(b"1000 octets")


@pytest.mark.parametrize(
    "sent",
    [
        post("Content-Length: 10"),
        post("Content-Length: 10") + b"123",
        post("Transfer-Encoding: chunked") + b"3\r\nabc\r\n",
        post("Content-Length: 10", "Expect: 100-continue"),
    ],
)
async def test_a_body_that_is_not_whole_in_time_is_refused_and_its_connection_ends(
    stream: ByteStream, sent: bytes
) -> None:
    await stream.send(sent)
    answer = (await heard(stream)).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer.lower()
    assert answer.endswith(b'{"error":"body_incomplete","error_description":"The body did not come in time."}')


async def test_a_body_that_drips_has_no_more_time(stream: ByteStream) -> None:
    async def drip() -> None:
        while True:
            await stream.send(b"1\r\nx\r\n")
            await anyio.sleep(SECONDS / 10)

    await stream.send(post("Transfer-Encoding: chunked"))
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(drip)
            assert (await heard_until(stream, b"}")).startswith(b"HTTP/1.1 408 ")
            tasks.cancel_scope.cancel()
    await checkpoint()


@pytest.mark.parametrize("says_so", [True, False])
async def test_a_body_over_1_mib_is_refused_before_it_is_whole(stream: ByteStream, *, says_so: bool) -> None:
    length = BODY_BYTES + 1
    if says_so:
        await stream.send(post(f"Content-Length: {length}"))
    else:
        await stream.send(post("Transfer-Encoding: chunked") + b"%x\r\n" % length + b"x" * length)
    answer = await heard(stream)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"error":"body_too_large"' in answer


async def test_a_client_that_goes_away_meanwhile_gets_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    gone: list[Any] = []

    async def wait(scope: Scope, receive: Receive, send: Send) -> None:
        gone.append(await receive())
        gone.append(await receive())
        await checkpoint()

    async with running(BoundedBodies(wait, 30)) as server:
        async with await server.connected() as stream:
            await stream.send(post("Content-Length: 10") + b"123")
        while len(gone) < 2:
            await checkpoint()
    await checkpoint()
    assert gone[-1] == {"type": "http.disconnect"}
    assert not caplog.records
