"""Finds where what is left of a span can be cut, so that its parts can be listed at once.

Any cut is right, for a span is cut between keys; a good one leaves much on both sides. Folders tell by themselves.
Inside one folder the keys are probed: which character follows where names differ, and is there a key behind it?
"""

from __future__ import annotations

import string
from collections.abc import Awaitable, Callable, Iterable
from copy import copy
from functools import partial
from posixpath import commonprefix

import anyio

from mcp_server.embedded.storage.objects import Page
from mcp_server.embedded.storage.spans import Span
from mcp_server.errors import ConnectorError

Ask = Callable[..., Awaitable[Page]]

_MOST_CUTS = 64
_MOST_FOLDERS = 32
"""As many parts as there are requests at a time: behind each, most of a page is listed in vain."""

_ENOUGH_CUTS = 4
MOST_LEVELS = 8
_PROBES_AT_ONCE = 8
_DIGITS = {*string.digits}
_LAST_CHARACTER = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)


async def parts_by_key(ask: Ask, span: Span) -> list[Span]:
    """Parts of what is left of the span when it is known where to cut; the span keeps what is before them."""
    return span.cut(await _cuts(ask, span))


async def _cuts(ask: Ask, span: Span) -> list[str]:
    """Where to cut, in order: each part begins behind one of these texts. None where the span seems to end soon."""
    span = copy(span)  # which goes on meanwhile
    cuts = [] if span.delimiter else await _folders(ask, span)
    if len(cuts) < _ENOUGH_CUTS:
        cuts += await _probed(ask, span)
    return sorted({*cuts})


async def _gathered(questions: Iterable[Callable[[], Awaitable[Page]]]) -> list[Page | None]:
    """The answers, all asked at once; none where there was a fault, for that is not the listing's."""
    answers: dict[int, Page] = {}

    async def answer(number: int, question: Callable[[], Awaitable[Page]]) -> None:
        try:
            answers[number] = await question()
        except ConnectorError:
            return

    asked = list(questions)
    async with anyio.create_task_group() as group:
        for number, question in enumerate(asked):
            group.start_soon(answer, number, question)
    return [answers.get(number) for number in range(len(asked))]


async def _folders(ask: Ask, span: Span) -> list[str]:
    """Folders beside those that the last key is in; those of the higher levels hold more."""
    levels = span.levels()[:MOST_LEVELS]
    questions = [partial(ask, level, delimiter="/", start_after=span.last) for level in levels]
    cuts: list[str] = []
    for page in await _gathered(questions):
        folders = [folder for folder in page.folders if span.has_left(folder)] if page else []
        cuts += _thinned(folders, _MOST_FOLDERS - len(cuts))
    return cuts


def _thinned(texts: list[str], most: int) -> list[str]:
    """At most so many of the texts, evenly spread."""
    if len(texts) <= most:
        return texts
    return [texts[number * len(texts) // most] for number in range(most)]


async def _probed(ask: Ask, span: Span) -> list[str]:
    """First, where in the last key a greater character leads to keys that are left; then, which characters do."""
    found: dict[str, str] = {}
    position = await _branching(ask, span, found)
    if position is not None:
        stem, own = span.last[:position], span.last[position]
        greater = sorted(character for character in _DIGITS.union(*span.sample) if character > own)
        await _lead(ask, span, [stem + character for character in greater[:_MOST_CUTS]], found)
    return [*found.values()]


async def _branching(ask: Ask, span: Span, found: dict[str, str]) -> int | None:
    """The first position of the last key at which a greater character leads on, if there is one."""
    key = span.last
    positions = range(len(commonprefix([key, span.until])) if span.until else len(span.prefix), len(key))
    while positions:
        step = -(-len(positions) // _PROBES_AT_ONCE)
        tried = positions[::-1][::step][::-1]
        leading = await _lead(ask, span, [behind(key, position) for position in tried], found)
        index = next((number for number, position in enumerate(tried) if behind(key, position) in leading), None)
        if index is None or step == 1:
            return None if index is None else tried[index]
        positions = range(tried[index - 1] + 1 if index else positions[0], tried[index] + 1)
    return None


async def _lead(ask: Ask, span: Span, texts: list[str], found: dict[str, str]) -> set[str]:
    """Those of the texts behind which there is a key that is left. For each such key, one text is noted."""
    tried = [text for text in texts if span.has_left(text)]
    pages = await _gathered([partial(ask, span.prefix, start_after=text, most=1) for text in tried])
    firsts = {text: page.files.paths[0] for text, page in zip(tried, pages, strict=True) if page and page.files.paths}
    leading = {text: key for text, key in firsts.items() if span.has_left(key)}
    found |= {key: text for text, key in leading.items()}
    return {*leading}


def behind(key: str, position: int) -> str:
    """A text behind all that begin as the key does, up to and with this position."""
    following = ord(key[position]) + 1
    if following > _LAST_CHARACTER:
        return key[: position + 1]
    return key[:position] + chr(_SURROGATES.stop if following in _SURROGATES else following)
