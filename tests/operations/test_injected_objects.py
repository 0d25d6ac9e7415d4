"""Objects whose names want to be read as more, in a real bucket: each is one row, and nothing else of the result."""

from __future__ import annotations

from typing import cast

import pytest

from mcp_server.presentation import visible_name
from tests.injections import INJECTED
from tests.operations.conftest import Desk
from tests.sessions import Json, text_of

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("provider", ["s3"], scope="module")]
HELD = sorted(name for name in INJECTED.values() if "\n" not in name and "\r" not in name)
"""The emulator takes no line end in a key."""


@pytest.mark.parametrize("details", [False, True])
async def test_every_object_has_its_row_whatever_it_is_called(desk: Desk, *, details: bool) -> None:
    assert len(HELD) >= 18
    bucket = desk.emulator.new_bucket()
    for key in HELD:
        desk.emulator.put(key, bucket=bucket)
    one = {"connector_id": (await desk.create(bucket=bucket))["connector_id"]}
    result = await desk.session.client.call_tool("browse_connector_files", {**one, "details": details})
    assert not result.is_error, text_of(result)
    data = cast("Json", result.structured_content)
    shown: list[str] = [file["path"] for file in data["files"]] if details else data["paths"]
    assert sorted(shown) == sorted(map(visible_name, HELD))
    lines = text_of(result).splitlines()
    assert lines == text_of(result).split("\n")
    rows = lines[-len(HELD) :]
    assert [row.split("\t")[0].strip('"') for row in rows] == [name.strip('"') for name in shown]
    assert {row.count("\t") for row in rows} == {lines[-len(HELD) - 1].count("\t")}
    fields = [line.split(": ")[0] for line in lines[: -len(HELD)] if ": " in line]
    assert sorted(fields) == sorted(data)
