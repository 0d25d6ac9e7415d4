"""Requests that are too large, too slow, or never whole, over real sockets on both event loops."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, suppress
from typing import Any

import anyio
import pytest
from anyio.abc import ByteStream
from anyio.lowlevel import checkpoint

from mcp_server.http_server import bounded_protocol
from mcp_server.http_server.bounded_protocol import BoundedProtocol
from mcp_server.http_server.listening import HEAD_BYTES, MAX_CONNECTIONS
from tests.http_server.draining import LOOPS, Running, Work, heard, heard_until, request, running

pytestmark = pytest.mark.anyio
SECONDS = 0.8
PLAIN = request("GET", "/plain")
CHUNKED = request("POST", "/plain", "Transfer-Encoding: chunked")


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return LOOPS[request.param]


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
async def server(work: Work, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Running]:
    monkeypatch.setattr(BoundedProtocol, "_seconds", SECONDS)
    async with running(work, seconds=1) as server:
        yield server
        work.may_end.set()
    await checkpoint()


@pytest.fixture
async def stream(server: Running) -> AsyncGenerator[ByteStream]:
    async with await server.connected() as stream:
        yield stream


def head_of(octets: int) -> bytes:
    """A request whose head has so many octets before the empty line at its end."""
    padding = octets - len(request("GET", "/plain", "X: ")) + len(b"\r\n\r\n")
    return request("GET", "/plain", f"X: {'x' * padding}")


async def test_a_head_of_32_kib_is_read_and_one_octet_more_is_refused(work: Work, server: Running) -> None:
    for octets, line in ((HEAD_BYTES, b"HTTP/1.1 200 OK"), (HEAD_BYTES + 1, b"HTTP/1.1 431 Request Header Fields")):
        async with await server.connected() as stream:
            await stream.send(head_of(octets))
            assert (await heard_until(stream, b"plain" if octets == HEAD_BYTES else b"\r\n\r\n")).startswith(line)
    assert work.seen == 1


async def test_a_head_without_an_end_is_refused_as_soon_as_it_is_too_large(work: Work, stream: ByteStream) -> None:
    head = head_of(2 * HEAD_BYTES)
    for start in range(0, HEAD_BYTES + 4096, 4096):
        await stream.send(head[start : start + 4096])
    answer = await heard(stream)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"Connection: close" in answer
    assert work.seen == 0


@pytest.mark.parametrize("sent", [b"", b"GET /pla", b"\r\n\r\n", PLAIN[:-1]])
async def test_a_head_that_is_not_whole_in_time_is_refused(work: Work, stream: ByteStream, sent: bytes) -> None:
    if sent:
        await stream.send(sent)
    assert (await heard(stream)).startswith(b"HTTP/1.1 408 ")
    assert work.seen == 0


async def test_a_head_that_drips_has_no_more_time(stream: ByteStream) -> None:
    async def drip() -> None:
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            for octet in head_of(HEAD_BYTES):
                await stream.send(bytes([octet]))
                await anyio.sleep(SECONDS / 20)

    began = anyio.current_time()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(drip)
        assert (await heard(stream)).startswith(b"HTTP/1.1 408 ")
        tasks.cancel_scope.cancel()
    await checkpoint()
    assert SECONDS / 2 <= anyio.current_time() - began < SECONDS + 5


async def test_requests_follow_each_other_on_one_connection(work: Work, stream: ByteStream) -> None:
    for _ in range(3):
        await stream.send(PLAIN)
        assert (await heard_until(stream, b"plain")).startswith(b"HTTP/1.1 200 ")
    await stream.send(PLAIN * 3)
    answers = b""
    while answers.count(b"plain\n") + answers.count(b"\r\nplain") < 3:
        answers += await stream.receive()
    assert work.seen == 6


async def test_a_head_that_comes_in_two_parts_behind_another_request_is_counted_from_its_beginning(
    work: Work, stream: ByteStream
) -> None:
    large = head_of(HEAD_BYTES)
    await stream.send(PLAIN + large[:-1])
    await heard_until(stream, b"plain")
    await stream.send(large[-1:] + PLAIN)
    await heard_until(stream, b"plain")
    while work.seen < 3:
        await stream.receive()


async def test_the_time_of_a_head_does_not_bound_the_time_of_a_call(work: Work, stream: ByteStream) -> None:
    await stream.send(request("POST", "/call"))
    await work.began.wait()
    await anyio.sleep(2 * SECONDS)
    work.may_end.set()
    assert (await heard_until(stream, b"called")).startswith(b"HTTP/1.1 200 ")


async def test_a_connection_that_waits_for_its_next_request_is_kept(stream: ByteStream) -> None:
    await stream.send(PLAIN)
    await heard_until(stream, b"plain")
    await anyio.sleep(2 * SECONDS)
    await stream.send(PLAIN)
    assert (await heard_until(stream, b"plain")).startswith(b"HTTP/1.1 200 ")


async def test_but_not_when_nothing_but_empty_lines_come(stream: ByteStream) -> None:
    await stream.send(PLAIN)
    await heard_until(stream, b"plain")
    await stream.send(b"\r\n")
    assert (await heard(stream)).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("behind", [b"GET /pla", b"GET /plain HTTP/1.1\r\nX: " + b"x" * 2 * HEAD_BYTES])
async def test_what_is_refused_behind_a_call_that_runs_does_not_disturb_its_answer(
    work: Work, stream: ByteStream, behind: bytes
) -> None:
    await stream.send(request("POST", "/call"))
    await work.began.wait()
    await stream.send(behind)
    await anyio.sleep(2 * SECONDS)
    await stream.send(b"more that nobody reads")
    work.may_end.set()
    answer = await heard(stream)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"called")
    assert work.seen == 1


@pytest.mark.parametrize("rest", [b"", b"1\r\nx\r\n", b"0\r\nTrailer: x\r\n"])
async def test_a_request_that_goes_on_after_its_answer_ends_with_its_connection(
    stream: ByteStream, rest: bytes
) -> None:
    await stream.send(CHUNKED + rest)
    answer = await heard(stream)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"plain")


async def test_one_that_is_whole_soon_after_its_answer_is_no_trouble(stream: ByteStream) -> None:
    await stream.send(CHUNKED)
    await heard_until(stream, b"plain")
    await stream.send(b"0\r\n\r\n")
    await anyio.sleep(2 * SECONDS)
    await stream.send(PLAIN)
    assert (await heard_until(stream, b"plain")).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("rest", [b"1\r\nx\r\n", b"0\r\nTrailer: x", b"0\r\nTrailer: x\r\n"])
async def test_a_request_has_an_end_whatever_it_is_made_of(
    stream: ByteStream, rest: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_protocol, "REQUEST_BYTES", 100_000)
    monkeypatch.setattr(BoundedProtocol, "_seconds", 60)
    repeated = rest.removeprefix(b"0\r\n")
    await stream.send(CHUNKED + rest)
    await heard_until(stream, b"plain")
    sent = 0
    with suppress(anyio.BrokenResourceError):
        while sent < 100 * bounded_protocol.REQUEST_BYTES:
            await stream.send(repeated * 1000)
            sent += len(repeated) * 1000
            await checkpoint()
    await checkpoint()
    assert sent < 100 * bounded_protocol.REQUEST_BYTES


async def test_the_answer_behind_another_one_has_its_own_time(work: Work, stream: ByteStream) -> None:
    behind = request("POST", "/plain", "Content-Length: 4") + b"ab"
    await stream.send(request("POST", "/call") + behind)
    await work.began.wait()
    work.may_end.set()
    await heard_until(stream, b"plain")
    await stream.send(b"cd" + PLAIN)
    assert (await heard_until(stream, b"plain")).startswith(b"HTTP/1.1 200 ")


async def test_a_client_that_offers_http_2_is_answered_without_a_word_in_the_log(
    stream: ByteStream, caplog: pytest.LogCaptureFixture
) -> None:
    offer = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAA")
    for body in ("{}", ""):
        await stream.send(request("POST", "/plain", *offer, body=body))
        assert (await heard_until(stream, b"plain")).startswith(b"HTTP/1.1 200 ")
    assert not caplog.records


async def test_what_is_no_http_is_refused(stream: ByteStream) -> None:
    await stream.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    assert (await heard(stream)).startswith(b"HTTP/1.1 400 ")


async def test_a_connection_that_stays_idle_is_closed(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    server.server.config.timeout_keep_alive = 1
    async with await server.connected() as stream:
        await stream.send(PLAIN)
        await heard_until(stream, b"plain")
        assert await heard(stream) == b""


async def test_a_client_that_is_gone_disturbs_nobody(work: Work, server: Running) -> None:
    for sent in (b"", b"GET /pla", request("POST", "/call"), CHUNKED + b"5\r\nab"):
        async with await server.connected() as stream:
            await stream.send(sent or b"\r")
    async with await server.connected() as stream:
        await stream.send(PLAIN)
        assert (await heard_until(stream, b"plain")).startswith(b"HTTP/1.1 200 ")


async def test_a_connection_too_many_is_refused_and_the_others_are_served(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_protocol, "MAX_CONNECTIONS", 4)
    async with AsyncExitStack() as stack:
        others = [await stack.enter_async_context(await server.connected()) for _ in range(4)]
        surplus = await stack.enter_async_context(await server.connected())
        assert (await heard(surplus)).startswith(b"HTTP/1.1 503 ")
        for each in others:
            await each.send(PLAIN)
            assert (await heard_until(each, b"plain")).startswith(b"HTTP/1.1 200 ")
        await others[0].send(request("GET", "/plain", "Connection: close"))
        await heard(others[0])
        another = await stack.enter_async_context(await server.connected())
        await another.send(PLAIN)
        assert (await heard_until(another, b"plain")).startswith(b"HTTP/1.1 200 ")


async def test_a_thousand_connections_are_served_and_the_next_one_is_refused(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedProtocol, "_seconds", 60)
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= hard < 3 * MAX_CONNECTIONS:
        pytest.skip("this system does not give a process so many files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        async with AsyncExitStack() as stack:
            held = [await stack.enter_async_context(await server.connected()) for _ in range(MAX_CONNECTIONS)]
            for each in (held[0], held[-1]):
                await each.send(PLAIN)
                assert (await heard_until(each, b"plain")).startswith(b"HTTP/1.1 200 ")
            surplus = await stack.enter_async_context(await server.connected())
            assert (await heard(surplus)).startswith(b"HTTP/1.1 503 ")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
