"""Objects whose names want to be read as more, in a real bucket: each is one row, and nothing else of the result."""

from __future__ import annotations

import re
from typing import cast

import pytest

from mcp_server.presentation import visible_name
from tests.file_rows import paths_of
from tests.injections import INJECTED
from tests.operations.conftest import Desk
from tests.sessions import Json, text_of

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("provider", ["s3"], scope="module")]
HELD = sorted(name for name in INJECTED.values() if "\n" not in name and "\r" not in name)
"""The emulator takes no line end in a key."""
_AFTER_SIZE_AND_TIME = re.compile(r"^\d+ \d{14} ")


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
    shown = paths_of(data)
    assert sorted(shown) == sorted(map(visible_name, HELD))
    lines = text_of(result).splitlines()
    assert lines == text_of(result).split("\n")
    rows = lines[-len(HELD) :]
    names = [_AFTER_SIZE_AND_TIME.sub("", row) if details else row for row in rows]
    assert [name.strip('"') for name in names] == [name.strip('"') for name in shown]
    fields = [line.split(": ")[0] for line in lines[: -len(HELD)] if ": " in line]
    assert sorted(fields) == sorted(data)
