"""Which characters of an outside text cannot be seen: control, bidirectional, ignorable, private and unassigned ones.

How they are written out instead is the business of whoever shows the text.
"""

from __future__ import annotations

import re

_IGNORABLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")


def all_seen(text: str) -> bool:
    """Whether every character of the text can be seen; of the blanks only the space can."""
    return text.isprintable() and (text.isascii() or not _IGNORABLE.search(text))
