"""The fields of requests: what a name, bucket, region, key or path must look like, by the rules of its provider.

A rule is what a caller is told when it is broken; the value never is. No operation is known here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

ConnectorScope = Literal["import", "export"]
ImportMode = Literal["all", "new_only"]


def _matching(pattern: str, rule: str) -> Callable[[str], str]:
    """A check that the whole text matches; the rule is what the caller is told, never the text."""

    def check(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise PydanticCustomError("name_rule", "must be {rule}", {"rule": rule})
        return text

    return check


def _relative_path(path: str) -> str:
    """The folder without slashes at its ends; it may not climb out of itself."""
    stripped = path.strip("/ \t")
    segments = stripped.split("/")
    if any(segment in ("", ".", "..") for segment in segments) or re.search(r"[\x00-\x1f\x7f\\]", stripped):
        raise PydanticCustomError("name_rule", "must be {rule}", {"rule": "a folder path such as exports/review"})
    return stripped


def _listed(value: object) -> object:
    """A list may come as JSON text, a list of one as its only entry (some clients, and forms, send it so)."""
    if not isinstance(value, str):
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


def _distinct(scopes: list[ConnectorScope]) -> list[ConnectorScope]:
    return list(dict.fromkeys(scopes))


_HOST_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_UUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_NO_ADDRESS = r"(?![0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$)(?!.*\.\.)"
_STRIPPED = StringConstraints(strip_whitespace=True)
Flag = Annotated[bool, BeforeValidator(truth)]

ConnectorId = Annotated[
    str,
    _STRIPPED,
    AfterValidator(_matching("[A-Za-z0-9_-]{1,64}", "1 to 64 of A-Z a-z 0-9 _ -, as list_connectors gives it")),
    Field(description="From list_connectors"),
]
ConnectorName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    AfterValidator(_matching(r"[^\x00-\x1f\x7f-\x9f]+", "free of control characters")),
]
Scopes = Annotated[list[ConnectorScope], Field(min_length=1), BeforeValidator(_listed), AfterValidator(_distinct)]
ExportBasePath = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=512), AfterValidator(_relative_path)
]
IdempotencyKey = Annotated[
    str, _STRIPPED, AfterValidator(_matching("[!-~]{1,255}", "1 to 255 printable ASCII characters without blanks"))
]
S3Bucket = Annotated[
    str,
    _STRIPPED,
    AfterValidator(
        _matching(
            rf"{_NO_ADDRESS}[a-z0-9][a-z0-9.-]{{1,61}}[a-z0-9]",
            "an S3 bucket name: 3 to 63 of a-z 0-9 . -, not an IP address",
        )
    ),
]
GcsBucket = Annotated[
    str,
    _STRIPPED,
    AfterValidator(
        _matching(
            rf"{_NO_ADDRESS}(?=[^.]{{1,63}}(\.[^.]{{1,63}})*$)[a-z0-9][a-z0-9._-]{{1,220}}[a-z0-9]",
            "a GCS bucket name: 3 to 63 of a-z 0-9 - _ (with dots up to 222), not an IP address",
        )
    ),
]
_REGION = "(?=.{1,32}$)[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}"
Region = Annotated[str, _STRIPPED, AfterValidator(_matching(_REGION, "an AWS region such as us-east-1"))]


def is_region(text: str) -> bool:
    """Whether the text looks like an AWS region."""
    return re.fullmatch(_REGION, text) is not None


AccessKeyId = Annotated[
    str,
    _STRIPPED,
    AfterValidator(_matching(r"[A-Za-z0-9_.-]{3,128}", "an access key id: 3 to 128 of A-Z a-z 0-9 _ . -")),
]
GcpProjectId = Annotated[
    str,
    _STRIPPED,
    AfterValidator(
        _matching(
            r"([a-z0-9.-]{1,100}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]",
            "a project id: 6 to 30 of a-z 0-9 -, beginning with a letter",
        )
    ),
]
StorageAccount = Annotated[
    str, _STRIPPED, AfterValidator(_matching("[a-z0-9]{3,24}", "a storage account name: 3 to 24 of a-z 0-9"))
]
Container = Annotated[
    str,
    _STRIPPED,
    AfterValidator(
        _matching(
            r"\$(root|web|logs)|(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", "a container name: 3 to 63 of a-z 0-9 -"
        )
    ),
]
TenantId = Annotated[
    str,
    _STRIPPED,
    AfterValidator(
        _matching(rf"{_UUID}|(?=.{{1,253}}$)({_HOST_LABEL}\.)+[A-Za-z]{{2,63}}", "a tenant UUID or a domain name")
    ),
]
ClientId = Annotated[str, _STRIPPED, AfterValidator(_matching(_UUID, "an application (client) UUID"))]
Prefix = Annotated[str, StringConstraints(max_length=1024)]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=1024)]

CREDENTIAL_FIELDS: Mapping[str, tuple[str, ...]] = {
    "gcs": ("credentials_json",),
    "s3": ("aws_access_key_id", "aws_secret_access_key"),
    "azure": ("tenant_id", "client_id", "client_secret"),
}
ALL_CREDENTIAL_FIELDS = tuple(name for names in CREDENTIAL_FIELDS.values() for name in names)
SECRET_FIELDS = frozenset({"credentials_json", "aws_secret_access_key", "client_secret"})
