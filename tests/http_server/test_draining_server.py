"""How a server ends, over real sockets, on both event loops, with both parsers, with and without TLS."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import Any

import anyio
import httpx
import pytest
from anyio.abc import ByteStream
from anyio.lowlevel import checkpoint

from mcp_server.http_server import listening
from mcp_server.http_server.drain import Drain
from mcp_server.http_server.draining_server import DrainingServer, OwedAnswers
from mcp_server.http_server.listening import Listening
from tests.http_server.draining import (
    LARGE,
    LOOPS,
    Identity,
    Running,
    Work,
    heard,
    heard_until,
    plain_client,
    request,
    running,
)

pytestmark = pytest.mark.anyio
WAYS = {
    "httptools on uvloop": ("uvloop", "httptools", False),
    "h11 on asyncio": ("asyncio", "h11", False),
    "TLS on uvloop": ("uvloop", "httptools", True),
    "TLS on asyncio": ("asyncio", "httptools", True),
}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> tuple[str, str, bool]:
    return WAYS[request.param]


@pytest.fixture
def anyio_backend(way: tuple[str, str, bool]) -> tuple[str, dict[str, Any]]:
    return LOOPS[way[0]]


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return Identity.made(tmp_path_factory.mktemp("identity"))


def without_httptools(name: str) -> object:
    """What there is of a module: of this one nothing."""
    return None if name == "httptools" else find_spec(name)


@pytest.fixture(autouse=True)
def parser(way: tuple[str, str, bool], monkeypatch: pytest.MonkeyPatch) -> None:
    if way[1] == "h11":
        monkeypatch.setattr(listening, "find_spec", without_httptools)


@pytest.fixture
def here(way: tuple[str, str, bool], identity: Identity) -> Listening:
    return Listening("127.0.0.1", 0, 1, *((identity.cert, identity.key) if way[2] else ()))


@asynccontextmanager
async def served(
    work: Work, here: Listening, identity: Identity, seconds: float = 20
) -> AsyncGenerator[tuple[Running, httpx.AsyncClient]]:
    async with running(work, here, seconds) as server, plain_client(identity.context) as http:
        yield server, http
    await checkpoint()


async def connected(server: Running, here: Listening, identity: Identity) -> ByteStream:
    return await server.connected(identity.context if here.tls_cert else None)


async def test_a_call_that_runs_is_answered_and_nobody_can_connect_meanwhile(
    here: Listening, identity: Identity
) -> None:
    work, answers = Work(), list[httpx.Response]()
    async with served(work, here, identity) as (server, http), anyio.create_task_group() as tasks:

        async def call() -> None:
            answers.append(await http.post(f"{server.url}/call"))

        tasks.start_soon(call)
        await work.began.wait()
        server.server.end()
        await server.refused()
        assert server.drain.draining
        assert not server.ended.is_set()
        work.may_end.set()
        await server.ended.wait()
    await checkpoint()
    assert (answers[0].status_code, answers[0].text) == (200, "called")
    assert answers[0].headers["connection"] == "close"


async def test_an_answer_in_events_is_sent_to_its_end(here: Listening, identity: Identity) -> None:
    work, answers = Work(), list[str]()
    async with served(work, here, identity) as (server, http), anyio.create_task_group() as tasks:

        async def call() -> None:
            answers.append((await http.post(f"{server.url}/events")).text)

        tasks.start_soon(call)
        await work.began.wait()
        server.server.end()
        await server.refused()
        # Longer than the half second in which sse_starlette would have found out.
        assert not await passed(server.ended, 0.7)
        work.may_end.set()
        await server.ended.wait()
    await checkpoint()
    assert [line for line in answers[0].splitlines() if line] == ["data: first", "data: last"]


async def passed(event: anyio.Event, seconds: float) -> bool:
    """Whether it is set within the seconds."""
    with anyio.move_on_after(seconds):
        await event.wait()
        return True
    await checkpoint()
    return False


async def test_a_stream_that_only_waits_ends_with_the_last_answer(
    here: Listening, identity: Identity, caplog: pytest.LogCaptureFixture
) -> None:
    work, stream_ended = Work(), anyio.Event()
    async with (
        served(work, here, identity) as (server, http),
        await connected(server, here, identity) as waiting,
        anyio.create_task_group() as tasks,
    ):
        await waiting.send(request("GET", "/wait"))
        await heard_until(waiting, b"data: open\r\n\r\n\r\n")
        assert server.drain.in_flight == 0

        async def listen() -> None:
            await heard(waiting)
            stream_ended.set()

        tasks.start_soon(listen)
        tasks.start_soon(http.post, f"{server.url}/call")
        await work.began.wait()
        server.server.end()
        await server.refused()
        assert not stream_ended.is_set()
        work.may_end.set()
        await stream_ended.wait()
        await server.ended.wait()
    await checkpoint()
    assert not caplog.records


async def test_a_request_on_a_connection_that_stood_open_is_answered_while_others_are_waited_for(
    here: Listening, identity: Identity
) -> None:
    work = Work()
    async with (
        served(work, here, identity) as (server, http),
        await connected(server, here, identity) as stands,
        anyio.create_task_group() as tasks,
    ):
        await stands.send(request("GET", "/plain"))
        assert b"connection: close" not in (await heard_until(stands, b"plain")).lower()
        tasks.start_soon(http.post, f"{server.url}/call")
        await work.began.wait()
        server.server.end()
        await server.refused()
        await stands.send(request("GET", "/plain"))
        answer = await heard(stands)
        assert answer.endswith(b"plain")
        assert b"connection: close" in answer.lower()
        work.may_end.set()
    await checkpoint()


async def test_connections_on_which_nothing_comes_are_closed(here: Listening, identity: Identity) -> None:
    async with served(Work(), here, identity) as (server, _):
        connections = [await connected(server, here, identity) for _ in range(3)]
        await connections[0].send(request("GET", "/plain"))
        await heard_until(connections[0], b"plain")
        await connections[1].send(b"GET /pla")
        server.server.end()
        assert [await heard(each) for each in connections] == [b"", b"", b""]
        await server.ended.wait()
    for each in connections:
        await each.aclose()


async def test_an_answer_that_is_read_slowly_is_sent_to_its_end(here: Listening, identity: Identity) -> None:
    work = Work()
    async with served(work, here, identity) as (server, _):
        slow = await connected(server, here, identity)
        await slow.send(request("GET", "/large"))
        await work.ended.wait()
        server.server.end()
        await server.refused()
        assert not await passed(server.ended, 0.3)
        answer = await heard(slow)
        assert len(answer.partition(b"\r\n\r\n")[2]) == len(LARGE)
        await server.ended.wait()
    await slow.aclose()


async def test_a_call_that_takes_too_long_is_cut_off_without_an_answer(
    here: Listening, identity: Identity, caplog: pytest.LogCaptureFixture
) -> None:
    work = Work()
    async with served(work, here, identity, seconds=0.3) as (server, _):
        waits = await connected(server, here, identity)
        await waits.send(request("POST", "/call"))
        await work.began.wait()
        server.server.end()
        assert await heard(waits) == b""
        await server.ended.wait()
        assert work.ended.is_set()
    await waits.aclose()
    assert [record.getMessage() for record in caplog.records] == [
        "Calls that ran for longer than 0.3 seconds get no answer."
    ]


async def test_sigterm_begins_the_end_and_is_then_again_what_it_was(here: Listening, identity: Identity) -> None:
    before = signal.getsignal(signal.SIGTERM)
    async with served(Work(), here, identity) as (server, _):
        assert signal.getsignal(signal.SIGTERM) is not before
        os.kill(os.getpid(), signal.SIGTERM)
        await server.ended.wait()
        assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("way", [WAYS["h11 on asyncio"]])
def test_in_another_thread_it_leaves_the_signals_alone(here: Listening) -> None:
    ready = threading.Event()
    with here.open_socket() as opened:
        drain = Drain()
        server = DrainingServer(here.config(OwedAnswers(Work(), drain)), drain, 5, ready.set)
        thread = threading.Thread(target=anyio.run, args=(server.serve, [opened]))
        before = signal.getsignal(signal.SIGTERM)
        thread.start()
        assert ready.wait(timeout=30)
        assert signal.getsignal(signal.SIGTERM) is before
        server.end()
        thread.join()


async def test_a_call_that_is_cancelled_while_nothing_ends_is_cancelled() -> None:
    drain, work = Drain(), Work()
    scope = {"type": "http", "method": "POST", "path": "/call"}

    async def nothing(*_: object) -> Any:
        await checkpoint()

    with anyio.CancelScope() as cancelling:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(OwedAnswers(work, drain), scope, nothing, nothing)
            await work.began.wait()
            cancelling.cancel()
    await checkpoint()
    assert cancelling.cancelled_caught
    assert drain.in_flight == 0
