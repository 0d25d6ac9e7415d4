"""What an operation is: one row of facts, and the shape of its request. The rows themselves are in `operations`."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar
from uuid import uuid4

from pydantic import BaseModel, ConfigDict

from mcp_server.errors import Violation

Method = Literal["GET", "POST", "PATCH", "DELETE"]
KeyScope = Literal["read", "write", "admin"]

RequestT = TypeVar("RequestT", bound="Request")
AnswerT = TypeVar("AnswerT")


class Body(Enum):
    """How a request travels in its HTTP message."""

    NONE = "none"
    JSON = "json"
    FORM = "multipart form with a file part"
    MERGE_PATCH = "JSON of what changes; null clears"


@dataclass(frozen=True)
class Effect:
    """What a call does to the world, as MCP's tool annotations say it."""

    read_only: bool
    destructive: bool
    idempotent: bool
    open_world: bool


LOCAL_READ = Effect(read_only=True, destructive=False, idempotent=True, open_world=False)
STORAGE_READ = Effect(read_only=True, destructive=False, idempotent=True, open_world=True)
CREATION = Effect(read_only=False, destructive=False, idempotent=False, open_world=False)
OVERWRITE = Effect(read_only=False, destructive=True, idempotent=True, open_world=False)
PROBE = Effect(read_only=False, destructive=False, idempotent=True, open_world=True)


class Request(BaseModel):
    """Arguments of one operation; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, hide_input_in_errors=True)
    FIXED: ClassVar[frozenset[str]] = frozenset()
    """Names that a caller may expect here, of things that cannot be changed."""

    @classmethod
    def broken_combinations(cls, given: Mapping[str, object]) -> Iterator[Violation]:
        """What is wrong with the given arguments together, whatever may be wrong with each."""
        yield from ()


@dataclass(frozen=True, eq=False)
class Operation(Generic[RequestT, AnswerT]):
    """One row. `wire_names` maps a request field to its name in the HTTP body where the two differ.

    `query` names the request fields that travel in the URL's query, `unsent` those that do not travel: they are for
    whoever shows the answer. Of an answer that `is_paged` the body has the files alone, and headers have the rest.
    `providers` are those whose credentials it takes; one that takes several replaces those of a connector that exists.
    """

    name: str
    title: str
    description: str
    method: Method
    path: str
    request: type[RequestT]
    answer: type[AnswerT]
    scope: KeyScope
    effect: Effect
    body: Body = Body.NONE
    status: int = 200
    wire_names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    providers: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    unsent: tuple[str, ...] = ()
    is_paged: bool = False

    @property
    def keyed(self) -> bool:
        """Whether the operation takes an Idempotency-Key."""
        return "idempotency_key" in self.request.model_fields

    def new_idempotency_key(self) -> str:
        """A key that nobody has used, beginning with what it is for."""
        verb, noun = self.name.split("_")[:2]
        prefix = f"connector-{verb}" if noun == "connector" else f"connector-{verb}-{noun}"
        return f"{prefix}:{uuid4().hex}"

    @property
    def rotates(self) -> bool:
        """Whether the operation replaces the credentials of a connector that exists."""
        return len(self.providers) > 1

    @property
    def path_fields(self) -> tuple[str, ...]:
        """The request fields that travel in the path."""
        return tuple(re.findall(r"\{(\w+)\}", self.path))


AnyOperation = Operation[Any, Any]


class Ask(Protocol):
    """Who answers an operation: a client, or something that opens one first."""

    def __call__(self, operation: Operation[RequestT, AnswerT], request: RequestT, /) -> Awaitable[AnswerT]: ...
