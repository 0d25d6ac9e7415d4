"""The processes that serve one address: this one, or several that share its socket and are replaced when they die.

What they serve is opened in each of them by `open_app`, which therefore can be pickled.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait

import anyio
from starlette.types import ASGIApp

from mcp_server.errors import ConfigurationError
from mcp_server.http_server.drain import Drain
from mcp_server.http_server.draining_server import DRAIN_SECONDS, DrainingServer, OwedAnswers
from mcp_server.http_server.listening import Listening, allow_connections
from mcp_server.http_server.metrics import abandon_folder, forget_process, shared_folder

OpenApp = Callable[[Drain], AbstractAsyncContextManager[ASGIApp]]
Announce = Callable[[str], object]

READY_SECONDS = 60
GRACE_SECONDS = 5
PAUSE_SECONDS = 1
FAILED = 2
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_spawn = multiprocessing.get_context("spawn")
_log = logging.getLogger(__name__)


def serve(open_app: OpenApp, listening: Listening, announce: Announce, seconds: float = DRAIN_SECONDS) -> None:
    """Serve until SIGTERM or SIGINT, and then answer what was accepted, for so many seconds at most.

    `announce` is told the URL as soon as every process serves. Raises ConfigurationError when one cannot.
    """
    with listening.open_socket() as opened:
        worker = _Worker(open_app, listening, seconds)
        url = listening.url(opened)
        if listening.workers == 1:
            worker.run(opened, lambda: announce(url))
        else:
            _Workers(worker, opened).run(lambda: announce(url))


@dataclass(frozen=True)
class _Worker:
    """The work of one process."""

    open_app: OpenApp
    listening: Listening
    seconds: float

    def run(self, opened: socket.socket, ready: Callable[[], object]) -> None:
        """Serve on the socket; `ready` is called as soon as this does."""
        allow_connections()
        anyio.run(self._serve, opened, ready, backend_options={"use_uvloop": find_spec("uvloop") is not None})

    async def _serve(self, opened: socket.socket, ready: Callable[[], object]) -> None:
        drain = Drain()
        async with self.open_app(drain) as app:
            config = self.listening.config(OwedAnswers(app, drain))
            server = DrainingServer(config, drain, self.seconds, ready)
            _follow_parent(server)
            with _without_garbage_of_the_start():
                await server.serve([opened])


@contextmanager
def _without_garbage_of_the_start() -> Generator[None]:
    """What was made until now stays as long as the process serves: it is not looked through for garbage meanwhile."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _follow_parent(server: DrainingServer) -> None:
    """A process that another one started ends with it."""
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            server.end()

    threading.Thread(target=follow, daemon=True).start()


def _serve_as_child(worker: _Worker, opened: socket.socket, tell: Connection) -> None:
    """What another process runs: it tells that it is ready, or why it cannot be."""
    try:
        with opened:
            worker.run(opened, lambda: _send(tell, ""))
    except ConfigurationError as error:
        _send(tell, str(error))
        sys.exit(FAILED)
    finally:
        parent = multiprocessing.parent_process()
        if parent is not None and not parent.is_alive():
            abandon_folder()


def _send(tell: Connection, text: str) -> None:
    """To a process that may be gone."""
    with suppress(OSError):
        tell.send(text)


@contextmanager
def _without_interrupts() -> Generator[None]:
    """Processes that are started meanwhile get no SIGINT: a terminal sends it to all, the first tells the others."""
    resource_tracker.ensure_running()  # when it begins, it lets SIGINT through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Child:
    """A process, and what it said of its start."""

    def __init__(self, worker: _Worker, opened: socket.socket) -> None:
        self._heard, tell = _spawn.Pipe(duplex=False)
        with tell, _without_interrupts():
            self.process = _spawn.Process(target=_serve_as_child, args=(worker, opened, tell))
            self.process.start()

    def serves(self, ended: socket.socket) -> bool:
        """Wait until it does, or `ended` can be read. Raises ConfigurationError when it cannot."""
        heard = wait([self._heard, ended], READY_SECONDS)
        if ended in heard:
            return False
        trouble = self._said() if heard else "A process did not begin to serve in time."
        if trouble:
            raise ConfigurationError(trouble)
        return True

    def _said(self) -> str:
        """Why it cannot serve; nothing when it does."""
        try:
            return str(self._heard.recv())
        except EOFError:
            return "A process ended at its start; its log says why."

    def last_words(self) -> str:
        """What a process that ended has said and nobody heard."""
        said = ""
        with suppress(EOFError):
            while True:
                said = str(self._heard.recv())
        return said


class _Workers:
    """Processes on one socket, each replaced when it dies."""

    def __init__(self, worker: _Worker, opened: socket.socket) -> None:
        self._worker = worker
        self._opened = opened
        self._children: list[_Child] = []
        self._ended, self._end = socket.socketpair()

    def run(self, ready: Callable[[], object]) -> None:
        """Until SIGTERM or SIGINT. Raises ConfigurationError when the first of them cannot serve."""
        with self._told_by_signals(), shared_folder():
            try:
                if self._start():
                    ready()
                    self._watch()
            finally:
                self._finish()

    @contextmanager
    def _told_by_signals(self) -> Generator[None]:
        before = {number: signal.signal(number, self._asked_to_end) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            self._ended.close()
            self._end.close()

    def _asked_to_end(self, *_: object) -> None:
        self._end.send(b"e")

    def _start(self) -> bool:
        """Whether they serve: not when the end comes before."""
        for _ in range(self._worker.listening.workers):
            self._children.append(_Child(self._worker, self._opened))
        return all(child.serves(self._ended) for child in self._children)

    def _watch(self) -> None:
        """Wait for the end, and for the ends of processes."""
        while self._ended not in wait([self._ended, *(child.process.sentinel for child in self._children)]):
            for child in [each for each in self._children if not each.process.is_alive()]:
                self._replace(child)

    def _replace(self, child: _Child) -> None:
        """At most one a second."""
        self._children.remove(child)
        forget_process(child.process.pid)
        words = f"another one is started. {child.last_words()}".rstrip()
        _log.error("A process that serves ended with status %s: %s", child.process.exitcode, words)
        self._children.append(_Child(self._worker, self._opened))
        wait([self._ended], PAUSE_SECONDS)

    def _finish(self) -> None:
        """All end at the same time, and nobody can connect meanwhile; who takes too long is killed."""
        self._opened.close()
        for child in self._children:
            child.process.terminate()
        end = time.monotonic() + self._worker.seconds + GRACE_SECONDS
        for child in self._children:
            child.process.join(max(0.0, end - time.monotonic()))
            child.process.kill()
            child.process.join()
