"""A Google service-account key as an argument: taken as an object or as JSON text, checked, kept as a Secret.

Whose token endpoint a key may name is decided where it is used, not here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, cast

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from mcp_server.redaction import SERIALIZED_AS_MARKER, Secret
from mcp_server.spelling import EDGE

GOOGLE_TOKEN_URI = "https://oauth2.googleapis.com/token"
_PEM = re.compile(
    r"[\t-\r ]*-----BEGIN (RSA )?PRIVATE KEY-----[A-Za-z0-9+/=\t-\r ]{1,16000}-----END (RSA )?PRIVATE KEY-----[\t-\r ]*"
)
REQUIRED_FIELDS = ("project_id", "private_key_id", "private_key", "client_email", "token_uri")
DOCUMENT_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["type", *REQUIRED_FIELDS],
    "properties": {
        "type": {"const": "service_account"},
        "project_id": {"type": "string", "pattern": EDGE},
        "private_key_id": {"type": "string", "pattern": EDGE},
        "private_key": {"type": "string", "format": "password", "pattern": f"^{_PEM.pattern}$"},
        "client_email": {"type": "string", "pattern": EDGE},
        "token_uri": {"const": GOOGLE_TOKEN_URI},
    },
}
"""The key file as the object that it is; more fields may be in it."""
MAX_DEPTH = 16


def _invalid(rule: str) -> PydanticCustomError:
    return PydanticCustomError("service_account_key", "must be a service-account key: {rule}", {"rule": rule})


def _faults(key: Mapping[str, object]) -> Iterator[str]:
    if key.get("type") != "service_account":
        yield "its type must be service_account (user and external-account files do not work)"
    for name in REQUIRED_FIELDS:
        value = key.get(name)
        if not isinstance(value, str) or not re.search(EDGE, value):
            yield f"{name} is missing"
    if _is_deeper(key, MAX_DEPTH):
        yield f"it is nested more than {MAX_DEPTH} deep"
    private_key = key.get("private_key")
    if isinstance(private_key, str) and not _PEM.fullmatch(private_key):
        yield "private_key must be a PEM block (BEGIN PRIVATE KEY) of at most 16 KB"


def _is_deeper(value: object, levels: int) -> bool:
    """Whether lists and objects are nested deeper: the text is read again, where less of the stack may be left."""
    level: list[object] = [value]
    for _ in range(levels):
        level = [entry for each in level for entry in _entries(each) if isinstance(entry, dict | list)]
    return bool(level)


def _entries(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return cast("dict[str, object]", value).values()
    return cast("list[object]", value)


def _json_text(value: Any) -> str:
    if isinstance(value, Secret):
        return value.parts()[0]
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    if isinstance(value, Mapping):
        value = _dumped(cast("Mapping[str, object]", value))
    if not isinstance(value, str):
        raise _invalid("a JSON object, or that object as text")
    return value.removeprefix("\ufeff")


def _dumped(key: Mapping[str, object]) -> str:
    try:
        return json.dumps(dict(key))
    except (TypeError, ValueError, RecursionError):
        raise _invalid("it is not valid JSON") from None


class ServiceAccountKey(Secret):
    """The whole JSON key file, at most 64 KiB; `fields` are read from it when needed."""

    __slots__ = ()
    MAX_LENGTH: ClassVar[int] = 64 * 1024

    @property
    def fields(self) -> dict[str, str]:
        """The key's string fields; `private_key` is among them."""
        return {name: text for name, text in json.loads(self._value).items() if isinstance(text, str)}

    def parts(self) -> tuple[str, ...]:
        return (self._value, self.fields["private_key"])

    @classmethod
    def checked(cls, value: Any) -> ServiceAccountKey:
        """The key, if it is one.

        Raises PydanticCustomError, which names the broken rules and no value.
        """
        text = _json_text(value)
        if len(text.encode()) > cls.MAX_LENGTH:
            raise _invalid("at most 64 KiB")
        try:
            key = json.loads(text)
        except (ValueError, RecursionError):
            raise _invalid("it is not valid JSON") from None
        if not isinstance(key, dict):
            raise _invalid("a JSON object")
        if faults := list(_faults(cast("dict[str, object]", key))):
            raise _invalid("; ".join(faults))
        return cls(text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.checked,
            json_schema_input_schema=core_schema.str_schema(),
            serialization=SERIALIZED_AS_MARKER,
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(schema)
