r"""Writes globs, braces already expanded, as a regular expression that can not backtrack far.

A star takes what it needs to the first fit and never gives it back, which is enough: what follows may fit
later, but not better. Python 3.10 has no atomic groups; a look-ahead and a reference to it, `(?=(…))\1`, are one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import count, takewhile
from typing import TypeVar

T = TypeVar("T")
Token = re.Match[str]

_TOKEN = re.compile(r"\*+|\?|\[(?P<set>[!^]?\]?[^\]/]*)\]|\\(?P<escaped>.)|(?P<literal>.)", re.DOTALL)
_SET_ITEM = re.compile("(?P<low>.)-(?P<high>.)|(?P<one>.)", re.DOTALL)
_DEPTHS = {"{": 1, "}": -1}
_ANY_SEGMENTS = "(?:[^/]*/)*?"
_SEGMENT_ENDS = "(?![^/])"


def literal_head(glob: str) -> str:
    """The characters that stand before the first that stands for others."""
    return "".join(takewhile(bool, map(_literal, _TOKEN.finditer(glob))))


def has_open_set(glob: str) -> bool:
    """Whether a `[` is not closed, at least not before the next slash."""
    return any(token["literal"] == "[" for token in _TOKEN.finditer(glob))


def has_open_brace(glob: str) -> bool:
    """Whether a `{` is not closed. The glob's braces are not expanded yet."""
    depth = 0
    for token in _TOKEN.finditer(glob):
        depth = max(0, depth + _DEPTHS.get(token["literal"], 0))
    return depth > 0


def expression_of(globs: Iterable[str]) -> str:
    """An expression whose full match is a match of any of the globs."""
    numbers = count()
    return "|".join(_whole(glob, numbers) for glob in globs)


def _literal(token: Token) -> str:
    return token["escaped"] or token["literal"] or ""


def _is_slash(token: Token) -> bool:
    return _literal(token) == "/"


def _is_star(token: Token) -> bool:
    return token[0].startswith("*")


def _is_globstar(segment: list[Token]) -> bool:
    return len(segment) == 1 and segment[0][0].startswith("**")


def _split(items: Iterable[T], separates: Callable[[T], bool]) -> list[list[T]]:
    parts: list[list[T]] = [[]]
    for item in items:
        if separates(item):
            parts.append([])
        else:
            parts[-1].append(item)
    return parts


def _atomic(expression: str, numbers: Iterator[int]) -> str:
    group = f"g{next(numbers)}"
    return f"(?=(?P<{group}>{expression}))(?P={group})"


def _whole(glob: str, numbers: Iterator[int]) -> str:
    """Runs of segments with `**` between them; a `**` at the end wants a last segment."""
    first, *others = _split(_split(_TOKEN.finditer(glob), _is_slash), _is_globstar)
    written = _run(first, numbers)
    if not others:
        return written
    *middle, last = others
    parts = [written + "/"] if first else []
    parts += [_atomic(f"{_ANY_SEGMENTS}{_run(run, numbers)}/", numbers) for run in middle if run]
    return "".join([*parts, _ANY_SEGMENTS, _run(last, numbers) if last else "[^/]*"])


def _run(segments: list[list[Token]], numbers: Iterator[int]) -> str:
    return "/".join(_segment(segment, numbers) for segment in segments)


def _segment(segment: list[Token], numbers: Iterator[int]) -> str:
    """Pieces of fixed width with `*` between them."""
    first, *others = ("".join(map(_character, piece)) for piece in _split(segment, _is_star))
    ends = [""] * (len(others) - 1) + [_SEGMENT_ENDS]
    return first + "".join(_atomic(f"[^/]*?{piece}{end}", numbers) for piece, end in zip(others, ends, strict=False))


def _character(token: Token) -> str:
    """One character, which is never a slash."""
    if token[0] == "?":
        return "[^/]"
    return re.escape(_literal(token)) if token["set"] is None else _set(token["set"])


def _set(content: str) -> str:
    """`[…]` of a regular expression; a range that runs backwards holds nothing."""
    excluded = content.startswith(("!", "^"))
    items = "".join(map(_set_item, _SET_ITEM.finditer(content[excluded:])))
    if excluded:
        return f"[^/{items}]"
    return f"(?!/)[{items}]" if items else "(?!)"


def _set_item(item: re.Match[str]) -> str:
    if item["one"]:
        return re.escape(item["one"])
    return f"{re.escape(item['low'])}-{re.escape(item['high'])}" if item["low"] <= item["high"] else ""
