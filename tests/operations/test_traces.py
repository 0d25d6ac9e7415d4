"""What an operator's traces hold: each call by its tool, and no argument, secret or answer of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

from tests.emulators import Emulator
from tests.operations.asking import secrets_in, without_credentials
from tests.sessions import DATA_DIR, ERAS, environment, text_of
from tests.visiting import link_in

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("era", ERAS)
async def test_a_span_names_the_tool_and_holds_nothing_of_the_call(
    era: str, provider: str, emulator: Emulator, tmp_path: Path
) -> None:
    traces = tmp_path / "traces.json"
    settings = {**emulator.settings, DATA_DIR: str(tmp_path / "data"), "TRACES": str(traces)}
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "tests.operations.traced_server"], env=environment(settings)
    )
    tool, arguments = f"create_{provider}_connector", emulator.arguments()
    async with Client(server, mode=era) as client:
        assert not (await client.call_tool(tool, arguments)).is_error
        assert (await client.call_tool(tool, {**arguments, "region": "nowhere", "scopes": ["none"]})).is_error
        link = link_in(text_of(await client.call_tool(tool, without_credentials(provider, arguments, "bucket"))))
    seen = traces.read_text(encoding="utf-8")
    assert f"tools/call {tool}" in seen
    assert [secret for secret in secrets_in(emulator) if secret[:12] in seen] == []
    assert arguments[emulator.bucket_field] not in seen
    assert link.rpartition("/")[2] not in seen
