"""How a caller's texts are read: a model's with tolerance, those of an HTTP request as they are written.

Tolerance over HTTP could not be told by its document, which says exactly what is taken.
"""

from __future__ import annotations

from pydantic import ValidationInfo

AS_WRITTEN: dict[str, bool] = {"as_written": True}
"""The context in which pydantic validates what nothing is to be corrected in."""

EDGE = r"[^\s\x00-\x1f\x7f-\x9f\ufeff]"
"""What a text without blanks at its ends begins and ends with; the same in every dialect of expressions."""

TRIMMED = rf"{EDGE}([^\x00]*{EDGE})?"


def corrects(info: ValidationInfo) -> bool:
    """Whether an argument may be corrected before it is checked."""
    return info.context is not AS_WRITTEN


def trimmed(value: object, info: ValidationInfo) -> object:
    """A text without the blanks at its ends, where that may be corrected; anything else as it is."""
    return value.strip() if isinstance(value, str) and corrects(info) else value
