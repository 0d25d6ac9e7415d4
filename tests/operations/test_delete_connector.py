"""delete_connector: the connector goes for good once that is confirmed, what is stored stays."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from mcp import Client, StdioServerParameters
from mcp.client import ClientRequestContext
from mcp_types import ElicitRequestFormParams, ElicitRequestParams, ElicitResult

from tests.emulators import Emulator
from tests.operations.conftest import Desk
from tests.sessions import COMMAND, Session, environment

pytestmark = pytest.mark.anyio


async def test_a_deleted_connector_is_gone_and_its_files_are_not(desk: Desk) -> None:
    bucket = desk.emulator.new_bucket()
    desk.emulator.put("stays.mp4", bucket=bucket)
    one = {"connector_id": (await desk.create(**{desk.emulator.bucket_field: bucket}))["connector_id"]}
    other = await desk.create(name="Other")
    text = await desk.session.refused("delete_connector", **one)
    assert "Nothing was deleted" in text
    assert bucket in text
    name = (await desk.session.call("get_connector", **one))["name"]
    deleted = await desk.session.call("delete_connector", **one, confirm_name=name)
    assert deleted["connector_id"] == one["connector_id"]
    assert deleted["deleted"] is True
    assert "stay" in deleted["message"]
    for tool in ("get_connector", "test_connector", "browse_connector_files", "delete_connector"):
        text = await desk.session.refused(tool, **one)
        assert "code: connector_not_found" in text
        assert "List the connectors" in text
    left = (await desk.session.call("list_connectors"))["connectors"]
    assert [connector["connector_id"] for connector in left] == [other["connector_id"]]
    assert desk.emulator.keys(bucket=bucket) == ["stays.mp4"]


async def test_the_person_is_asked_about_the_connector_and_where_its_files_are(
    era: str, provider: str, emulator: Emulator, settings: Mapping[str, str]
) -> None:
    asked: list[str] = []

    async def yes_to_the_second(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        assert isinstance(params, ElicitRequestFormParams)
        asked.append(params.message)
        return ElicitResult(action="accept", content={"confirm": len(asked) == 2})

    server = StdioServerParameters(command=COMMAND[0], args=[*COMMAND[1:]], env=environment(settings))
    async with Client(server, mode=era, elicitation_callback=yes_to_the_second) as client:
        tools = (await client.list_tools()).tools
        session = Session(client, {tool.name: tool.model_dump(by_alias=True, exclude_none=True) for tool in tools})
        given = emulator.arguments(scopes=["import", "export"], export_base_path="exports/review")
        one = {"connector_id": (await session.call(f"create_{provider}_connector", **given))["connector_id"]}
        assert (await session.call("delete_connector", **one))["deleted"] is False
        assert (await session.call("get_connector", **one))["name"] == given["name"]
        assert (await session.call("delete_connector", **one))["deleted"] is True
        assert (await session.call("list_connectors"))["total"] == 0
    first, second = asked
    assert first == second
    for fact in (given["name"], one["connector_id"], provider, given[emulator.bucket_field], "exports/review"):
        assert fact in first
