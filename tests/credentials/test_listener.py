"""The port: open only while a page waits, another one each time, and closed cleanly however it ends."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn
from urllib.parse import urlsplit

import anyio
import anyio.lowlevel
import pytest

from mcp_server.credentials import listener as listener_room
from mcp_server.credentials import page_app
from mcp_server.credentials.listener import Listener, open_desk
from mcp_server.credentials.page_server import PageServer
from mcp_server.credentials.tickets import Ticket
from mcp_server.errors import ConnectorError
from tests.credentials.errands import Clock, FakeErrand
from tests.credentials.visits import visiting

pytestmark = pytest.mark.anyio


def port(url: str) -> int:
    return int(urlsplit(url).port or 0)


def is_open(url: str) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port(url)), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


async def visited(ticket: Ticket) -> int:
    async with visiting(ticket.url) as visitor:
        return (await visitor.visit()).status_code


async def test_a_port_is_open_while_a_page_waits_and_only_on_this_machine() -> None:
    urls: list[str] = []
    async with open_desk() as desk:
        ticket = desk.issue(FakeErrand(), key="a call")
        assert urlsplit(ticket.url).hostname == "127.0.0.1"
        assert await visited(ticket) == 200
        urls.append(ticket.url)
    assert not is_open(urls[0])


async def test_two_pages_share_a_port() -> None:
    async with open_desk() as desk:
        first, second = (desk.issue(FakeErrand(), key=key) for key in ("a call", "another"))
        assert port(first.url) == port(second.url)


def to_its_end(listening: Callable[[Listener], Awaitable[None]]) -> Awaitable[None]:
    """A listener for as long as it takes by itself: nothing ends it but the end of its pages."""

    async def serve() -> None:
        async with anyio.create_task_group() as tasks:
            await listening(Listener(tasks, Clock()))

    return serve()


async def test_the_port_closes_when_the_last_page_is_done_and_its_answer_was_sent() -> None:
    urls: list[str] = []

    async def finish(listener: Listener) -> None:
        urls.append(listener.desk.issue(FakeErrand(), key="a call").url)
        async with visiting(urls[0]) as visitor:
            await visitor.visit()
            assert "Done" in (await visitor.send()).text

    await to_its_end(finish)
    assert not is_open(urls[0])


async def test_an_answer_that_takes_its_time_is_still_sent() -> None:
    """The second of two submissions waits for the first, and the port for both."""
    errand = FakeErrand(released=anyio.Event())
    texts: list[str] = []

    async def finish(listener: Listener) -> None:
        ticket = listener.desk.issue(errand, key="a call")
        async with visiting(ticket.url) as visitor, anyio.create_task_group() as senders:
            await visitor.visit()

            async def send() -> None:
                texts.append((await visitor.send()).text)

            senders.start_soon(send)
            await errand.started.wait()
            ticket.withdraw()
            await anyio.lowlevel.checkpoint()
            errand.release()

    await to_its_end(finish)
    assert "Done" in texts[0]


async def test_the_port_closes_when_the_last_page_is_withdrawn_and_the_next_page_has_another() -> None:
    urls: list[str] = []

    async def use(listener: Listener) -> None:
        desk = listener.desk
        first, second = (desk.issue(FakeErrand(), key=key) for key in ("a call", "another"))
        first.withdraw()
        assert await visited(second) == 200
        async with anyio.create_task_group() as emptied:
            emptied.start_soon(desk.emptied)
            assert await visited(first) == 410
            second.withdraw()
        third = desk.issue(FakeErrand(), key="a third")
        assert port(third.url) != port(first.url)
        assert await visited(third) == 200
        third.withdraw()
        urls.extend((first.url, third.url))

    await to_its_end(use)
    assert not any(map(is_open, urls))


async def test_the_port_closes_when_the_last_page_expires() -> None:
    """By the real clock, but for the first 599.99 seconds."""
    skipped = [0.0]
    tickets: list[Ticket] = []
    async with anyio.create_task_group() as tasks:
        tickets.append(
            Listener(tasks, lambda: anyio.current_time() + skipped[0]).desk.issue(FakeErrand(), key="a call")
        )
        skipped[0] = 599.99
    assert tickets[0].state == "expired"
    assert not is_open(tickets[0].url)


async def test_leaving_ends_a_page_that_is_being_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_room, "LAST_ANSWER_SECONDS", 0)
    errand = FakeErrand(released=anyio.Event())
    urls: list[str] = []
    async with anyio.create_task_group() as tasks, open_desk() as desk:
        urls.append(desk.issue(errand, key="a call").url)
        async with visiting(urls[0]) as visitor:
            await visitor.visit()
            tasks.start_soon(visitor.send)
            await errand.started.wait()
            tasks.cancel_scope.cancel()
    assert not is_open(urls[0])


async def test_a_server_that_is_cancelled_takes_its_pages_along() -> None:
    urls: list[str] = []

    async def serve() -> None:
        async with open_desk() as desk:
            urls.append(desk.issue(FakeErrand(), key="a call").url)
            opened.set()
            await anyio.sleep_forever()

    opened = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve)
        await opened.wait()
        tasks.cancel_scope.cancel()
    assert not is_open(urls[0])


async def test_without_a_free_port_there_is_no_ticket(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise OSError(24, "Too many open files")

    async with open_desk() as desk:
        monkeypatch.setattr(socket, "create_server", refuse)
        with pytest.raises(ConnectorError, match="Too many open files") as refused:
            desk.issue(FakeErrand(), key="a call")
        assert refused.value.code == "page_unavailable"
        assert desk.find("a call") is None
        monkeypatch.undo()
        assert await visited(desk.issue(FakeErrand(), key="a call")) == 200


async def test_a_server_that_can_not_be_built_leaves_no_ticket_no_port_and_no_dead_link(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    origins: list[str] = []

    def fail(_: object, origin: str) -> NoReturn:
        origins.append(origin)
        raise ImportError("half an installation")

    async with open_desk() as desk:
        monkeypatch.setattr(page_app, "create_page_app", fail)
        for _ in range(2):
            with pytest.raises(ImportError):
                desk.issue(FakeErrand(), key="a call")
        assert desk.find("a call") is None
        assert len(origins) == 2
        assert not any(map(is_open, origins))
        monkeypatch.undo()
        assert await visited(desk.issue(FakeErrand(), key="a call")) == 200


async def test_a_server_that_fails_takes_its_pages_along_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_: PageServer) -> NoReturn:
        raise RuntimeError("what nobody foresaw")

    async with open_desk() as desk:
        monkeypatch.setattr(PageServer, "main_loop", fail)
        lost = desk.issue(FakeErrand(), key="a call")
        assert await lost.settled(60)
        monkeypatch.undo()
        assert lost.is_replaced
        assert not is_open(lost.url)
        another = desk.issue(FakeErrand(), key="a call")
        await anyio.wait_all_tasks_blocked()
        assert await visited(another) == 200
        assert port(desk.issue(FakeErrand(), key="another").url) == port(another.url)
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR] == [
        "The pages' server failed: RuntimeError"
    ]
    assert "foresaw" not in caplog.text


async def test_the_signals_stay_the_process_s_own() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    async with open_desk() as desk, visiting(desk.issue(FakeErrand(), key="a call").url) as visitor:
        await visitor.visit()
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
