"""What a page is for, and how its submission may be refused. No HTTP, no HTML, and no tool is known here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True)
class FormField:
    """One thing that the person is asked for. Only what is typed into a `text` field is ever shown again.

    A `key_file` is given as a file or as its text; the file wins.
    """

    name: str
    label: str
    kind: Literal["text", "password", "key_file"]
    hint: str = ""


class Refusal(Exception):
    """The submission was refused and can be corrected. `message` and `hint` are safe to show: no secret is in them.

    `fields` are the names of those to correct. `keepable`: something was made all the same, and may be kept as it is;
    then `message` says what was made, and later refusals of the same errand are keepable too.
    """

    def __init__(self, message: str, hint: str = "", *, fields: tuple[str, ...] = (), keepable: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.fields = fields
        self.keepable = keepable


class Errand(Protocol):
    """Shown with `title` and `facts` (name and value, which may come from a model), asks for `fields`, then sends."""

    @property
    def title(self) -> str: ...

    @property
    def facts(self) -> Sequence[tuple[str, str]]: ...

    @property
    def fields(self) -> Sequence[FormField]: ...

    async def send(self, values: Mapping[str, str]) -> str:
        """Do it with what was given, by field name; the sentence for the last page. Raises Refusal."""
        ...

    async def keep(self) -> str:
        """After a refusal that was keepable: leave it as it is; the sentence for the last page. Raises Refusal."""
        ...
