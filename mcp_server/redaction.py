"""The Secret type, the one way to read it, and the scrubber that keeps secrets out of all that leaves the process.

No I/O here, and no knowledge of operations: a secret is known by its type, and a text is only a text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any, ClassVar, cast

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, SerializationInfo, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema, to_json

from mcp_server import credential_patterns
from mcp_server.escapes import Reading, layers
from mcp_server.sieve import Sieve, Span
from mcp_server.spelling import TRIMMED, trimmed

MARKER = "[redacted]"
NAMELESS = "secret"
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
        text = core_schema.str_schema(min_length=cls.MIN_LENGTH, max_length=cls.MAX_LENGTH)
        return core_schema.with_info_before_validator_function(
            _unwrap,
            core_schema.no_info_after_validator_function(cls._trimmed, text),
            serialization=SERIALIZED_AS_MARKER,
        )

    @classmethod
    def _trimmed(cls, text: str) -> Secret:
        if re.fullmatch(TRIMMED, text) is None:
            raise PydanticCustomError("name_rule", "must be without blanks at its ends")
        return cls(text)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "format": "password", "pattern": f"^{TRIMMED}$"}


def _unwrap(value: Any, info: ValidationInfo) -> Any:
    return value.parts()[0] if isinstance(value, Secret) else trimmed(value, info)


def reveal(model: BaseModel) -> dict[str, Any]:
    """The set fields of a model, JSON-ready, its secrets in clear. For the wire and for sealing only."""
    return model.model_dump(mode="json", context=_REVEAL, exclude_none=True)


def reveal_text(secret: Secret) -> str:
    """One secret in clear, for a header or a signature."""
    return secret.parts()[0]


def secrets_of(model: BaseModel) -> dict[str, str]:
    """Every string in the model's own fields that must not be seen, and the name of its field."""
    return {part: name for name, value in model if isinstance(value, Secret) for part in value.parts()}


def _within(text: bytes, position: int) -> bool:
    """Whether it is inside of a character."""
    return 0x80 <= (text[position] if position < len(text) else 0) < 0xC0


def _whole(text: bytes, start: int, end: int) -> tuple[int, int]:
    """The span widened to whole characters."""
    while _within(text, start):
        start -= 1
    while _within(text, end):
        end += 1
    return start, end


def _spans(text: bytes, sieve: Sieve) -> set[Span]:
    """What is secret of a text: the known in every disguise, and what looks like one as it is or unescaped."""
    readings = list(layers(Reading(text)))
    known = sieve.spans(readings)
    shaped = (
        (*reading.span(start, end), name)
        for reading in readings
        for start, end, name in credential_patterns.spans(reading.octets)
    )
    return {(*_whole(text, start, end), name) for start, end, name in (*known, *shaped)}


def _json(value: Any) -> str:
    """The JSON value as text. Half a surrogate, which UTF-8 does not have, takes the slower way."""
    try:
        return to_json(value, inf_nan_mode="constants").decode()
    except ValueError:
        return json.dumps(value, ensure_ascii=False)


def _merged(spans: Iterable[Span]) -> list[tuple[int, int, list[str]]]:
    """The same without overlaps, each with the names of all that it covers."""
    merged: list[tuple[int, int, list[str]]] = []
    for start, end, name in sorted(spans):
        if merged and start < merged[-1][1]:
            first, last, names = merged.pop()
            merged.append((first, max(last, end), [*names, name]))
        else:
            merged.append((start, end, [name]))
    return merged


def _named(secrets: Mapping[str, str] | Iterable[str]) -> dict[str, str]:
    if isinstance(secrets, Mapping):
        return dict(cast("Mapping[str, str]", secrets))
    return dict.fromkeys(secrets, NAMELESS)


class Scrubber:
    """Replaces secrets in texts and JSON values: the given ones, in any form, and what looks like one."""

    def __init__(self, secrets: Mapping[str, str] | Iterable[str]) -> None:
        self.secrets = _named(secrets)

    @cached_property
    def _sieve(self) -> Sieve:
        """Made for the first text: most calls log and refuse nothing."""
        return Sieve(self.secrets)

    def text(self, text: str) -> str:
        """The text with a marker in place of each secret. Linear in the text."""
        octets = text.encode(errors="surrogatepass")
        pieces: list[bytes] = []
        done = 0
        for start, end, names in _merged(_spans(octets, self._sieve)):
            pieces += (octets[done:start], f"[redacted {self._best(names)}]".encode())
            done = end
        return b"".join((*pieces, octets[done:])).decode(errors="surrogatepass") if pieces else text

    def _best(self, names: list[str]) -> str:
        """A given name before one that only a shape suggests."""
        given = self.secrets.values()
        return min(names, key=lambda name: (name == NAMELESS, name not in given))

    def value(self, value: Any) -> Any:
        """The JSON value scrubbed as one text, so that a field's name is seen beside its value."""
        text = _json(value)
        scrubbed = self.text(text)
        if scrubbed == text:
            return value
        with suppress(ValueError):
            return json.loads(scrubbed)
        return self._in_each_string(value)

    def _in_each_string(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            entries = cast("dict[str, Any]", value)
            return {self.text(key): self._in_each_string(item) for key, item in entries.items()}
        items = cast("list[object]", value)
        return [self._in_each_string(item) for item in items] if isinstance(value, list) else value


def redact(text: str, secrets: Mapping[str, str] | Iterable[str]) -> str:
    """The text without the secrets, in any of the forms that `Scrubber` knows, and without what looks like one."""
    return Scrubber(secrets).text(text)


_active: dict[tuple[str, str], int] = {}
"""How often each secret, with its name, is guarded at this moment."""


@contextmanager
def guarding(secrets: Scrubber | Mapping[str, str] | Iterable[str]) -> Generator[Scrubber]:
    """While it lasts, log records of the whole process are scrubbed of these secrets; yields their scrubber."""
    scrubber = secrets if isinstance(secrets, Scrubber) else Scrubber(secrets)
    held = tuple(scrubber.secrets.items())
    for pair in held:
        _active[pair] = _active.get(pair, 0) + 1
    try:
        yield scrubber
    finally:
        for pair in held:
            _active[pair] -= 1
            if not _active[pair]:
                del _active[pair]


def scrub_active(text: str) -> str:
    """The text without any secret that is guarded at this moment, and without what looks like one."""
    return Scrubber(dict(tuple(_active))).text(text)
