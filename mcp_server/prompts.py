"""Prompts: what a person may ask the model to do with connectors, said once and well. Nothing is called here.

A prompt is there for callers who may use the tool that it is about, and names no tool that they may not use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, GetPromptResult, Prompt, PromptArgument, PromptMessage, TextContent

from mcp_server import operations as op
from mcp_server.authority import Authority
from mcp_server.fields import ALL_CREDENTIAL_FIELDS
from mcp_server.file_operations import BROWSE_CONNECTOR_FILES
from mcp_server.operation import AnyOperation
from mcp_server.presentation import quoted, visible
from mcp_server.redaction import Scrubber

if TYPE_CHECKING:
    from mcp_server.tools import Backing

CONNECT = "connect_a_bucket"
DIAGNOSE = "diagnose_a_connector"
PROVIDER = "provider"
BUCKET = "bucket"
CONNECTOR = "connector_id"
MOST_TYPED = 200
_STORES: Mapping[str, tuple[str, AnyOperation]] = {
    "gcs": ("Google Cloud Storage bucket", op.CREATE_GCS_CONNECTOR),
    "s3": ("Amazon S3 bucket", op.CREATE_S3_CONNECTOR),
    "azure": ("Azure Blob container", op.CREATE_AZURE_CONNECTOR),
}

Arguments = Mapping[str, str]
Steps = Iterator[tuple[AnyOperation, str]]
"""What to do, in order, and the tool that it takes."""


@dataclass(frozen=True)
class _Entry:
    """A prompt; `begin` is its first sentence, `steps` what comes after it. `offered` says to whom."""

    prompt: Prompt
    offered: Callable[[Authority], bool]
    begin: Callable[[Authority, Arguments], str]
    steps: Callable[[Authority, Arguments], Steps]

    def arguments(self, given: Arguments, scrubber: Scrubber) -> Arguments:
        """The arguments without secrets; raises MCPError for one that is unknown, missing or too long."""
        known = self.prompt.arguments or []
        names = [each.name for each in known]
        if set(given) - set(names):
            raise _refused(f"{self.prompt.name} takes only: {', '.join(names)}.")
        typed = {name: text.strip() for name, text in given.items()}
        if any(each.required and not typed.get(each.name) for each in known):
            raise _refused(f"{self.prompt.name} needs: {', '.join(each.name for each in known if each.required)}.")
        if any(len(text) > MOST_TYPED for text in typed.values()):
            raise _refused(f"An argument of a prompt has at most {MOST_TYPED} characters.")
        return {name: scrubber.text(text) for name, text in typed.items() if text}


def providers(authority: Authority) -> list[str]:
    """Whose buckets the caller may connect."""
    return [name for name, (_, creation) in _STORES.items() if authority.allows(creation)]


def listed(authority: Authority) -> list[Prompt]:
    """The prompts/list entries of the caller."""
    return [entry.prompt for entry in _ENTRIES if entry.offered(authority)]


def said(backing: Backing, name: str, given: Arguments) -> GetPromptResult:
    """The messages of a prompt.

    Raises MCPError for a prompt that is not there for the caller, and for an argument or a value that is none.
    """
    authority = backing.authority
    offered = {entry.prompt.name: entry for entry in _ENTRIES if entry.offered(authority)}
    entry = offered.get(name)
    if entry is None:
        raise _refused(f"There is no such prompt. The prompts are: {', '.join(offered) or 'none'}.")
    arguments = entry.arguments(given, backing.site.scrubber)
    steps = [text for tool, text in entry.steps(authority, arguments) if authority.allows(tool)]
    lines = [entry.begin(authority, arguments), *(f"{number}. {text}" for number, text in enumerate(steps, 1))]
    content = TextContent(type="text", text="\n".join(lines))
    return GetPromptResult(description=entry.prompt.description, messages=[PromptMessage(role="user", content=content)])


def _refused(message: str) -> MCPError:
    return MCPError(INVALID_PARAMS, message)


def _store(authority: Authority, arguments: Arguments) -> tuple[str, AnyOperation]:
    names = providers(authority)
    name = arguments[PROVIDER].lower()
    if name not in names:
        raise _refused(f"{PROVIDER} is one of: {', '.join(names)}.")
    return _STORES[name]


def _shown(name: str) -> str:
    """In quotes, out of which it cannot get, and with nothing in it that cannot be seen."""
    return visible(quoted(name))


_NO_SECRETS = "Never ask me for a key or another secret, and take none from this conversation."


def _connecting(authority: Authority, arguments: Arguments) -> str:
    noun, _ = _store(authority, arguments)
    named = f" {_shown(arguments[BUCKET])}" if BUCKET in arguments else ""
    return f"Connect my {noun}{named} to VideoVector. {_NO_SECRETS}"


def _connection(authority: Authority, arguments: Arguments) -> Steps:
    _, creation = _store(authority, arguments)
    fields = creation.request.model_fields.items()
    asked = ", ".join(name for name, each in fields if each.is_required() and name not in ALL_CREDENTIAL_FIELDS)
    ask = f"Ask me for what you do not know: {asked}; and whether it is to import, to export (whereto), or both."
    create = (
        f"Call {creation.name} without credentials, unless I name some that the operator set up. If it answers with "
        "a link, show it to me, wait until I say that I sent the page, then repeat the same call."
    )
    yield op.LIST_CONNECTORS, "Call list_connectors. If there is one for it already, ask before you make another."
    yield creation, ask
    yield creation, create
    yield (
        op.TEST_CONNECTOR,
        "Call test_connector. If it fails, tell me what to change and where; test again when I have.",
    )
    yield (
        BROWSE_CONNECTOR_FILES,
        "If it imports, call browse_connector_files with summary=true; tell me what is there.",
    )


def _diagnosing(_: Authority, arguments: Arguments) -> str:
    named = _shown(arguments[CONNECTOR])
    return f"Find out what is wrong with my connector {named}, and change nothing before I agree. {_NO_SECRETS}"


def _diagnosis(_: Authority, __: Arguments) -> Steps:
    browse = (
        "If that works and it may import, call browse_connector_files with the prefix that I use: a wrong prefix, or "
        "a pattern that matches nothing, looks like a broken connector."
    )
    tell = (
        "Tell me in a few sentences what is wrong and where it is put right: with the storage provider (a policy, a "
        "key), or here (other scopes, folder or credentials; another bucket takes a new connector)."
    )
    yield op.LIST_CONNECTORS, "Find it with list_connectors, by its id or name. If several fit, ask me which one."
    yield op.GET_CONNECTOR, "Look at it with get_connector: its status, its last test, what it may do and where."
    yield op.TEST_CONNECTOR, "Call test_connector. What it checked and its error say what works and what does not."
    yield BROWSE_CONNECTOR_FILES, browse
    yield op.GET_CONNECTOR, tell


def _may_diagnose(authority: Authority) -> bool:
    return authority.allows(op.LIST_CONNECTORS) and authority.allows(op.GET_CONNECTOR)


_ENTRIES = (
    _Entry(
        Prompt(
            name=CONNECT,
            title="Connect a bucket",
            description="Create a connector for a bucket or container, test it, and look at what is there.",
            arguments=[
                PromptArgument(name=PROVIDER, description=f"One of {', '.join(_STORES)}", required=True),
                PromptArgument(name=BUCKET, description="The bucket or container, if you know it", required=False),
            ],
        ),
        lambda authority: bool(providers(authority)),
        _connecting,
        _connection,
    ),
    _Entry(
        Prompt(
            name=DIAGNOSE,
            title="Diagnose a connector",
            description="Find out why a connector does not work, and what to do about it.",
            arguments=[PromptArgument(name=CONNECTOR, description="Its id or name", required=True)],
        ),
        _may_diagnose,
        _diagnosing,
        _diagnosis,
    ),
)
PROMPT_NAMES = frozenset(entry.prompt.name for entry in _ENTRIES)
