"""What a page is sent to do: create a connector or replace its credentials, then test the access.

The secret passes through `send` and stays nowhere: what is kept is the connector and what the test said.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar, cast

from pydantic import BaseModel

from mcp_server import operations as op
from mcp_server import wire
from mcp_server.comparison import compared
from mcp_server.credentials.errand import FormField, Refusal
from mcp_server.errors import ApiRefused, ConnectorError, InvalidArguments, may_have_happened
from mcp_server.fields import CREDENTIAL_FIELDS, truth
from mcp_server.intake import Draft
from mcp_server.operation import Ask, Operation, Request
from mcp_server.operations import GetConnector, TestConnector
from mcp_server.presentation import new_connector
from mcp_server.redaction import Scrubber, guarding, secrets_of
from mcp_server.resources import Connector, Resource, TestResult
from mcp_server.sealed_cursors import CursorSeal

ResourceT = TypeVar("ResourceT", bound=Resource)
logger = logging.getLogger(__name__)

_FIELDS: Mapping[str, FormField] = {
    each.name: each
    for each in (
        FormField("credentials_json", "Service-account key", "key_file", "The JSON key file of the service account"),
        FormField("aws_access_key_id", "Access key id", "text", "Begins with AKIA"),
        FormField("aws_secret_access_key", "Secret access key", "password"),
        FormField("tenant_id", "Tenant id", "text", "Directory (tenant) id: a UUID or a domain"),
        FormField("client_id", "Client id", "text", "Application (client) id: a UUID"),
        FormField("client_secret", "Client secret", "password", "The secret's value, not its id"),
    )
}
_LABELS: Mapping[str, str] = {
    "name": "Name",
    "provider": "Provider",
    "bucket": "Bucket",
    "region": "Region",
    "storage_account": "Storage account",
    "container": "Container",
    "gcp_project_id": "Google Cloud project",
    "scopes": "Allowed to",
    "export_base_path": "Export folder",
    "import_mode": "Import mode",
    "aws_access_key_id": "Access key id",
    "tenant_id": "Tenant id",
    "client_id": "Client id",
}
_CHANGES: Mapping[str, str] = {
    "name": "New name",
    "scopes": "New: allowed to",
    "export_base_path": "New export folder",
    "import_mode": "New import mode",
}
_CORRECT = "Correct the credentials and send them again."
_AGAIN = "Send the same again: it happens once."
_LOOK = "Go back to your assistant: it can look which connectors there are."
_PROVIDERS: Mapping[str, str] = {"gcs": "Google Cloud Storage", "s3": "Amazon S3", "azure": "Azure Blob Storage"}


@dataclass(frozen=True)
class Site:
    """Who answers an errand's calls, what of ours no text may show, and what the person is told of where secrets go.

    The seal is for cursors that must not be read.
    """

    ask: Ask
    own_secrets: Mapping[str, str] = field(repr=False)
    destination: str
    cursor_seal: CursorSeal = field(default_factory=CursorSeal, repr=False)

    @cached_property
    def scrubber(self) -> Scrubber:
        """Of our own secrets; kept, because making it takes longer than most texts take it."""
        return Scrubber(self.own_secrets)


@dataclass(eq=False, repr=False)
class ConnectorErrand:
    """One creation, or a rotation of `existing`: `fields` are what the person has to give.

    `connector` is set as soon as the API has done it, `test` when the access was tested after that. `is_unclear` when a
    sending had no answer that tells whether it was done.
    """

    draft: Draft[Any, Any]
    provider: str
    site: Site
    existing: Connector | None = None
    connector: Connector | None = None
    test: TestResult | None = None
    is_unclear: bool = False
    idempotency_key: str = field(init=False)
    fields: tuple[FormField, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Raises InvalidArguments when the call names credentials of another provider."""
        given = self.draft.arguments.get("idempotency_key")
        self.idempotency_key = str(given).strip() if given else self.draft.operation.new_idempotency_key()
        self.fields = tuple(_FIELDS[name] for name in self.draft.outstanding(self.provider))

    def follow(self, earlier: ConnectorErrand) -> None:
        """Take over the key of an errand for the same call that may have been done: then it is done once."""
        if earlier.is_unclear:
            self.idempotency_key = earlier.idempotency_key
            self.is_unclear = True

    @property
    def title(self) -> str:
        """What it does next, in words."""
        if self.test is not None and not self.test.success:
            return "Correct the credentials"
        return "Replace credentials" if self.existing else self.draft.operation.title

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """What the call said, label and value, and where the secret goes."""
        said = self.draft.arguments
        named = {name: said[name] for name in CREDENTIAL_FIELDS[self.provider] if name in said}
        known = {**self.existing.model_dump(exclude_none=True), **named} if self.existing else {**said}
        known["provider"] = _PROVIDERS[self.provider]
        shown = [(label, _shown(known[name])) for name, label in _LABELS.items() if name in known]
        return (*shown, *(self._changes() if self.existing else ()), ("Sent to", self.site.destination))

    def _changes(self) -> Iterator[tuple[str, str]]:
        """What else the call changes of a connector that exists."""
        said = self.draft.arguments
        yield from ((label, _shown(said[name])) for name, label in _CHANGES.items() if name in said)
        if truth(said.get(wire.CLEARED)) is True:
            yield "Export folder", "is removed"

    @property
    def view(self) -> BaseModel | None:
        """What the model sees of the connector; None as long as nothing was done."""
        if self.connector is None:
            return None
        if self.existing:
            return compared(self.existing, self.connector, rotated=True)
        return new_connector(self.connector, self.idempotency_key, self.test)

    async def send(self, values: Mapping[str, str]) -> str:
        """Do it with these credentials; returns what was done, in a sentence or two.

        Raises Refusal: nothing was changed, or (keepable) it was and the access test failed.
        """
        try:
            operation, request = self._change(values)
        except InvalidArguments as error:
            raise _invalid(error) from None
        with guarding({**secrets_of(request), **self.site.own_secrets}) as scrubber:
            try:
                self.connector = _scrubbed(await self.site.ask(operation, request), scrubber)
            except ConnectorError as error:
                raise self._refused(error, scrubber) from None
            self.is_unclear = False
            await self._try_access(self.connector.connector_id, scrubber)
        if self.test is not None and not self.test.success:
            why = self.test.error_message or "no reason was given."
            raise Refusal(f"{self._what}, but the access test failed: {why}", _CORRECT, keepable=True)
        return self._done()

    async def keep(self) -> str:
        """Leave it as the last sending made it; returns what was done."""
        return self._done()

    def _change(self, values: Mapping[str, str]) -> tuple[Operation[Any, Connector], Request]:
        """The request to send: after a creation whose test failed, one that replaces the credentials."""
        if self.connector is None or self.existing is not None:
            request = self.draft.completed(values)
            key = {"idempotency_key": self.idempotency_key} if self.draft.operation.keyed else {}
            return self.draft.operation, request.model_copy(update=key)
        given = {name: self.draft.arguments.get(name) for name in CREDENTIAL_FIELDS[self.provider]}
        arguments = {**given, **values, "connector_id": self.connector.connector_id}
        return op.UPDATE_CONNECTOR, wire.parse(op.UPDATE_CONNECTOR, arguments)

    async def _try_access(self, connector_id: str, scrubber: Scrubber) -> None:
        """Test the access and read the connector again; a test that cannot be made is none."""
        self.test = None
        try:
            test = await self.site.ask(op.TEST_CONNECTOR, TestConnector(connector_id=connector_id))
            self.test = _scrubbed(test, scrubber)
            connector = await self.site.ask(op.GET_CONNECTOR, GetConnector(connector_id=connector_id))
            self.connector = _scrubbed(connector, scrubber)
        except ConnectorError as error:
            logger.warning("The access could not be tested, or its connector not be read again: %s", error)

    def _refused(self, error: ConnectorError, scrubber: Scrubber) -> Refusal:
        """The API's error as the page shows it. What was refused for good is not repeated under the same key.

        That a key was used for another request is no such refusal: an earlier sending may have made the connector.
        """
        self.is_unclear = self.is_unclear or may_have_happened(error)
        if "idempotency" in error.code:
            return Refusal("An earlier sending may have done it, with other credentials.", _LOOK)
        is_final = isinstance(error, ApiRefused) and not error.retryable
        if is_final and "idempotency_key" not in self.draft.arguments:
            self.idempotency_key = self.draft.operation.new_idempotency_key()
        hint = _CORRECT if is_final else _AGAIN
        return Refusal(scrubber.text(error.message), hint, keepable=self.connector is not None)

    @property
    def _what(self) -> str:
        return "The new credentials replaced the old ones" if self.existing else "The connector was created"

    def _done(self) -> str:
        tested = {True: "its access was tested and works", False: "its access test failed", None: "it was not tested"}
        return f"{self._what}; {tested[self.test.success if self.test else None]}."


def _scrubbed(resource: ResourceT, scrubber: Scrubber) -> ResourceT:
    """What an API answered may repeat the secret; it is kept without."""
    return resource.model_validate(scrubber.value(resource.model_dump(mode="json")))


def _shown(value: object) -> str:
    return ", ".join(map(str, cast("list[object]", value))) if isinstance(value, list) else str(value)


def _invalid(error: InvalidArguments) -> Refusal:
    """The broken rules in the page's words."""
    labels = {name: each.label for name, each in _FIELDS.items()}
    rules = [f"{labels.get(each.field, each.field)} {each.rule}".strip() for each in error.violations]
    names = tuple(each.field for each in error.violations if each.field in _FIELDS)
    return Refusal(f"{'; '.join(rules)}.", _CORRECT, fields=names)
