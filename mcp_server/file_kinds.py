"""What a path says of its file: the name, the extension, and how many files of each extension there are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from posixpath import splitext

from mcp_server.resources import OTHER

KINDS_SHOWN = 10
_KINDS_HELD = 10_000
_LONGEST_KIND = 32
_MARKS = 2**23

# In lines of paths; the dots that begin a name begin no extension. That it begins with a character makes it fast.
_EXTENSIONS = re.compile(r"\.(?<=[^./\n].)\.*([^./\n]*)/*$", re.MULTILINE)


def name_of(path: str) -> str:
    """The last segment; a slash at the path's end is not one."""
    return path.rstrip("/").rpartition("/")[2]


def extension_of(path: str) -> str:
    """Of the name, lower case with its dot; empty where there is none."""
    extension = splitext(name_of(path))[1].lower()
    return "" if extension == "." else extension


class Kinds:
    """Counts files by extension, in a few MiB however many extensions are made up. What it tells of one is exact.

    The rarest are given up when there are too many; one that comes again is of the others, or the number would be too
    small. After a million that were given up, so is one in ten of the new ones.
    """

    def __init__(self) -> None:
        self._numbers: Counter[str] = Counter()
        self._others = 0
        self._given_up = bytearray()

    def add(self, paths: Sequence[str]) -> None:
        """Files that were not added before."""
        for kind, number in _counted(paths):
            if len(kind) > _LONGEST_KIND or (kind not in self._numbers and self._is_given_up(kind)):
                self._others += number
            else:
                self._numbers[kind] += number
        if len(self._numbers) > _KINDS_HELD:
            self._give_up_rarest()

    def most_frequent(self) -> dict[str, int]:
        """The most frequent first, those of one number by name; all that are not named come last."""
        shown = dict(sorted(self._numbers.items(), key=lambda item: (-item[1], item[0]))[:KINDS_SHOWN])
        others = self._others + self._numbers.total() - sum(shown.values())
        return shown | ({OTHER: others} if others else {})

    def _give_up_rarest(self) -> None:
        self._given_up = self._given_up or bytearray(_MARKS // 8)
        kept = Counter(dict(self._numbers.most_common(_KINDS_HELD // 2)))
        for kind in self._numbers.keys() - kept.keys():
            octet, bit = _mark(kind)
            self._given_up[octet] |= bit
        self._others += self._numbers.total() - kept.total()
        self._numbers = kept

    def _is_given_up(self, kind: str) -> bool:
        octet, bit = _mark(kind)
        return bool(self._given_up and self._given_up[octet] & bit)


def _mark(kind: str) -> tuple[int, int]:
    """Where an extension that was given up is remembered: octet and bit."""
    place = hash(kind) % _MARKS
    return place // 8, 1 << place % 8


def _counted(paths: Sequence[str]) -> Iterable[tuple[str, int]]:
    """How many of the paths have each extension."""
    text = "\n".join(paths)
    if text.count("\n") >= len(paths):
        return Counter(map(extension_of, paths)).items()
    found = _EXTENSIONS.findall(text)
    found += [""] * (len(paths) - len(found))
    return [(f".{ending}".lower() if ending else "", number) for ending, number in Counter(found).items()]
