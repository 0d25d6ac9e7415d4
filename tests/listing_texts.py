"""Reads the text of a listing back: paths with the folder that it writes once, times in the form that the data have."""

from __future__ import annotations

import re

_ROWS = re.compile(r"^(?:paths|files): (?P<count>\d+) rows(?:, each below (?P<folder>.+))?$", re.MULTILINE)
_TIME = re.compile(r"^([^\t]*\t\d+)\t(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?=\t|$)", re.MULTILINE)


def spelled_out(text: str) -> str:
    """The text, whose rows of files now say all; any other text as it is."""
    found = _ROWS.search(text)
    if found is None or found["folder"] is None:
        return _with_times(text)
    head, rows = text[: found.end()], text[found.end() + 1 :].split("\n")
    titles = rows[: -int(found["count"])]
    return _with_times("\n".join([head, *titles, *(found["folder"] + row for row in rows[len(titles) :])]))


def _with_times(text: str) -> str:
    return _TIME.sub(r"\1\t\2-\3-\4T\5:\6:\7Z", text)
