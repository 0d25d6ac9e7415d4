"""The book of the operator's named credentials: which names there are, and what stands behind one now.

A model knows the names of a provider and nothing else; what a source is and where goes to the log.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_server.credentials import book_file
from mcp_server.errors import ConfigurationError, InvalidArguments, Violation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_server.credentials.entries import Entry, SourceFailed
    from mcp_server.settings import Settings

logger = logging.getLogger(__name__)
UNREADABLE = "credentials_unreadable"
_MAX_LISTED = 50
_CHECK = "Ask the operator to run: videovector-connectors credentials check"


class CredentialBook:
    """The entries of one file, as it is at each use; no file is an empty book unless it is `required`.

    What is remembered is where values come from, as long as the file stays the same; never a value.
    """

    def __init__(self, path: Path | None, *, required: bool = False) -> None:
        self._path = path
        self._required = required
        self._logged = ""
        self._known: tuple[book_file.State | None, Mapping[str, Entry]] = (None, {})

    @classmethod
    def of(cls, settings: Settings) -> CredentialBook:
        """The configured book. One that the operator named must be there; at the default place it may come later."""
        return cls(settings.credentials_path, required=settings.credentials_file is not None)

    def verify(self) -> None:
        """Raises ConfigurationError that names file, entry, field and rule of all that is wrong; never a value."""
        self.entries()

    def entries(self) -> Mapping[str, Entry]:
        """By name. Raises ConfigurationError."""
        now = book_file.state(self._path) if self._path else None  # before the file is read: a change is seen next time
        known, entries = self._known
        if now is None or now != known:
            entries = self._parsed()
            self._known = now, entries
        return entries

    def _parsed(self) -> Mapping[str, Entry]:
        text = book_file.read(self._path) if self._path else None
        if self._path and text is None and self._required:
            raise ConfigurationError(
                f"{self._path}: there is no such file.",
                hint="Correct VIDEOVECTOR_CREDENTIALS_FILE, or run: videovector-connectors credentials add NAME",
            )
        if not self._path or not text:
            return {}
        from mcp_server.credentials.entries import entries_in

        try:
            return entries_in(text, self._path.absolute().parent)
        except ConfigurationError as error:
            raise ConfigurationError(f"{self._path}: {error}") from None

    def names(self, provider: str) -> tuple[str, ...]:
        """The names for this provider, sorted; none, and a line in the log, when the file cannot be used."""
        try:
            entries = self.entries()
        except ConfigurationError as error:
            self._log_once(str(error))
            return ()
        self._logged = ""
        return tuple(sorted(name for name, entry in entries.items() if entry.provider == provider))

    def environment_variables(self) -> frozenset[str]:
        """Those that entries read; of a file that cannot be used now, those that it named before."""
        from mcp_server.credentials.entries import variables_of

        with suppress(ConfigurationError):
            self.entries()
        return variables_of(self._known[1].values())

    def _log_once(self, fault: str) -> None:
        if fault != self._logged:
            logger.warning("named credentials cannot be used: %s", fault)
        self._logged = fault

    async def look_up(self, name: str, provider: str) -> dict[str, object]:
        """The values of one entry by request field, read from their sources now.

        Raises InvalidArguments for any name but those for this provider, ConfigurationError when a source fails.
        """
        from mcp_server.credentials.entries import SourceFailed

        entries = await self._usable_entries()
        allowed = {each: entry for each, entry in entries.items() if entry.provider == provider}
        if name not in allowed:
            raise InvalidArguments((Violation("credentials", _rule(sorted(allowed), provider)),))
        try:
            return await allowed[name].values()
        except SourceFailed as fault:
            raise _unreadable(name, fault) from None

    async def _usable_entries(self) -> Mapping[str, Entry]:
        from mcp_server.credentials.sources import Unreadable, in_time, patiently

        try:
            with in_time():
                return await patiently(self.entries)
        except (ConfigurationError, Unreadable) as error:
            logger.warning("named credentials cannot be used: %s", error)
        raise ConfigurationError("The operator's named credentials cannot be used.", hint=_CHECK, code=UNREADABLE)


def _rule(allowed: list[str], provider: str) -> str:
    """The same for a name that does not exist and for one of another provider."""
    if not allowed:
        return f"the operator has set up none for {provider}"
    more = f" and {len(allowed) - _MAX_LISTED} more" if len(allowed) > _MAX_LISTED else ""
    return f"must be one of those for {provider}: {', '.join(allowed[:_MAX_LISTED])}{more}"


def _unreadable(name: str, fault: SourceFailed) -> ConfigurationError:
    logger.warning("credentials %s: %s: %s", name, fault.field, fault.detail)
    return unusable(name, f"cannot be read: {fault.field} comes from a source ({fault.kind}) that fails")


def unusable(name: str, why: str) -> ConfigurationError:
    """The error for a model that named these credentials; `why` tells it neither places nor values."""
    return ConfigurationError(f"The credentials {name} {why}.", hint=f"{_CHECK} {name}", code=UNREADABLE)
