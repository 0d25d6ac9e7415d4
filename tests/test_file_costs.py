"""What a model pays for a listing, in whichever form its client shows it."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest

from mcp_server.resources import CloudFile, FilePage, Totals
from tests.file_rows import paths_of
from tests.found_files import LONG, TIME, file, page, shown
from tests.tokens import token_counts


def costs(limit: int, **changes: Any) -> int:
    """The dearer form: some clients show the text to their model, some the structure."""
    of = [
        CloudFile(path=path, name=path[-9:], size_bytes=48_211_337 + 7 * number, last_modified=TIME, extension=".mp4")
        for number, path in enumerate(LONG[:limit])
    ]
    whole = page(of).model_copy(update={"next_cursor": "x" * 90})
    data, said = shown(whole, limit=limit, **changes)
    return max(token_counts([said, json.dumps(data, separators=(",", ":"))]))


def test_the_paths_are_of_the_length_that_the_budget_is_for() -> None:
    assert {len(path) for path in LONG} == {35}


@pytest.mark.parametrize("details", [False, True])
def test_a_long_page_of_names_that_are_dear_is_cut_before_clients_cut_it(details: bool) -> None:  # noqa: FBT001
    names = [UUID(bytes=sha256(b"%d" % number).digest()[:16]) for number in range(1_000)]
    of = [file(f"uploads/{name}", content_type=None) for name in names]
    data, said = shown(page(of), limit=1_000, details=details)
    assert 500 < len(paths_of(data)) < 1_000
    assert data["truncated"]
    assert all(20_000 < count < 25_000 for count in token_counts([said, json.dumps(data, separators=(",", ":"))]))


@pytest.mark.parametrize("details", [False, True])
def test_a_default_page_costs_at_most_2500_tokens(details: bool) -> None:  # noqa: FBT001
    assert costs(100, details=details) <= 2_500


@pytest.mark.parametrize("details", [False, True])
def test_a_file_costs_at_most_20_tokens(details: bool) -> None:  # noqa: FBT001
    assert costs(1_000, details=details) <= 20_000


ENDINGS: dict[str, Callable[[int], str]] = {
    "numbered": lambda number: f"kind-{number}",
    "digits of a digest": lambda number: sha256(b"%d" % number).hexdigest()[:31],
    "short digits of a digest": lambda number: sha256(b"%d" % number).hexdigest()[:11],
    "characters that are not seen": lambda number: "".join(chr(0xE0041 + (number + at) % 26) for at in range(31)),
    "one that is not seen": lambda number: chr(0xE0041 + number),
    "rare characters": lambda number: "".join(chr(0x2A700 + 97 * number + at) for at in range(2)),
    "symbols": lambda number: "%!#}]~^"[number % 7] * (number % 12) + "{|;$&*('"[number % 8] * 3,
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_a_summary_costs_less_than_300_tokens_whatever_the_size(ending: Callable[[int], str]) -> None:
    kinds = {f".{ending(number)}": 10**12 - number for number in range(10)}
    totals = Totals(files=10**13, bytes=10**18, extensions={**kinds, "other": 10**12}, newest=TIME, oldest=TIME)
    data, said = shown(FilePage(files=[], totals=totals), summary=True)
    assert max(token_counts([said, json.dumps(data, separators=(",", ":"), ensure_ascii=False)])) < 300
    assert sum(kind["files"] for kind in data["extensions"]) == sum(totals.extensions.values())
