"""delete_connector: the connector goes for good, what is stored stays."""

from __future__ import annotations

import pytest

from tests.operations.conftest import Desk

pytestmark = pytest.mark.anyio


async def test_a_deleted_connector_is_gone_and_its_files_are_not(desk: Desk) -> None:
    bucket = desk.emulator.new_bucket()
    desk.emulator.put("stays.mp4", bucket=bucket)
    one = {"connector_id": (await desk.create(**{desk.emulator.bucket_field: bucket}))["connector_id"]}
    other = await desk.create(name="Other")
    deleted = await desk.session.call("delete_connector", **one)
    assert deleted["connector_id"] == one["connector_id"]
    assert "stay" in deleted["message"]
    for tool in ("get_connector", "test_connector", "browse_connector_files", "delete_connector"):
        text = await desk.session.refused(tool, **one)
        assert "code: connector_not_found" in text
        assert "List the connectors" in text
    left = (await desk.session.call("list_connectors"))["connectors"]
    assert [connector["connector_id"] for connector in left] == [other["connector_id"]]
    assert desk.emulator.keys(bucket=bucket) == ["stays.mp4"]
