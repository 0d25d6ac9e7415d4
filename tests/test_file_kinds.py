"""How many files there are of each extension: exact for each that is named, whatever the others are called."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server import file_kinds
from mcp_server.file_kinds import Kinds, extension_of
from mcp_server.resources import OTHER


def kinds_of(batches: Iterable[Iterable[str]]) -> Kinds:
    kinds = Kinds()
    for batch in batches:
        kinds.add([*batch])
    return kinds


def endings(start: int, number: int) -> list[str]:
    return [f"archive/shot.{each:06}" for each in range(start, start + number)]


def test_of_many_kinds_ten_are_shown_and_the_rest_is_summed() -> None:
    told = kinds_of([f"{copy}.e{kind:02}" for copy in range(kind + 1)] for kind in range(15)).most_frequent()
    assert list(told.items()) == [*((f".e{kind:02}", kind + 1) for kind in range(14, 4, -1)), (OTHER, 15)]


def test_a_long_extension_is_no_kind_of_its_own() -> None:
    assert kinds_of([[f"a.{'x' * 1000}", "b.mp4"]]).most_frequent() == {".mp4": 1, OTHER: 1}


def test_names_that_are_made_up_cost_no_memory_and_hide_no_real_kind() -> None:
    tracemalloc.start()
    try:
        told = kinds_of(
            [*endings(990 * batch, 990), *(f"{batch}-{number}.mp4" for number in range(10))] for batch in range(100)
        ).most_frequent()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * 2**20
    assert told[".mp4"] == 1000
    assert sum(told.values()) == 100_000


def test_a_kind_that_comes_after_many_made_up_ones_is_told() -> None:
    late = [[f"incoming/{number}.mp4" for number in range(1000)]] * 20
    told = kinds_of([*(endings(1000 * batch, 1000) for batch in range(20)), *late]).most_frequent()
    assert told[".mp4"] == 20_000
    assert sum(told.values()) == 40_000


@given(st.lists(st.lists(st.integers(0, 40), max_size=30), max_size=10), st.integers(2, 12))
def test_each_kind_is_told_exactly_or_is_one_of_the_others(batches: list[list[int]], held: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(file_kinds, "_KINDS_HELD", held)
        paths = [[f"{at}.e{kind}" for at, kind in enumerate(batch)] for batch in batches]
        told = kinds_of(paths).most_frequent()
    true = Counter(extension_of(path) for batch in paths for path in batch)
    assert {kind: number for kind, number in told.items() if kind != OTHER}.items() <= true.items()
    assert sum(told.values()) == true.total()


def test_a_kind_that_was_given_up_does_not_come_back_with_too_small_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_kinds, "_KINDS_HELD", 4)
    told = kinds_of([["a.x", *(f"{number}.e{number % 4}" for number in range(8))], ["b.x"] * 5]).most_frequent()
    assert ".x" not in told
    assert sum(told.values()) == 14
