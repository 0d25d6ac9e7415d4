"""How far the work of a call has come, told by whoever does it to whoever asked. No I/O here."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

_listener: ContextVar[Callable[[int], None] | None] = ContextVar("listener", default=None)


def seen(count: int) -> None:
    """So many files more were seen."""
    listener = _listener.get()
    if listener is not None and count:
        listener(count)


@contextmanager
def told_to(listener: Callable[[int], None]) -> Generator[None]:
    """Whatever runs inside, in this task or in one begun there, tells the listener."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
