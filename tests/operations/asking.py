"""Clients that can show a link, and the person behind them, who does with it what a story says. No test lives here."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
from anyio.abc import TaskGroup
from mcp import Client, StdioServerParameters
from mcp.client import ClientRequestContext
from mcp.client.session import IncomingMessage
from mcp_types import (
    ElicitCompleteNotification,
    ElicitRequestParams,
    ElicitRequestURLParams,
    ElicitResult,
)

from mcp_server.fields import CREDENTIAL_FIELDS, SECRET_FIELDS
from tests.emulators import Emulator
from tests.sessions import COMMAND, Json, Session, environment
from tests.visiting import Visit, visiting

Deed = Callable[[Visit], Awaitable[None]]


@dataclass
class Person:
    """Does one deed at each page they are shown, in the background; or answers otherwise."""

    deed: Deed
    tasks: TaskGroup
    action: str = "accept"
    links: list[ElicitRequestURLParams] = field(default_factory=list[ElicitRequestURLParams])
    told_complete: list[str] = field(default_factory=list[str])

    async def elicited(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        """The client's callback: it shows the link and does not wait for the page."""
        assert isinstance(params, ElicitRequestURLParams)
        self.links.append(params)
        if self.action == "accept":
            self.tasks.start_soon(self._visit, params.url)
        return ElicitResult.model_validate({"action": self.action})

    async def _visit(self, url: str) -> None:
        async with visiting(url) as visit:
            assert visit.status == 200, visit.text
            await self.deed(visit)

    async def notified(self, message: IncomingMessage) -> None:
        """The client's handler of notifications."""
        if isinstance(message, ElicitCompleteNotification):
            self.told_complete.append(message.params.elicitation_id)


@asynccontextmanager
async def accompanied(
    era: str, settings: Mapping[str, str], deed: Deed, action: str = "accept"
) -> AsyncGenerator[tuple[Session, Person]]:
    """A session whose client can show links to a person."""
    server = StdioServerParameters(command=COMMAND[0], args=[*COMMAND[1:]], env=environment(settings))
    async with anyio.create_task_group() as tasks:
        person = Person(deed, tasks, action)
        async with Client(
            server, mode=era, elicitation_callback=person.elicited, message_handler=person.notified
        ) as client:
            tools = (await client.list_tools()).tools
            yield (
                Session(client, {tool.name: tool.model_dump(by_alias=True, exclude_none=True) for tool in tools}),
                person,
            )


def without_credentials(provider: str, arguments: Mapping[str, Any], *kept: str) -> Json:
    """The arguments of a creation as a model knows them."""
    return {name: value for name, value in arguments.items() if name in kept or name not in CREDENTIAL_FIELDS[provider]}


def typed(provider: str, arguments: Mapping[str, Any], *left_out: str) -> dict[str, str]:
    """What a person enters of these credentials, by the form's names."""
    values = {name: arguments[name] for name in CREDENTIAL_FIELDS[provider] if name not in left_out}
    if provider == "gcs":
        key = values["credentials_json"]
        return {"credentials_json.text": key if isinstance(key, str) else json.dumps(key)}
    return values


def secrets_in(emulator: Emulator) -> list[str]:
    """What must not be seen of the credentials that work."""
    arguments = emulator.arguments()
    if "credentials_json" in arguments:
        key = arguments["credentials_json"]
        return [(json.loads(key) if isinstance(key, str) else key)["private_key"]]
    return [arguments[name] for name in SECRET_FIELDS if name in arguments]
