"""A model's tokens and what a start imports do not grow unnoticed: figures.json says how much they are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any, cast

from mcp_server.file_views import text
from mcp_server.resources import CloudFile
from tests.figures import UNUSUAL, Json, as_the_vendor_shows, compact, kept, listings, measured, some_files
from tests.o200k import tokens

UPDATE = "If that is meant, `python -m tests.figures` writes the new figures to tests/figures.json."


def flat(figures: dict[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, figure in figures.items():
        inner = cast("dict[str, Any]", figure) if isinstance(figure, dict) else None
        found |= {before + name: figure} if inner is None else flat(inner, f"{before}{name}: ")
    return found


def differences(was: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """A line a figure that is another now."""
    changed = (name for name in sorted({*was, *now}) if was.get(name) != now.get(name))
    return [_difference(name, was.get(name), now.get(name)) for name in changed]


def _difference(name: str, was: Any, now: Any) -> str:
    if isinstance(was, list) and isinstance(now, list):
        before, after = set(cast("list[str]", was)), set(cast("list[str]", now))
        return f"{name}: more {sorted(after - before)}, no more {sorted(before - after)}"
    return f"{name}: was {was}, is {now}"


def test_every_figure_is_the_one_that_is_kept() -> None:
    changed = differences(flat(dict(kept())), flat(measured()))
    assert not changed, "\n".join([*changed, UPDATE])


def test_a_figure_that_is_another_is_told_with_both_values() -> None:
    was = {"tokens": {"a": 1, "gone": 2, "same": 3}, "modules": ["x", "y"]}
    now = {"tokens": {"a": 4, "same": 3}, "modules": ["y", "z"]}
    assert differences(flat(was), flat(now)) == [
        "modules: more ['z'], no more ['x']",
        "tokens: a: was 1, is 4",
        "tokens: gone: was 2, is None",
    ]


def test_a_page_is_a_fraction_of_what_the_vendor_shows() -> None:
    files = some_files(1_000)
    assert {len(file.path) for file in files} == {35}
    assert tokens(as_the_vendor_shows(files)) > 80 * 1_000
    for shown in (text, compact):
        for unusual in UNUSUAL.values():
            assert _tokens_of_pages(shown, unusual, limit=1_000, details=True) <= 20 * 1_000
        of = partial(_tokens_of_pages, shown, files)
        assert of(limit=1_000) <= 11 * 1_000
        assert of(limit=1_000, details=True) <= 20 * 1_000
        assert max(of(1, details=details) for details in (False, True)) <= 2_500
        assert of(summary=True) < 300


def _tokens_of_pages(
    shown: Callable[[Json], str], files: list[CloudFile], number: int | None = None, **arguments: Any
) -> int:
    return tokens("".join(map(shown, islice(listings(files, **arguments), number))))
