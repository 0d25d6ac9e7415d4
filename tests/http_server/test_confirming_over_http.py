"""A deletion over HTTP: the person is asked where their client can be reached, and else the name is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest
from mcp.client import ClientRequestContext
from mcp_types import ElicitRequestFormParams, ElicitRequestParams, ElicitResult

from tests.http_server.serving import client_of, serving
from tests.materials import arguments
from tests.sessions import ERAS, text_of

pytestmark = pytest.mark.anyio
WAYS = [
    (("--transport", "http"), ERAS[1], True),
    (("--transport", "http", "--workers", "2"), ERAS[1], True),
    (("--transport", "http", "--stateful"), ERAS[0], True),
    (("--transport", "sse"), "sse", True),
    (("--transport", "http"), ERAS[0], False),
]


@pytest.mark.parametrize(("options", "era", "reached"), WAYS, ids=[f"{' '.join(way[0])} {way[1]}" for way in WAYS])
async def test_the_person_is_asked_where_the_client_can_be_reached(
    options: tuple[str, ...], era: str, *, reached: bool, tmp_path: Path
) -> None:
    asked: list[str] = []

    async def yes(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        assert isinstance(params, ElicitRequestFormParams)
        asked.append(params.message)
        return ElicitResult(action="accept", content={"confirm": True})

    with serving(tmp_path, *options) as served:
        async with client_of(served, era, elicitation_callback=yes) as client:
            made = await client.call_tool("create_s3_connector", arguments("create_s3_connector"))
            assert made.structured_content is not None
            one = {"connector_id": made.structured_content["connector_id"]}
            deleted = await client.call_tool("delete_connector", one)
            assert len(asked) == reached
            assert deleted.is_error is not reached
            if not reached:
                assert "confirmation_needed" in text_of(deleted)
                deleted = await client.call_tool("delete_connector", {**one, "confirm_name": "Archive"})
            assert deleted.structured_content is not None
            assert deleted.structured_content["deleted"] is True
