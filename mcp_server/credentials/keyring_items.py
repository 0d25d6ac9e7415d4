"""Items of the keyring of this person's system: read for a call, stored and deleted for the `credentials` command."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from mcp_server.credentials.sources import TextSource, Unreadable, patiently
from mcp_server.settings import APPLICATION


@contextmanager
def _telling() -> Generator[None]:
    """Backends are plugins: they raise what they like."""
    from keyring.errors import NoKeyringError

    try:
        yield
    except NoKeyringError as error:
        raise Unreadable("this machine has no keyring") from error
    except Exception as error:
        raise Unreadable(f"the keyring failed ({type(error).__name__})") from error


@dataclass(frozen=True, repr=False)
class KeyringItem(TextSource):
    """One item; those that this program stores have its name as their service."""

    kind = "keyring"
    username: str
    service: str = APPLICATION

    @classmethod
    def own(cls, name: str, field: str) -> KeyringItem:
        """Where this program keeps the secret of an entry."""
        return cls(f"{name}/{field}")

    @property
    def source(self) -> Mapping[str, str]:
        """How an entry names an item of this program's."""
        return {self.kind: self.username}

    @property
    def place(self) -> str:
        return f"the keyring's item {self.username} of the service {self.service}"

    async def content(self) -> bytes:
        secret = await patiently(self.stored)
        if secret is None:
            raise Unreadable("there is none")
        return secret.encode(errors="surrogateescape")

    def stored(self) -> str | None:
        """The secret, None when there is none. Raises Unreadable."""
        with _telling():
            import keyring

            return keyring.get_password(self.service, self.username)

    def store(self, secret: str) -> None:
        """Keep the secret. Raises Unreadable, also for a keyring that does not keep it."""
        with _telling():
            import keyring

            keyring.set_password(self.service, self.username, secret)
        if self.stored() != secret:
            raise Unreadable("the keyring did not keep it")

    def delete(self) -> None:
        """There is none afterwards. Raises Unreadable."""
        with _telling():
            import keyring

            if keyring.get_password(self.service, self.username) is not None:
                keyring.delete_password(self.service, self.username)

    def put_back(self, secret: str | None) -> None:
        """As it was before, if the keyring allows."""
        with suppress(Unreadable):
            if secret is None:
                self.delete()
            else:
                self.store(secret)
