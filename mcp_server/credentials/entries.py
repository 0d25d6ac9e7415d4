"""What an entry of the credentials file must be: the file's text in, entries with their sources out.

No source is read here, and no value is ever part of an error.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import cast

from mcp_server.credentials.aws_profiles import AwsProfile
from mcp_server.credentials.keyring_items import KeyringItem
from mcp_server.credentials.programs import CommandOutput
from mcp_server.credentials.sources import EnvironmentVariable, PlainText, SecretFile, Source, Unreadable
from mcp_server.errors import ConfigurationError, Violation, listed
from mcp_server.fields import CREDENTIAL_FIELDS, SECRET_FIELDS

PROVIDER = "provider"
AWS_PROFILE = "aws_profile"
NAME_RULE = "a name is 1 to 64 of A-Z a-z 0-9 _ -"
PROVIDER_RULE = f"must be {' or '.join(CREDENTIAL_FIELDS)}"
_NO_SECRET_HERE = "give a source: env, file, keyring or command; a secret does not stand in this file"
_MAX_WORDS = 64
_MAX_LENGTH = 4096
Tell = Callable[[Violation], None]
_parsed: Callable[[str], dict[str, object]] = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli").loads


class BrokenRule(ValueError):
    """A value is not what its place wants; the message is the rule."""


class SourceFailed(Exception):
    """A source of an entry gave no usable value; `detail` says where and why, for the operator alone."""

    def __init__(self, field: str, kind: str, detail: str) -> None:
        super().__init__(field, kind, detail)
        self.field = field
        self.kind = kind
        self.detail = detail


@dataclass(frozen=True, repr=False)
class Entry:
    """Credentials by name; `sources` by their key in the entry's table."""

    name: str
    provider: str
    sources: Mapping[str, Source]

    @property
    def variables(self) -> frozenset[str]:
        """The names of the environment variables that it reads."""
        return frozenset(source.name for source in self.sources.values() if isinstance(source, EnvironmentVariable))

    def withholding(self, variables: Collection[str]) -> Entry:
        """The same entry; a process that it starts does not get these variables."""
        return replace(self, sources={key: source.withholding(variables) for key, source in self.sources.items()})

    async def read(self, field: str) -> dict[str, str]:
        """What one source gives now, by request field. Raises SourceFailed."""
        source = self.sources[field]
        try:
            return await source.read(field)
        except Unreadable as fault:
            raise SourceFailed(field, source.kind, f"{source.place}: {fault}") from None

    async def values(self) -> dict[str, object]:
        """What all sources give now, by request field. Raises SourceFailed."""
        found: dict[str, object] = {}
        for field in self.sources:
            found |= await self.read(field)
        return found


def is_name(text: str) -> bool:
    """Whether an entry may be called so."""
    return re.fullmatch("[A-Za-z0-9_-]{1,64}", text) is not None


def variables_of(entries: Iterable[Entry]) -> frozenset[str]:
    """The names of the environment variables that they read."""
    return frozenset(name for entry in entries for name in entry.variables)


def entries_in(text: str, folder: Path) -> dict[str, Entry]:
    """The entries by name; relative paths begin at the folder. No command gets a variable that any entry reads.

    Raises ConfigurationError with every broken rule.
    """
    broken: list[Violation] = []
    entries = [_entry(name, value, folder, broken.append) for name, value in _tables(text).items()]
    if broken:
        raise ConfigurationError(f"{listed(tuple(broken))}.")
    whole = [entry for entry in entries if entry]
    return {entry.name: entry.withholding(variables_of(whole)) for entry in whole}


def _tables(text: str) -> dict[str, object]:
    try:
        return _parsed(f"{text}\n")  # so that an error in the last line has a place
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{_place(error)}this is not TOML (a key or table may stand twice).") from None


def _place(error: Exception) -> str:
    """Of the parser's message, which may repeat what is in the file, only where it stopped."""
    found = re.search(r"\(at (line \d+, column \d+|end of document)\)$", str(error))
    return f"{found[1]}: " if found else ""


def _entry(name: str, value: object, folder: Path, tell: Tell) -> Entry | None:
    table: Mapping[str, object] = cast("Mapping[str, object]", value) if isinstance(value, dict) else {}
    provider = table.get(PROVIDER)
    if not is_name(name):
        tell(Violation("(a name)", NAME_RULE))
    elif not isinstance(value, dict):
        tell(Violation(name, f"must be a table: [{name}], and its provider and sources below it"))
    elif not isinstance(provider, str) or provider not in CREDENTIAL_FIELDS:
        tell(Violation(f"{name}.{PROVIDER}", PROVIDER_RULE))
    else:
        return Entry(name, provider, dict(_sources(name, provider, table, folder, tell)))
    return None


def _sources(
    name: str, provider: str, table: Mapping[str, object], folder: Path, tell: Tell
) -> Iterator[tuple[str, Source]]:
    wanted = _wanted(provider, table)
    for key in table.keys() - {PROVIDER, *wanted}:
        tell(Violation(f"{name}.{_shown(key)}", _misplaced(key, provider)))
    for field in wanted:
        value = table.get(field)
        try:
            yield field, _source(field, value, folder)
        except BrokenRule as rule:
            tell(Violation(f"{name}.{field}", str(rule)))


def _wanted(provider: str, table: Mapping[str, object]) -> tuple[str, ...]:
    """The keys of the sources: a profile stands for both fields."""
    return (AWS_PROFILE,) if provider == "s3" and AWS_PROFILE in table else CREDENTIAL_FIELDS[provider]


def _shown(key: str) -> str:
    return key if re.fullmatch("[A-Za-z_]{1,30}", key) else "(a key)"  # a secret may stand where a key should


def _misplaced(key: str, provider: str) -> str:
    fields = CREDENTIAL_FIELDS[provider]
    if key in fields:
        return f"cannot go with {AWS_PROFILE}"
    return f"is not known; allowed: {', '.join((PROVIDER, *fields, *([AWS_PROFILE] if provider == 's3' else [])))}"


def _source(field: str, value: object, folder: Path) -> Source:
    """Raises BrokenRule."""
    if value is None:
        raise BrokenRule("is required")
    if field == AWS_PROFILE:
        return AwsProfile(_line(value, "must be the name of a profile"))
    if isinstance(value, dict):
        return _named_source(cast("Mapping[str, object]", value), folder)
    if field in SECRET_FIELDS:
        raise BrokenRule(_NO_SECRET_HERE)
    return PlainText(_line(value, "must be a text or a source: env, file, keyring or command"))


def _named_source(table: Mapping[str, object], folder: Path) -> Source:
    if len(table) != 1 or not table.keys() <= _SOURCES.keys():
        raise BrokenRule("must have one source: env, file, keyring or command")
    ((kind, place),) = table.items()
    return _SOURCES[kind](place, folder)


def _line(value: object, rule: str) -> str:
    """A text of one line that can be seen. Raises BrokenRule."""
    if isinstance(value, str) and value.strip() and value.isprintable() and len(value) <= _MAX_LENGTH:
        return value
    raise BrokenRule(rule)


def _variable(place: object, _: Path) -> Source:
    name = _line(place, "env: must be the name of an environment variable")
    if "=" in name:
        raise BrokenRule("env: must be the name of an environment variable")
    return EnvironmentVariable(name)


def _path(place: object, folder: Path, rule: str) -> Path:
    try:
        return folder / Path(_line(place, rule)).expanduser()
    except RuntimeError:  # the home of somebody who is not known here
        raise BrokenRule(rule) from None


def _file(place: object, folder: Path) -> Source:
    return SecretFile(_path(place, folder, "file: must be a path"))


def _item(place: object, _: Path) -> Source:
    """A text is the user name of an item of this program's; two are service and user name of any."""
    rule = "keyring: must be a user name, or a list of service and user name"
    if not isinstance(place, list):
        return KeyringItem(_line(place, rule))
    words = [_line(word, rule) for word in cast("list[object]", place)]
    if len(words) != 2:
        raise BrokenRule(rule)
    return KeyringItem(service=words[0], username=words[1])


def _command(place: object, folder: Path) -> Source:
    rule = "command: must be a list of texts, first the program"
    words = cast("list[object]", place) if isinstance(place, list) else []
    if not 1 <= len(words) <= _MAX_WORDS:
        raise BrokenRule(rule)
    program, *arguments = (_word(word, rule) for word in words)
    if Path(_line(program, rule)).name != program:
        program = str(_path(program, folder, rule))
    return CommandOutput((program, *arguments), folder)


def _word(value: object, rule: str) -> str:
    if isinstance(value, str) and re.fullmatch(f"[^\0\ud800-\udfff]{{0,{_MAX_LENGTH}}}", value):
        return value
    raise BrokenRule(rule)


_SOURCES: Mapping[str, Callable[[object, Path], Source]] = {
    "env": _variable,
    "file": _file,
    "keyring": _item,
    "command": _command,
}
