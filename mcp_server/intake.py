"""The credential intake: where a call's secrets come from, and what a model is told about it.

They come from credentials that the operator named, from the person, who types them into a page, or from the arguments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Generic, cast

from mcp_server import wire
from mcp_server.credentials.book import CredentialBook, unusable
from mcp_server.errors import ConnectorError, InvalidArguments, Violation, listed
from mcp_server.fields import ALL_CREDENTIAL_FIELDS, CREDENTIAL_FIELDS, SECRET_FIELDS, truth
from mcp_server.operation import AnswerT, Operation, RequestT
from mcp_server.portable_schema import portable_schema

NAMED = "credentials"
ROTATED = "rotate_credentials"
_ADVICE = "Leave out: the person is asked"
_ROTATION = {"type": "boolean", "description": "Ask the person, on a page", "default": False}


@dataclass(frozen=True, repr=False)
class Draft(Generic[RequestT, AnswerT]):
    """The arguments of one call, checked as far as they are there.

    `request` is None while credentials are to come from elsewhere: from those that `name` names, else from the person.
    """

    operation: Operation[RequestT, AnswerT]
    arguments: Mapping[str, object]
    request: RequestT | None
    name: str | None = None

    def completed(self, credentials: Mapping[str, object]) -> RequestT:
        """The request with its credentials.

        Raises InvalidArguments.
        """
        return wire.parse(self.operation, {**self.arguments, **credentials})

    def outstanding(self, provider: str) -> tuple[str, ...]:
        """The provider's credential fields that are not among the arguments.

        Raises InvalidArguments when a field of another provider is, ConnectorError for a provider that nobody knows.
        """
        names = CREDENTIAL_FIELDS.get(provider)
        if names is None:
            raise ConnectorError("The connector's provider is not known here, nor what its credentials are.")
        foreign = [name for name in _credentials_in(self.arguments) if name not in names]
        if foreign:
            raise InvalidArguments(tuple(Violation(name, f"this is a {provider} connector") for name in foreign))
        return tuple(name for name in names if name not in self.arguments)


@dataclass(frozen=True)
class Intake:
    """What one server allows: names of the operator's in `book`, secrets among the arguments with `inline`.

    With `pages` the person can be asked.
    """

    book: CredentialBook = field(default_factory=lambda: CredentialBook(None))
    inline: bool = True
    pages: bool = True

    def names(self, operation: Operation[Any, Any]) -> dict[str, tuple[str, ...]]:
        """The names that the operator set up for the operation, by provider; only providers that have one."""
        names = {provider: self.book.names(provider) for provider in operation.providers}
        return {provider: known for provider, known in names.items() if known}

    def description(self, operation: Operation[Any, Any]) -> str:
        """The row's description and, with names set up, to prefer them."""
        advice = " Prefer credentials (a name) to any secret." if self.names(operation) else ""
        return operation.description + advice

    def input_schema(self, operation: Operation[Any, Any]) -> dict[str, Any]:
        """The request's schema in which no credential is required, with the ways to leave them out."""
        schema = portable_schema(operation.request)
        if not operation.providers:
            return schema
        fields: Mapping[str, Any] = schema["properties"]
        properties = {name: entry for name, entry in fields.items() if self.inline or name not in SECRET_FIELDS}
        if operation.rotates and self.pages:
            properties[ROTATED] = _ROTATION
        elif self.pages:
            properties |= {name: _avoided(entry) for name, entry in properties.items() if name in SECRET_FIELDS}
        properties[NAMED] = {"type": "string", "description": self._allowed(operation)}
        required = [name for name in schema["required"] if name not in _credentials_in(fields)]
        return {**schema, "properties": properties, "required": required}

    def _arguments(self, operation: Operation[Any, Any]) -> list[str]:
        """The arguments that a caller may know of."""
        fields = [name for name in operation.request.model_fields if self.inline or name not in SECRET_FIELDS]
        return [*fields, *([ROTATED] if operation.rotates and self.pages else []), NAMED]

    def _allowed(self, operation: Operation[Any, Any]) -> str:
        names = self.names(operation)
        if not names:
            return "Set up by the operator: none yet"
        allowed = [_shortened(known) for known in names.values()]
        if operation.rotates:
            allowed = [f"{provider}: {each}" for provider, each in zip(names, allowed, strict=True)]
        return f"Set up by the operator: {'; '.join(allowed)}"

    async def looked_up(self, draft: Draft[RequestT, AnswerT], name: str, provider: str) -> RequestT:
        """The request with the operator's credentials of this name.

        Raises InvalidArguments for a name that is not allowed, ConfigurationError when its credentials are no good.
        """
        credentials = await self.book.look_up(name, provider)
        try:
            return draft.completed(credentials)
        except InvalidArguments as error:
            raise unusable(name, f"are not valid: {listed(error.violations)}") from None

    def note(self, operation: Operation[Any, Any], arguments: object) -> str:
        """What to say of a secret that stands in the transcript, empty when there is none."""
        given = cast("dict[str, object]", arguments) if operation.providers and isinstance(arguments, dict) else {}
        if not _Given.of(operation, given).exposed:
            return ""
        instead = "pass a name as credentials" if self.names(operation) else "leave it out, to ask the person"
        advice = f" Next time {instead}." if self.pages or self.names(operation) else ""
        return f"The secret is now in this conversation's transcript.{advice}"

    def _refused(self, name: str) -> Violation:
        instead = "leave it out, to ask the person, or pass credentials" if self.pages else "pass credentials"
        return Violation(name, f"is not taken from a model here: {instead}")

    def draft(self, operation: Operation[RequestT, AnswerT], arguments: object) -> Draft[RequestT, AnswerT]:
        """The call's arguments, credentials apart.

        Raises InvalidArguments with every broken rule; credentials that are not there break none.
        """
        if not operation.providers or not isinstance(arguments, dict):
            return Draft(operation, {}, wire.parse(operation, arguments))
        given = _Given.of(operation, cast("dict[str, object]", arguments))
        faults = list(given.misuses())
        faults += [self._refused(name) for name in given.exposed if not self.inline]
        request: RequestT | None = None
        try:
            request = wire.parse(operation, given.arguments, known=self._arguments(operation))
        except InvalidArguments as error:
            faults += [each for each in error.violations if not (given.are_sought and _of_credentials(each))]
        if faults:
            raise InvalidArguments(tuple(faults))
        whole = None if given.are_sought else request
        return Draft(operation, given.arguments, whole, cast("str | None", given.name))


@dataclass(frozen=True, repr=False)
class _Given:
    """What a caller gave: the request's arguments, and what it says of credentials besides.

    They are `wanted` by every creation, and by an update that says so.
    """

    arguments: Mapping[str, object]
    name: object
    wanted: object

    @classmethod
    def of(cls, operation: Operation[Any, Any], arguments: Mapping[str, object]) -> _Given:
        """A client that sends null or an empty text means nothing."""
        set_ones = {name: value for name, value in arguments.items() if not wire.unset(value)}
        name = set_ones.pop(NAMED, None)
        return cls(set_ones, name, truth(set_ones.pop(ROTATED, False)) if operation.rotates else True)

    @property
    def exposed(self) -> list[str]:
        """The secrets among the arguments."""
        return [name for name in self.arguments if name in SECRET_FIELDS]

    @property
    def are_sought(self) -> bool:
        """Whether credentials have to come from elsewhere."""
        wanted = self.wanted is True or bool(_credentials_in(self.arguments))
        return self.name is not None or (wanted and not self.exposed)

    def misuses(self) -> Iterator[Violation]:
        """What is wrong beside the request's own rules."""
        if self.name is not None and not isinstance(self.name, str):
            yield Violation(NAMED, "must be a string")
        if self.name is not None and (beside := _credentials_in(self.arguments)):
            yield Violation(NAMED, f"cannot go with {beside[0]}")
        if not isinstance(self.wanted, bool):
            yield Violation(ROTATED, "must be true or false")


def _credentials_in(names: Mapping[str, object]) -> list[str]:
    return [name for name in ALL_CREDENTIAL_FIELDS if name in names]


def _shortened(names: Sequence[str]) -> str:
    """Some clients cut a description at 1,024 characters; a wrong name is answered with more of them."""
    shown = [name for name, length in zip(names, accumulate(map(len, names)), strict=True) if length <= 200]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(shown) < len(names) else "")


def _avoided(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """The entry of a secret, with the advice to leave it out."""
    said = [entry["description"]] if "description" in entry else []
    return {**entry, "description": ". ".join([*said, _ADVICE])}


def _of_credentials(violation: Violation) -> bool:
    """Whether it is only that credentials, or any change, are missing."""
    return violation.missing and (not violation.field or violation.field in ALL_CREDENTIAL_FIELDS)
