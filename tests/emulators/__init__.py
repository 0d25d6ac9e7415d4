"""Storage that answers for real, on this machine: one emulator per provider, from PyPI or npm. No test lives here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

PROVIDERS = ("gcs", "s3", "azure")


class Emulator(Protocol):
    """What the three have in common. `bucket_field` is the argument that a provider's bucket goes by."""

    bucket_field: ClassVar[str]

    @property
    def settings(self) -> Mapping[str, str]:
        """The environment of a server that is to use this emulator."""
        ...

    def arguments(self, **changes: Any) -> dict[str, Any]:
        """The arguments of a creation that works, with changes."""
        ...

    def wrong_secret_arguments(self) -> dict[str, Any]:
        """The same with a secret that is not the right one."""
        ...

    def new_bucket(self) -> str:
        """The name of a bucket or container that is empty."""
        ...

    def put(self, key: str, content: bytes = b"content", *, bucket: str = "") -> None:
        """Store an object, by default in the bucket that `arguments` name."""
        ...

    def keys(self, *, bucket: str = "") -> list[str]:
        """All keys, in the provider's order; up to 1,000."""
        ...
