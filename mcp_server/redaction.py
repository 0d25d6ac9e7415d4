"""The Secret type, the one way to read it, and the scrubber that keeps secrets out of all that leaves the process.

No I/O here, and no knowledge of operations: a secret is known by its type, and a text is only a text.
"""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, cast

from pydantic import BaseModel, GetCoreSchemaHandler, SerializationInfo
from pydantic_core import CoreSchema, core_schema

from mcp_server.escapes import readings

MARKER = "[redacted]"
_REVEAL: dict[str, bool] = {"reveal": True}


def _serialize(secret: Secret, info: SerializationInfo) -> str:
    return reveal_text(secret) if info.context is _REVEAL else MARKER


SERIALIZED_AS_MARKER = core_schema.plain_serializer_function_ser_schema(_serialize, info_arg=True)


class Secret:
    """A string that prints, dumps and compares without showing itself; 8 to 4,096 characters when it is an argument."""

    __slots__ = ("_value",)
    MIN_LENGTH: ClassVar[int] = 8
    MAX_LENGTH: ClassVar[int] = 4096

    def __init__(self, value: str) -> None:
        self._value = value

    def parts(self) -> tuple[str, ...]:
        """The strings that must not be seen; a structured secret has several."""
        return (self._value,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({MARKER!r})"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.str_schema(min_length=cls.MIN_LENGTH, max_length=cls.MAX_LENGTH, strip_whitespace=True)
        return core_schema.no_info_before_validator_function(
            _unwrap,
            core_schema.no_info_after_validator_function(cls, text),
            serialization=SERIALIZED_AS_MARKER,
        )


def _unwrap(value: Any) -> Any:
    return value.parts()[0] if isinstance(value, Secret) else value


def reveal(model: BaseModel) -> dict[str, Any]:
    """The set fields of a model, JSON-ready, its secrets in clear. For the wire and for sealing only."""
    return model.model_dump(mode="json", context=_REVEAL, exclude_none=True)


def reveal_text(secret: Secret) -> str:
    """One secret in clear, for a header or a signature."""
    return secret.parts()[0]


def secrets_of(model: BaseModel) -> list[str]:
    """Every string in the model's own fields that must not be seen."""
    return [part for _, value in model if isinstance(value, Secret) for part in value.parts()]


def _pieces(secret: str) -> Iterator[str]:
    """The secret and, of a PEM block, each line of its body: an echo may cut it anywhere between lines."""
    yield secret
    if secret.lstrip().startswith("-----BEGIN "):
        yield from (line for line in secret.splitlines() if len(line) >= 16 and "-----" not in line)


def _base64_cores(secret: str) -> Iterator[str]:
    """What stays the same of the secret's base64 wherever it lies in a longer text: one core an offset."""
    raw = secret.encode(errors="surrogatepass")
    for offset in range(3):
        start, end = (4 if offset else 0), (offset + len(raw)) // 3 * 4
        core = base64.b64encode(b"\0" * offset + raw).decode()[start:end]
        if len(core) >= 8:
            yield from (core, core.replace("+", "-").replace("/", "_"))


@dataclass(frozen=True, repr=False)
class _Needles:
    """What to look for in a text whose escapes are undone: the secrets as they are, and cores of their base64."""

    plain: frozenset[str]
    base64: frozenset[str]

    @classmethod
    def of(cls, secrets: Iterable[str]) -> _Needles:
        given = [secret for secret in secrets if secret.strip()]
        pieces = {piece for secret in given for piece in _pieces(secret)}
        whole = {*given, *(json.dumps(secret)[1:-1] for secret in given)}
        cores = frozenset(core for secret in whole for core in _base64_cores(secret))
        return cls(frozenset(pieces | {piece.replace(" ", "+") for piece in pieces}), cores)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where in the text they stand; of a base64 core also the up to four characters on each side of its groups."""
        for needle in self.plain:
            yield from _found(needle, text)
        for core in self.base64:
            for start, end in _found(core, text):
                left = len(_BASE64_END.split(text[max(0, start - 4) : start])[-1])
                right = len(_BASE64_END.split(text[end : end + 4])[0])
                yield start - left, end + right


_BASE64_END = re.compile("[^A-Za-z0-9+/_=-]")


def _found(needle: str, text: str) -> Iterator[tuple[int, int]]:
    start = text.find(needle)
    while start >= 0:
        yield start, start + len(needle)
        start = text.find(needle, start + len(needle))


def _replaced(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text with one marker for each run of overlapping spans."""
    pieces: list[str] = []
    done = 0
    for start, end in sorted(spans):
        if start >= done:
            pieces += (text[done:start], MARKER)
        done = max(done, end)
    return "".join([*pieces, text[done:]])


class Scrubber:
    """Replaces given secrets in texts and JSON values: raw, JSON-escaped, percent-encoded, base64 (also embedded)."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = tuple(secrets)

    @cached_property
    def _needles(self) -> _Needles:
        """Made for the first text: most calls log and refuse nothing."""
        return _Needles.of(self._secrets)

    def text(self, text: str) -> str:
        """The text with a marker in place of each secret. Linear in the text."""
        if not self._secrets:
            return text
        spans = {
            reading.span(start, end) for reading in readings(text) for start, end in self._needles.spans(reading.text)
        }
        return _replaced(text, spans) if spans else text

    def value(self, value: Any) -> Any:
        """The JSON value with every string of it, keys too, scrubbed."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            entries = cast("dict[str, Any]", value)
            return {self.text(key): self.value(item) for key, item in entries.items()}
        return [self.value(item) for item in cast("list[object]", value)] if isinstance(value, list) else value


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets, in any of the forms that `Scrubber` knows."""
    return Scrubber(secrets).text(text)


_active: Counter[str] = Counter()


@contextmanager
def guarding(secrets: Iterable[str]) -> Generator[Scrubber]:
    """While it lasts, log records of the whole process are scrubbed of these secrets; yields their scrubber."""
    held = [secret for secret in secrets if secret]
    _active.update(held)
    try:
        yield Scrubber(held)
    finally:
        _active.subtract(held)
        for secret in held:
            if _active[secret] <= 0:
                del _active[secret]


def scrub_active(text: str) -> str:
    """The text without any secret that is guarded at this moment."""
    return Scrubber(_active).text(text) if _active else text
