"""What callers over HTTP share, and what they do not: listening streams, and the cursors of several servers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError

from mcp_server.changes import MAX_STREAMS_A_CALLER
from tests.client.listing import CONNECTOR_ID
from tests.embedded.bodies import encryption_key
from tests.emulators.http_server import Asked, Reply
from tests.emulators.http_server import serving as answering
from tests.emulators.openid import openid_provider
from tests.file_rows import paths_of
from tests.http_server.serving import Served, client_of, serving, unknown_key
from tests.materials import CLOUD_FILE
from tests.sessions import ERAS
from tests.tool_calls import data_of, error_of

pytestmark = pytest.mark.anyio
AUDIENCE = "https://mcp.example/mcp"
STREAMS_A_CLIENT = 60


async def listen(stack: AsyncExitStack, client: Client, number: int) -> None:
    for _ in range(number):
        await stack.enter_async_context(client.listen(resources_list_changed=True))


async def test_each_caller_who_shares_an_account_has_streams_of_its_own(tmp_path: Path) -> None:
    with openid_provider().running() as provider:
        flags = ("--oauth-issuer", provider.issuer, "--oauth-audience", AUDIENCE)

        def client(served: Served, name: str) -> Any:
            token = provider.token(AUDIENCE, "connectors:read", name)
            return client_of(served, ERAS[1], headers={"Authorization": f"Bearer {token}"})

        with serving(tmp_path, *flags) as served:
            async with (
                client(served, "RS256") as one,
                client(served, "RS256") as another,
                client(served, "PS256") as other,
                AsyncExitStack() as streams,
            ):
                await listen(streams, one, STREAMS_A_CLIENT)
                await listen(streams, another, MAX_STREAMS_A_CALLER - STREAMS_A_CLIENT)
                with pytest.raises(MCPError, match=f"You have {MAX_STREAMS_A_CALLER} listening streams"):
                    await listen(streams, another, 1)
                await listen(streams, other, 1)


def _key_of_somebody() -> str:
    """What is redacted by its form."""
    return "AKIA" + "IOSFODNN7QWERTYU"


PATHS = [f"uploads/{_key_of_somebody()}/1.mp4", "uploads/x/2.mp4"]


def _files(_: Asked) -> Reply:
    body = [{**CLOUD_FILE, "path": path, "name": path[-5:]} for path in PATHS]
    return Reply(200, json.dumps(body).encode(), {"Content-Type": "application/json"})


async def _browsed(served: Served, **given: Any) -> Any:
    async with client_of(served) as client:
        return await client.call_tool("browse_connector_files", {"connector_id": CONNECTOR_ID, "limit": 1, **given})


async def test_a_cursor_that_is_sealed_leads_on_at_every_server_with_the_key_and_at_no_other(tmp_path: Path) -> None:
    with answering(_files) as api, ExitStack() as stack:

        def server(name: str, key: str) -> Served:
            settings: Mapping[str, str] = {
                "VIDEOVECTOR_BASE_URL": api.url,
                "VIDEOVECTOR_API_KEY": unknown_key(),
                "VIDEOVECTOR_ENCRYPTION_KEY": key,
            }
            (tmp_path / name).mkdir()
            return stack.enter_context(serving(tmp_path / name, settings=settings))

        shared = encryption_key()
        one, same, other = server("one", shared), server("same", shared), server("other", encryption_key())
        first = data_of(await _browsed(one))
        assert paths_of(first) == ["uploads/[redacted aws_access_key_id]/1.mp4"]
        cursor = first["next_cursor"]
        for served in (one, same):
            assert paths_of(data_of(await _browsed(served, cursor=cursor))) == PATHS[1:]
        assert "cursor: must be a next_cursor" in error_of(await _browsed(other, cursor=cursor))
