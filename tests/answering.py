"""An API that answers each operation in its own way, and errands and names for it. No test is here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mcp_server import wire
from mcp_server.credentials.book import CredentialBook
from mcp_server.credentials.errand import Refusal
from mcp_server.errands import ConnectorErrand, Site
from mcp_server.errors import ApiUnreachable, ConnectorError
from mcp_server.fields import CREDENTIAL_FIELDS
from mcp_server.intake import Draft, Intake
from mcp_server.operation import AnswerT, Operation, Request, RequestT
from mcp_server.resources import Connector
from tests.materials import ANSWERS, CONNECTOR, ROWS, SERVICE_ACCOUNT, Json, arguments, made, odd_secret

PERSONS_SECRET = odd_secret("typed by the person")
CREATION = {provider: f"create_{provider}_connector" for provider in ("gcs", "s3", "azure")}
UUID = "99999999-8888-7777-6666-555555555555"
TYPED: dict[str, dict[str, str]] = {
    "gcs": {"credentials_json": SERVICE_ACCOUNT},
    "s3": {"aws_access_key_id": "typed-key-id", "aws_secret_access_key": PERSONS_SECRET},
    "azure": {"tenant_id": "contoso.com", "client_id": UUID, "client_secret": PERSONS_SECRET},
}


class Turns:
    """Several answers, each for one request; the last stays."""

    def __init__(self, *answers: Any) -> None:
        self._left = list(answers)

    def next(self) -> Any:
        """The answer whose turn it is."""
        return self._left.pop(0) if len(self._left) > 1 else self._left[0]


class Answering:
    """Answers by operation, in turns where there are some. An error is raised."""

    def __init__(self, **answers: Any) -> None:
        self.answers: Json = {**ANSWERS, **answers}
        self.asked: list[tuple[str, Any]] = []

    async def ask(self, operation: Operation[RequestT, AnswerT], request: RequestT) -> AnswerT:
        self.asked.append((operation.name, request))
        answer = self._next(operation.name)
        if isinstance(answer, BaseException):
            raise answer
        return wire.decode_answer(operation, 200, json.dumps(answer).encode())

    def _next(self, name: str) -> Any:
        answer = self.answers[name]
        return answer.next() if isinstance(answer, Turns) else answer

    @property
    def order(self) -> list[str]:
        """The operations that were asked, one after the other."""
        return [name for name, _ in self.asked]

    def requests(self, name: str) -> list[Any]:
        """What one of them was asked with."""
        return [request for asked, request in self.asked if asked == name]


def without_secrets(name: str, /, **changes: Any) -> Json:
    """The arguments of a creation as a model knows them: no credentials among them."""
    provider = ROWS[name].providers[0]
    return arguments(name, **{**dict.fromkeys(TYPED[provider], ...), **changes})


def existing(provider: str = "s3", **changes: Any) -> Connector:
    """A connector whose credentials are to be replaced."""
    return Connector.model_validate({**CONNECTOR, "provider": provider, **changes})


def drafted(name: str, given: Json) -> Draft[Request, object]:
    """The arguments of a call that lacks its credentials."""
    draft = Intake().draft(ROWS[name], given)
    assert draft.request is None
    return draft


def creating(api: Answering, provider: str = "s3", own: str = "", /, **changes: Any) -> ConnectorErrand:
    """The errand of a creation; `own` is a secret of the server's."""
    name = CREATION[provider]
    return ConnectorErrand(drafted(name, without_secrets(name, **changes)), provider, site(api, own))


def rotating(api: Answering, connector: Connector | None = None, /, **changes: Any) -> ConnectorErrand:
    """The errand of new credentials for a connector."""
    one = connector or existing()
    draft = drafted("update_connector", {"connector_id": one.connector_id, "rotate_credentials": True, **changes})
    return ConnectorErrand(draft, one.provider, site(api), one)


def site(api: Answering, own: str = "") -> Site:
    """Where the errands of this API go."""
    return Site(api.ask, {own: "api_key"} if own else {}, "https://api.example")


async def refusal(errand: ConnectorErrand, **changes: str) -> Refusal:
    """How the errand refuses what is typed."""
    with pytest.raises(Refusal) as refused:
        await errand.send({**TYPED[errand.provider], **changes})
    return refused.value


def outage() -> ConnectorError:
    """An API that cannot be reached."""
    return ApiUnreachable("The Connectors API did not answer in time.", code="timeout", retryable=True)


UNSET_VARIABLE = made("variable", 20).upper()


def book_of(folder: Path, **entries: str) -> CredentialBook:
    """A book of these names and providers, whose sources are variables that nobody has set."""
    tables = [
        f'[{name}]\nprovider = "{provider}"\n'
        + "".join(f'{field} = {{ env = "{UNSET_VARIABLE}" }}\n' for field in CREDENTIAL_FIELDS[provider])
        for name, provider in entries.items()
    ]
    path = folder / "credentials.toml"
    path.write_text("\n".join(tables), encoding="utf-8")
    path.chmod(0o600)
    return CredentialBook(path)
