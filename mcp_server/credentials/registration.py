"""A new entry of the book: asked for, checked, its secret kept in the keyring, the rest in the file; all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mcp_server.credentials import book_file
from mcp_server.credentials.book import CredentialBook
from mcp_server.credentials.entries import NAME_RULE, PROVIDER, PROVIDER_RULE, BrokenRule, Entry, is_name
from mcp_server.credentials.keyring_items import KeyringItem
from mcp_server.credentials.questions import answer
from mcp_server.credentials.rules import accepted
from mcp_server.credentials.sources import Unreadable, start_of, usable
from mcp_server.errors import ConfigurationError
from mcp_server.fields import CREDENTIAL_FIELDS, SECRET_FIELDS


def register(path: Path, name: str, provider: str, *, replace: bool) -> list[KeyringItem]:
    """Make the entry; the answer is what an entry that it replaced has left in the keyring.

    Raises ConfigurationError.
    """
    old = _replaced(path, name, replace=replace)
    provider = _given_provider(provider) if provider else answer("provider (gcs, s3 or azure)", _provider)
    fields = CREDENTIAL_FIELDS[provider]
    items = {field: KeyringItem.own(name, field) for field in fields if field in SECRET_FIELDS}
    with _nothing_stored():
        before = {field: item.stored() for field, item in items.items()}
        values = {field: _asked(field) for field in fields}
        with ExitStack() as undo:
            for field, item in items.items():
                undo.callback(item.put_back, before[field])
                item.store(values[field])
            kept = {field: items[field].source if field in items else values[field] for field in fields}
            book_file.put(path, name, {PROVIDER: provider, **kept})
            undo.pop_all()
    return [item for item in own_items(old) if item not in items.values()] if old else []


def own_items(entry: Entry) -> Iterator[KeyringItem]:
    """What was stored here for the entry; other items are not this program's to delete."""
    for field, source in entry.sources.items():
        if source == KeyringItem.own(entry.name, field):
            yield KeyringItem.own(entry.name, field)


def _replaced(path: Path, name: str, *, replace: bool) -> Entry | None:
    if not is_name(name):
        raise ConfigurationError(f"credentials add NAME: {NAME_RULE}")
    old = CredentialBook(path).entries().get(name)
    if old and not replace:
        raise ConfigurationError(f"There is an entry {name} already.", hint="Remove it first, or add --replace.")
    return old


def _given_provider(text: str) -> str:
    try:
        return _provider(text)
    except BrokenRule as rule:
        raise ConfigurationError(f"--provider: {rule}") from None


def _provider(text: str) -> str:
    if text not in CREDENTIAL_FIELDS:
        raise BrokenRule(PROVIDER_RULE)
    return text


@contextmanager
def _nothing_stored() -> Generator[None]:
    try:
        yield
    except Unreadable as fault:
        raise ConfigurationError(
            f"Nothing was stored: {fault}.",
            hint="Write the entry by hand with another source for the secret: env, file or command (see the README).",
        ) from None


def _content(path: str) -> str:
    try:
        return usable(start_of(Path(path).expanduser()))
    except Unreadable as fault:
        raise BrokenRule(f"the file cannot be used: {fault}") from None
    except (ValueError, RuntimeError):  # a path that no system has, the home of somebody who is not known here
        raise BrokenRule("must be the path of a file") from None


_QUESTIONS: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "credentials_json": ("path of the service-account key file", _content)
}


def _asked(field: str) -> str:
    """A checked value; what is only a path may be seen while it is typed."""
    question, value_of = _QUESTIONS.get(field, (field, str))
    hidden = field in SECRET_FIELDS and field not in _QUESTIONS
    return answer(question, lambda text: accepted(field, value_of(text)), secret=hidden)
