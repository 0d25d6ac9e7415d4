"""The app as clients of the real server get it, and the real server's answers in the app."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mcp import Client, MCPError
from mcp.client.extension import advertise
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID
from mcp_types import INVALID_PARAMS, TextResourceContents
from playwright.async_api import Browser

from mcp_server.apps.connectors import MIME_TYPE, URI, page
from tests.apps.hosting import Host, hosting
from tests.emulators.s3 import S3Emulator
from tests.http_server.serving import client_of, serving
from tests.sessions import DATA_DIR, ERAS, Json, Session, connected, speaking

pytestmark = pytest.mark.anyio
WITH_APP = {"list_connectors", "browse_connector_files"}
KEYS = ("incoming/2026/interview.mp4", "incoming/2026/interview.srt", "poster.jpg", "<b>bold</b>.mov")


async def read_from(client: Client) -> TextResourceContents:
    (contents,) = (await client.read_resource(URI)).contents
    assert isinstance(contents, TextResourceContents)
    return contents


def is_as_the_extension_says(contents: TextResourceContents) -> bool:
    closed: Json = {"connectDomains": [], "resourceDomains": [], "frameDomains": [], "baseUriDomains": []}
    assert contents.uri == URI
    assert contents.mime_type == MIME_TYPE == APP_MIME_TYPE
    assert contents.meta == {"ui": {"csp": closed, "prefersBorder": True}}
    return contents.text == page()


async def test_the_app_is_read_over_stdio(era: str, embedded: dict[str, str]) -> None:
    async with connected(era, embedded) as session:
        assert is_as_the_extension_says(await read_from(session.client))


async def test_the_server_declares_the_extension_in_the_era_that_has_extensions(embedded: dict[str, str]) -> None:
    async with connected("auto", embedded) as session:
        assert session.client.server_capabilities.extensions == {EXTENSION_ID: {}}


async def test_another_app_is_refused_without_quoting_it(era: str, embedded: dict[str, str]) -> None:
    async with connected(era, embedded) as session:
        with pytest.raises(MCPError) as refused:
            await session.client.read_resource("ui://videovector-connectors/../secret")
        assert refused.value.error.code == INVALID_PARAMS
        assert URI in refused.value.error.message
        assert "secret" not in refused.value.error.message


async def test_two_tools_name_the_app_to_every_client(era: str, embedded: dict[str, str]) -> None:
    async with connected(era, embedded) as session:
        named = {name: tool["_meta"] for name, tool in session.tools.items() if "_meta" in tool}
        assert named == {name: {"ui": {"resourceUri": URI}} for name in WITH_APP}


async def test_a_client_with_apps_gets_the_tools_and_results_of_one_without(era: str, tmp_path: Path) -> None:
    apps = advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]})
    seen: list[object] = []
    with serving(tmp_path) as served:
        for extensions in ([], [apps]):
            async with client_of(served, era, extensions=extensions) as client:
                assert is_as_the_extension_says(await read_from(client))
                seen.append((await client.list_tools(), await client.call_tool("list_connectors")))
    assert seen[0] == seen[1]


def test_the_app_is_not_imported_before_a_client_lists_the_tools(embedded: dict[str, str], tmp_path: Path) -> None:
    with speaking(embedded, tmp_path, "-X", "importtime") as lines:
        lines.initialize()
        assert lines.end() == 0
        assert "mcp_server.transports" in lines.errors.read_text()
        assert "mcp_server.apps" not in lines.errors.read_text()


# ---- the app before the real server ------------------------------------------------------------------------------


@asynccontextmanager
async def before(session: Session, browser: Browser) -> AsyncGenerator[Host]:
    """The app in a host that passes its calls to the server."""

    async def call(tool: str, given: Json) -> Json:
        result = await session.client.call_tool(tool, given)
        return result.model_dump(mode="json", by_alias=True, exclude_none=True)

    async with hosting(browser, call) as host:
        await host.shows(await call("list_connectors", {}))
        await host.rows.first.wait_for()
        yield host


async def test_a_bucket_is_walked_through(browser: Browser, s3_emulator: S3Emulator, tmp_path: Path) -> None:
    bucket = s3_emulator.new_bucket()
    for key in KEYS:
        s3_emulator.put(key, b"content", bucket=bucket)
    async with connected(ERAS[1], {**s3_emulator.settings, DATA_DIR: str(tmp_path)}) as session:
        await session.call("create_s3_connector", **s3_emulator.arguments(bucket=bucket, name="<i>Archive</i>"))
        async with before(session, browser) as host:
            await host.opened("<i>Archive</i>")
            assert await host.names() == ["<b>bold<", "incoming", "poster.jpg"]
            await host.opened("incoming")
            await host.opened("2026")
            assert await host.names() == ["interview.mp4", "interview.srt"]
            assert await host.path() == ["Connectors", "<i>Archive</i>", "incoming", "2026"]
            await host.searched("INTERVIEW.m")
            assert await host.names() == ["interview.mp4"]
            assert (await host.summary()).startswith("1 file · 7 bytes")


async def test_an_error_of_the_real_tool_is_told(browser: Browser, s3_emulator: S3Emulator, tmp_path: Path) -> None:
    async with connected(ERAS[1], {**s3_emulator.settings, DATA_DIR: str(tmp_path)}) as session:
        await session.call("create_s3_connector", **s3_emulator.arguments(bucket="no-such-bucket", name="Gone"))
        async with before(session, browser) as host:
            await host.opened("Gone")
            alert = host.app.get_by_role("alert")
            await alert.wait_for()
            assert "code: storage_" in await alert.inner_text()
