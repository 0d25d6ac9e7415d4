"""Each task's calls do it, on a real server with real storage; and the file says nothing that nobody reads."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from mcp_server.operations import OPERATIONS
from tests.emulators.gcs import GcsEmulator
from tests.emulators.s3 import S3Emulator
from tests.evaluation.tasks import TASKS, Call, Task, filled, found, unproved
from tests.evaluation.world import World, opened

FIELDS = {"total", "rows", "id", "name", "sizes"}
ANSWER: dict[str, Any] = {"total": 2, "rows": [{"id": "x", "name": "A b.c"}, {"id": "y", "name": "D", "sizes": [7]}]}


def fields_of(schema: Mapping[str, Any]) -> set[str]:
    """The names of all fields that an answer of this schema can have, at any depth."""
    properties: Mapping[str, Any] = schema.get("properties", {})
    inner: list[Mapping[str, Any]] = [*properties.values(), *([schema["items"]] if "items" in schema else [])]
    return {*properties, *(name for each in inner for name in fields_of(each))}


@pytest.fixture(scope="module")
async def world(
    anyio_backend: str, s3_emulator: S3Emulator, gcs_emulator: GcsEmulator, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[World]:
    async with opened(tmp_path_factory.mktemp("world"), s3_emulator, gcs_emulator) as world:
        yield world


@pytest.mark.anyio
@pytest.mark.parametrize("task", TASKS, ids=[re.sub(r"\W+", "-", task.task)[:50] for task in TASKS])
async def test_the_calls_of_a_task_do_it(task: Task, world: World) -> None:
    session = await world.made()
    world.changed_by({call.tool for call in task.calls})
    answers: list[object] = []
    for call in task.calls:
        given = filled(call.arguments, answers)
        if call.refused:
            assert call.refused in await session.refused(call.tool, **given)
        answers.append({} if call.refused else await session.call(call.tool, **given))
        assert list(unproved(call, answers[-1], fields_of(session.tools[call.tool]["outputSchema"]))) == []


def test_there_are_forty_tasks_of_all_tools_and_each_proves_something() -> None:
    assert len({task.task for task in TASKS}) == len(TASKS) == 40
    assert {call.tool for task in TASKS for call in task.calls} == {row.name for row in OPERATIONS}
    assert [task.task for task in TASKS if not (task.calls[-1].proof or task.calls[-1].refused)] == []
    assert sum(any("$" in str(call.arguments) for call in task.calls) for task in TASKS) >= 20


def test_what_is_misspelt_in_the_file_is_refused() -> None:
    for wrong in ('{"tool": "list_connectors", "prove": {}}', '{"arguments": {}}'):
        with pytest.raises(ValidationError):
            Call.model_validate_json(wrong)
    with pytest.raises(ValidationError):
        Task.model_validate({"task": "Do nothing at all.", "calls": []})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("total", 2),
        ("rows[1].id", "y"),
        ("rows[name=A b.c].id", "x"),
        ("rows[1].sizes[0]", 7),
        ("rows[name=nobody].id", None),
        ("rows[2]", None),
        ("none[0].of.these", None),
        ("total.of", None),
    ],
)
def test_a_path_leads_to_what_stands_there(path: str, value: object) -> None:
    assert found(ANSWER, path) == value


@pytest.mark.parametrize("path", ["rows[", "rows[x", "..", "a b"])
def test_what_is_no_path_is_an_error(path: str) -> None:
    with pytest.raises(ValueError, match=re.escape(path)):
        found(ANSWER, path)


def test_a_reference_is_replaced_by_what_it_leads_to_and_must_lead_somewhere() -> None:
    assert filled({"a": "$2.total", "b": "$ 5", "c": [1]}, [{}, ANSWER]) == {"a": 2, "b": "$ 5", "c": [1]}
    with pytest.raises(ValueError, match="nothing"):
        filled({"a": "$1.nothing"}, [ANSWER])


def test_a_proof_that_fails_says_what_is_there() -> None:
    proof = {"total": 3, "rows": "~A b", "rows[0].id": "~^y", "missing": "~.", "total.of": "~2"}
    assert list(unproved(Call(tool="any", proof=proof), ANSWER, FIELDS)) == [
        "total: 2, not 3",
        "rows[0].id: 'x', not '~^y'",
        "missing: None, not '~.'",
        "total.of: None, not '~2'",
    ]


def test_a_null_proves_something_only_where_something_could_stand() -> None:
    good = {"sizes": None, "rows[0].sizes": None, "rows[name=nobody]": None, "rows[2]": None}
    wrong = {"misspelt": None, "rows[0].misspelt": None, "rows[name=nobody].sizes": None, "none[name=x]": None}
    assert list(unproved(Call(tool="any", proof={**good, **wrong}), ANSWER, FIELDS)) == [
        f"{path}: None, not None" for path in wrong
    ]
