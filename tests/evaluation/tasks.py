"""The tasks: read strictly, their references looked up, their proofs compared. No server is known here."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

LIKE = "~"
"""Begins an expected value that is an expression, found somewhere in what is there."""

_REFERENCE = re.compile(r"\$([1-9])\.(.+)")
_STEP = re.compile(r"(\w+)(?:\[(?:(?P<at>\d+)|(?P<key>\w+)=(?P<value>[^\]]+))\])?(?:\.|$)")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Call(_Strict):
    """One call and what of its answer counts."""

    tool: str
    arguments: dict[str, Any] = {}
    proof: dict[str, Any] = {}
    refused: str = ""


class Task(_Strict):
    """What a person says, and calls that do it."""

    task: str = Field(min_length=10)
    calls: list[Call] = Field(min_length=1)


TASKS = TypeAdapter(list[Task]).validate_json(Path(__file__).with_name("tasks.json").read_bytes())


def found(answer: object, path: str) -> object:
    """What stands at the path, None where nothing does. Raises ValueError for what is no path."""
    at = 0
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            raise ValueError(path)
        answer = cast("dict[str, object]", answer).get(step[1]) if isinstance(answer, dict) else None
        if step["at"] or step["key"]:
            answer = _item(cast("list[Any]", answer or []), step)
        at = step.end()
    return answer


def _item(items: Sequence[Any], step: re.Match[str]) -> object:
    if step["at"]:
        return items[int(step["at"])] if int(step["at"]) < len(items) else None
    return next((item for item in items if item.get(step["key"]) == step["value"]), None)


def filled(arguments: Mapping[str, Any], answers: Sequence[object]) -> dict[str, Any]:
    """The arguments with what their references lead to. Raises ValueError where that is nothing."""
    return {name: _value(value, answers) for name, value in arguments.items()}


def _value(value: Any, answers: Sequence[object]) -> Any:
    reference = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if reference is None:
        return value
    meant = found(answers[int(reference[1]) - 1], reference[2])
    if meant is None:
        raise ValueError(value)
    return meant


def unproved(call: Call, answer: object, fields: Collection[str]) -> Iterator[str]:
    """A line for each value that is not the one that proves the task; `fields` are those that an answer can have.

    A null proves something only where such a field, or an item of a list that is there, could stand.
    """
    for path, expected in call.proof.items():
        there = found(answer, path)
        if not _is_proof(there, expected) or (expected is None and not _could_stand(answer, path, fields)):
            yield f"{path}: {there!r}, not {expected!r}"


def _is_proof(there: object, expected: object) -> bool:
    if isinstance(expected, str) and expected.startswith(LIKE):
        return there is not None and bool(re.search(expected.removeprefix(LIKE), str(there)))
    return there == expected


def _could_stand(answer: object, path: str, fields: Collection[str]) -> bool:
    *_, last = _STEP.finditer(path)
    above = found(answer, path[: last.start()].removesuffix(".")) if last.start() else answer
    return isinstance(above, dict) and last[1] in (above if last["at"] or last["key"] else fields)
