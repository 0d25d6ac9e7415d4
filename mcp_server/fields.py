"""The fields of requests: what a name, bucket, region, key or path must look like, by the rules of its provider.

A rule is what a caller is told when it is broken; the value never is. No operation is known here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    ValidationInfo,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from mcp_server.spelling import EDGE, corrects, trimmed

ConnectorScope = Literal["import", "export"]
ImportMode = Literal["all", "new_only"]


@dataclass(frozen=True)
class _Matching:
    """The whole text matches the pattern; the rule is what the caller is told, never the text."""

    pattern: str
    rule: str

    def _checked(self, text: str) -> str:
        if re.fullmatch(self.pattern, text) is None:
            raise PydanticCustomError("name_rule", "must be {rule}", {"rule": self.rule})
        return text

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "pattern": f"^{self.pattern}$"}


def _listed(value: object, info: ValidationInfo) -> object:
    """A list may come as JSON text, a list of one as its only entry: some clients send it so."""
    if not isinstance(value, str) or not corrects(info):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return [value]


_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def truth(value: object) -> object:
    """True or False for what clients send in their place; anything else as it is."""
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    return _WORDS.get(value.strip().lower(), value) if isinstance(value, str) else value


def _number(value: object) -> object:
    """Of what pydantic takes for a number, true and false are none."""
    if isinstance(value, bool):
        raise PydanticCustomError("int_type", "Input should be a valid integer")
    return value


def _without_outer_slashes(path: str) -> str:
    return path.strip("/")


def _flag(value: object, info: ValidationInfo) -> object:
    return truth(value) if corrects(info) else value


def _distinct(scopes: list[ConnectorScope]) -> list[ConnectorScope]:
    return list(dict.fromkeys(scopes))


_HOST_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_UUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_SHOWN = r"[^\x00-\x1f\x7f-\x9f]"
_FOLDER = r"(?!\.{1,2}(/|$))[^/\\\x00-\x1f\x7f-\x9f]+"
_NO_ADDRESS = r"(?![0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$)(?!.*\.\.)"
# Of a text whose length nothing bounds, pydantic takes lone surrogates too: a bound or a pattern keeps them out.
_TRIMMED = BeforeValidator(trimmed)
Flag = Annotated[bool, Field(strict=True), BeforeValidator(_flag)]

ConnectorId = Annotated[
    str,
    _TRIMMED,
    _Matching("[A-Za-z0-9_-]{1,64}", "1 to 64 of A-Z a-z 0-9 _ -, as list_connectors gives it"),
    Field(description="From list_connectors", examples=["conn_123"]),
]
ConnectorName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100),
    _TRIMMED,
    _Matching(rf"{EDGE}({_SHOWN}*{EDGE})?", "free of control characters, and of blanks at its ends"),
    Field(examples=["Media archive"]),
]
ConfirmedName = Annotated[str, StringConstraints(min_length=1, max_length=4096), _TRIMMED]
Scopes = Annotated[
    list[ConnectorScope], Field(min_length=1, max_length=8), BeforeValidator(_listed), AfterValidator(_distinct)
]
ExportBasePath = Annotated[
    str,
    StringConstraints(max_length=512),
    _TRIMMED,
    _Matching(rf"/*(?![\s/\ufeff])({_FOLDER}/)*{_FOLDER}(?<![\s\ufeff])/*", "a folder path such as exports/review"),
    AfterValidator(_without_outer_slashes),
    Field(examples=["exports/review"]),
]
IdempotencyKey = Annotated[
    str, _TRIMMED, _Matching("[!-~]{1,255}", "1 to 255 printable ASCII characters without blanks")
]
S3Bucket = Annotated[
    str,
    _TRIMMED,
    _Matching(
        rf"{_NO_ADDRESS}[a-z0-9][a-z0-9.-]{{1,61}}[a-z0-9]",
        "an S3 bucket name: 3 to 63 of a-z 0-9 . -, not an IP address",
    ),
    Field(examples=["media-archive"]),
]
GcsBucket = Annotated[
    str,
    _TRIMMED,
    _Matching(
        rf"{_NO_ADDRESS}(?!.*[^.]{{64}})[a-z0-9][a-z0-9._-]{{1,220}}[a-z0-9]",
        "a GCS bucket name: 3 to 63 of a-z 0-9 - _ (with dots up to 222), not an IP address",
    ),
    Field(examples=["media-archive"]),
]
_REGION = "(?!.{33})[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}"
Region = Annotated[str, _TRIMMED, _Matching(_REGION, "an AWS region such as us-east-1"), Field(examples=["us-east-1"])]


def is_region(text: str) -> bool:
    """Whether the text looks like an AWS region."""
    return re.fullmatch(_REGION, text) is not None


AccessKeyId = Annotated[
    str, _TRIMMED, _Matching(r"[A-Za-z0-9_.-]{3,128}", "an access key id: 3 to 128 of A-Z a-z 0-9 _ . -")
]
GcpProjectId = Annotated[
    str,
    _TRIMMED,
    _Matching(
        r"([a-z0-9.-]{1,100}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]",
        "a project id: 6 to 30 of a-z 0-9 -, beginning with a letter",
    ),
    Field(examples=["media-project"]),
]
StorageAccount = Annotated[
    str,
    _TRIMMED,
    _Matching("[a-z0-9]{3,24}", "a storage account name: 3 to 24 of a-z 0-9"),
    Field(examples=["mediaarchive"]),
]
Container = Annotated[
    str,
    _TRIMMED,
    _Matching(r"(\$(root|web|logs)|(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9])", "a container name: 3 to 63 of a-z 0-9 -"),
    Field(examples=["incoming"]),
]
TenantId = Annotated[
    str,
    _TRIMMED,
    _Matching(rf"({_UUID}|(?!.{{254}})({_HOST_LABEL}\.)+[A-Za-z]{{2,63}})", "a tenant UUID or a domain name"),
    Field(examples=["contoso.example"]),
]
ClientId = Annotated[str, _TRIMMED, _Matching(_UUID, "an application (client) UUID")]
_ANY = _Matching(r"[^\x00]*", "free of NUL characters")
Prefix = Annotated[str, StringConstraints(max_length=1024), _ANY, Field(examples=["incoming/2026/"])]
Pattern = Annotated[
    str,
    StringConstraints(min_length=1, max_length=1024),
    _ANY,
    Field(examples=["*.mp4", "clips/**/*.{mp4,mov}"], json_schema_extra={"format": "glob"}),
]
Sort = Literal["path", "size", "time"]
"""Path: by code point. Size: largest first. Time: newest first. Files of one size or time are in path order."""
Limit = Annotated[int, Field(ge=1, le=1000), BeforeValidator(_number)]
Cursor = Annotated[str, _TRIMMED, _Matching("[A-Za-z0-9_-]{1,16384}", "a next_cursor, as it was given")]

CREDENTIAL_FIELDS: Mapping[str, tuple[str, ...]] = {
    "gcs": ("credentials_json",),
    "s3": ("aws_access_key_id", "aws_secret_access_key"),
    "azure": ("tenant_id", "client_id", "client_secret"),
}
ALL_CREDENTIAL_FIELDS = tuple(name for names in CREDENTIAL_FIELDS.values() for name in names)
SECRET_FIELDS = frozenset({"credentials_json", "aws_secret_access_key", "client_secret"})
