"""Globs over object keys: `*`, `?`, `**`, `[…]`, `[!…]` or `[^…]`, and `{a,b}`. Case counts, hidden names are found.

Patterns come from a model, so nothing here may run long: stars and braces are capped, and what is long is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import takewhile

import bracex

from mcp_server.embedded.storage.glob_expression import expression_of, has_open_brace, has_open_set, literal_head
from mcp_server.errors import InvalidArguments, Violation

MAX_EXPANSIONS = 64
MAX_STARS = 16
MAX_STARS_WRITTEN_OUT = 320
MAX_BRACES = 16
MAX_EXPANDED_LENGTH = 4096
_SUFFIX = re.compile(r"\*(?P<suffix>[^*?\[\\/]*)")

Matcher = Callable[[str], object]


@dataclass(frozen=True)
class Glob:
    """A glob that was read. Every text that `matches`, which is told by a true value, begins with `head`.

    With `suffixes`, what matches is any text without a slash that ends with one of them.
    """

    head: str
    matches: Matcher
    suffixes: tuple[str, ...] | None = None


def read_glob(pattern: str) -> Glob:
    """The glob of a pattern over whole texts: `*` and `?` match no slash, a segment `**` any number of segments.

    Raises InvalidArguments for a pattern that could take long, and for one with an open bracket.
    """
    if has_open_brace(pattern):
        raise _invalid(r"has a { that no } closes; the character itself is \{")
    alternatives = _expanded(pattern)
    if any(map(has_open_set, alternatives)):
        raise _invalid(r"has a [ that no ] closes before the next slash; the character itself is \[")
    heads = [literal_head(alternative) for alternative in alternatives]
    head = _common_head(min(heads), max(heads))
    suffixes = _suffixes(alternatives)
    if suffixes is not None:
        return Glob(head, partial(_ends_with, suffixes), suffixes)
    return Glob(head, re.compile(expression_of(alternatives), re.DOTALL).fullmatch)


def _common_head(one: str, other: str) -> str:
    """What two texts, and all between them in order, begin with."""
    return "".join(mine for mine, _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _invalid(rule: str) -> InvalidArguments:
    return InvalidArguments((Violation("pattern", rule),))


def _expanded(pattern: str) -> list[str]:
    if pattern.count("*") > MAX_STARS or pattern.count("{") > MAX_BRACES:
        raise _invalid(f"at most {MAX_STARS} stars and {MAX_BRACES} braces")
    try:
        alternatives = bracex.expand(pattern, keep_escapes=True, limit=MAX_EXPANSIONS) or [pattern]
    except bracex.ExpansionLimitException:
        raise _invalid(f"its braces may stand for at most {MAX_EXPANSIONS} patterns") from None
    if sum(map(len, alternatives)) > MAX_EXPANDED_LENGTH:
        raise _invalid(f"at most {MAX_EXPANDED_LENGTH} characters when its braces are written out")
    if sum(alternative.count("*") for alternative in alternatives) > MAX_STARS_WRITTEN_OUT:
        raise _invalid(f"at most {MAX_STARS_WRITTEN_OUT} stars when its braces are written out")
    return alternatives


def _suffixes(alternatives: list[str]) -> tuple[str, ...] | None:
    """The cheap form, for `*`, `*.mp4` and `*.{mp4,mov}`; twenty times as fast as the expression."""
    found = [_SUFFIX.fullmatch(alternative) for alternative in alternatives]
    suffixes = tuple(match["suffix"] for match in found if match)
    return suffixes if len(suffixes) == len(alternatives) else None


def _ends_with(suffixes: tuple[str, ...], text: str) -> bool:
    return text.endswith(suffixes) and "/" not in text
