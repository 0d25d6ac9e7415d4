"""Why a storage could not be used, in words that a person can act on. The only texts here are ours.

Of a provider's answer nothing goes into a fault but its error code, its status and, for S3, the right region.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mcp_server.embedded.storage.objects import Action
from mcp_server.errors import ConnectorError
from mcp_server.fields import is_region

_CODE = re.compile("[A-Za-z0-9]{1,64}")
_DOING: Mapping[Action, str] = {
    "list": "listing objects",
    "read": "reading an object",
    "write": "writing an object",
    "delete": "deleting an object",
}


class StorageFault(ConnectorError):
    """A storage did not do what was asked. Its texts quote nothing from a provider."""

    def __init__(self, code: str, message: str, hint: str = "", *, retryable: bool = False) -> None:
        super().__init__(message, hint=hint, code=code, retryable=retryable)


@dataclass(frozen=True)
class Place:
    """How faults speak of one storage: its service, its bucket, and the two halves of its credentials."""

    service: str
    store: str
    identity: str
    proof: str
    permissions: Mapping[Action, str]
    region: str = ""


@dataclass(frozen=True)
class Refusal:
    """An error answer, reduced to what may be told."""

    place: Place
    action: Action
    status: int
    code: str = ""
    region: str = ""

    @property
    def said(self) -> str:
        """Status and error code, such as `403 AccessDenied`."""
        return f"{self.status} {self.code}".rstrip()


Cause = Callable[[Refusal], StorageFault]


def known_code(text: object) -> str:
    """The text if it looks like an error code, else nothing."""
    return text if isinstance(text, str) and _CODE.fullmatch(text) else ""


def known_region(text: object) -> str:
    """The text if it looks like an AWS region, else nothing."""
    return text if isinstance(text, str) and is_region(text) else ""


def bucket_not_found(refusal: Refusal) -> StorageFault:
    return StorageFault(
        "storage_bucket_not_found",
        f"The {refusal.place.store} does not exist, or this key may not see it.",
        "Check the name and which account or project it belongs to.",
    )


def object_not_found(refusal: Refusal) -> StorageFault:
    return StorageFault(
        "storage_object_not_found",
        f"The object is not in the {refusal.place.store} any more.",
        "List again.",
        retryable=True,
    )


def object_archived(refusal: Refusal) -> StorageFault:
    return StorageFault(
        "storage_object_archived",
        f"An object of the {refusal.place.store} is archived and must be restored before it can be read.",
        "Restore it with the provider.",
    )


def key_unknown(refusal: Refusal) -> StorageFault:
    return StorageFault(
        "storage_key_unknown",
        f"{refusal.place.service} does not know this {refusal.place.identity} ({refusal.said}).",
        "It may be mistyped, deleted or disabled. Update the connector with current credentials.",
    )


def secret_refused(refusal: Refusal) -> StorageFault:
    return StorageFault(
        "storage_secret_refused",
        f"{refusal.place.service} knows the {refusal.place.identity} but refused its {refusal.place.proof} "
        f"({refusal.said}).",
        f"Update the connector with the right {refusal.place.proof}.",
    )


def credentials_refused(refusal: Refusal) -> StorageFault:
    return StorageFault(
        "storage_secret_refused",
        f"{refusal.place.service} refused the {refusal.place.proof} of this {refusal.place.identity} ({refusal.said}).",
        "It may be deleted or disabled. Update the connector with current credentials.",
    )


def tenant_unknown(refusal: Refusal) -> StorageFault:
    return StorageFault(
        "storage_tenant_unknown",
        f"{refusal.place.service} does not know this tenant ({refusal.said}).",
        "Check the tenant id, and update the connector with it.",
    )


def secret_expired(refusal: Refusal) -> StorageFault:
    return StorageFault(
        "storage_secret_expired",
        f"The {refusal.place.proof} has expired ({refusal.said}).",
        "Make a new one with the provider and update the connector.",
    )


def token_refused(refusal: Refusal) -> StorageFault:
    return StorageFault(
        "storage_token_refused",
        f"{refusal.place.service} refused the token of the {refusal.place.identity} for the {refusal.place.store} "
        f"({refusal.said}).",
        f"The {refusal.place.identity} must belong to the same tenant or organization as the storage.",
    )


def permission_denied(refusal: Refusal) -> StorageFault:
    permission = refusal.place.permissions[refusal.action]
    return StorageFault(
        "storage_permission_denied",
        f"This {refusal.place.identity} has no permission for {_DOING[refusal.action]} in the {refusal.place.store}: "
        f"{permission} is missing ({refusal.said}).",
        f"Grant {permission}, and look for bucket policies and network rules that deny it.",
    )


def wrong_region(refusal: Refusal) -> StorageFault:
    where = f"is in region {refusal.region}" if refusal.region else "is in another region"
    right = f"region {refusal.region}" if refusal.region else "the bucket's region"
    return StorageFault(
        "storage_wrong_region",
        f"The {refusal.place.store} {where}, not {refusal.place.region}.",
        f"Create a connector with {right}.",
    )


def clock_skew(refusal: Refusal) -> StorageFault:
    return StorageFault(
        "storage_clock_skew",
        f"{refusal.place.service} refused the request because the clock of this machine is wrong ({refusal.said}).",
        "Set the clock of the machine that runs the connectors API.",
    )


def throttled(refusal: Refusal) -> StorageFault:
    return StorageFault(
        "storage_throttled",
        f"{refusal.place.service} is limiting the rate of requests ({refusal.said}).",
        "Try again in a minute.",
        retryable=True,
    )


def unavailable(refusal: Refusal) -> StorageFault:
    return StorageFault(
        "storage_unavailable",
        f"{refusal.place.service} has an internal problem ({refusal.said}).",
        "Try again later.",
        retryable=True,
    )


def redirected(refusal: Refusal) -> StorageFault:
    return StorageFault(
        "storage_unexpected_answer",
        f"{refusal.place.service} answered {_DOING[refusal.action]} with a redirect ({refusal.said}).",
        "Redirects are not followed. Check the endpoint.",
    )


def refused(refusal: Refusal) -> StorageFault:
    return StorageFault(
        "storage_refused",
        f"{refusal.place.service} refused {_DOING[refusal.action]} in the {refusal.place.store} ({refusal.said}).",
        "Look the error code up in the provider's documentation.",
    )


def not_found(refusal: Refusal) -> StorageFault:
    return object_not_found(refusal) if refusal.action == "read" else bucket_not_found(refusal)


def unexpected_answer(host: str, what: str) -> StorageFault:
    return StorageFault(
        "storage_unexpected_answer",
        f'"{host}" gave an answer that is not {what}.',
        "Check that the endpoint is this provider's storage and not a web page or a proxy.",
    )


_STATUS_CAUSES: Mapping[int, Cause] = {
    401: token_refused,
    403: permission_denied,
    404: not_found,
    429: throttled,
}


def fault_of(refusal: Refusal, causes: Mapping[str, Cause]) -> StorageFault:
    """The fault by the provider's error code, or else by the status."""
    cause = causes.get(refusal.code) or _STATUS_CAUSES.get(refusal.status)
    if cause is None and refusal.status >= 500:
        cause = unavailable
    if cause is None and refusal.status < 400:
        cause = redirected
    return (cause or refused)(refusal)


def fault_of_token(refusal: Refusal) -> StorageFault:
    """The fault of a token endpoint's answer that has no error code that is known."""
    if refusal.status == 429:
        return throttled(refusal)
    if refusal.status >= 500:
        return unavailable(refusal)
    return StorageFault(
        "storage_token_unavailable",
        f"No token could be got for this {refusal.place.identity} ({refusal.said}).",
        "Check the credentials and, if the operator set one, the token endpoint.",
    )
