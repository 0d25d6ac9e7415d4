"""The tokenizer counts as OpenAI's does."""

from __future__ import annotations

import pytest

from tests.o200k import tokens

ROW = "incoming/2026/04/clip-0001.mp4\t1048576\t2026-04-01T09:00:00Z\tvideo/mp4\n"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        # The three that OpenAI's cookbook counts.
        ("antidisestablishmentarianism", 6),
        ("2 + 2 = 4", 7),
        ("お誕生日おめでとう", 8),
        # These were counted by npm's gpt-tokenizer 4.0.0 and PyPI's bpe-openai 0.1.4, which agree.
        (" \n\n\t x", 3),
        ("DON'T don't", 3),
        (ROW * 100, 3_500),
        ("😀👩\u200d👩\u200d👧 Ünïcödé مرحبا", 15),
        ("<|endoftext|>", 7),  # as text
    ],
)
def test_a_text_has_as_many_tokens_as_everywhere(text: str, count: int) -> None:
    assert tokens(text) == count
