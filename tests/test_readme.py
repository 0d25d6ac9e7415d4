"""The README says what is so."""

from __future__ import annotations

import ast
import json
import re
import shlex

from mcp_server.cli import COMMANDS
from mcp_server.settings import DESCRIPTIONS, flag_name
from tests.readme import README, with_tables

TEXT = README.read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.S)


def test_its_tables_are_those_of_the_code() -> None:
    assert with_tables(TEXT) == TEXT, "run python -m tests.readme"
    assert TEXT.count("| `create_s3_connector` |") == 1
    assert TEXT.count("| `VIDEOVECTOR_TIMEOUT` |") == 1


def test_its_configurations_are_json_and_start_the_command_or_name_its_url() -> None:
    configurations = [json.loads(block) for block in blocks("json")]
    servers = [each.get("mcpServers") or each["servers"] for each in configurations]
    found = [server["videovector-connectors"] for server in servers]
    assert [each["command"] for each in found if "command" in each] == ["videovector-connectors"] * 2
    assert [each["url"] for each in found if "url" in each] == ["https://mcp.example.com/mcp"]


def test_its_commands_and_flags_exist() -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    commands = [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("videovector-connectors")]
    assert commands
    known = {*map(flag_name, DESCRIPTIONS), "--scope", "--tenant"}
    for words in commands:
        assert words[0].startswith("--") or words[0] in COMMANDS
        assert {word for word in words if word.startswith("--")} <= known
    named = re.findall(r"`(?:videovector-connectors )?(--[a-z0-9-]+)", TEXT)
    assert set(named) <= known


def test_its_python_is_python() -> None:
    for block in blocks("python"):
        indented = "".join(f"    {line}\n" for line in block.splitlines())
        ast.parse(f"async def example():\n{indented}")


def test_each_set_up_is_one_command() -> None:
    first, second = (block.strip() for block in blocks("sh") if "venv" in block)
    assert "\n" not in first
    assert "\n" not in second
    assert first.endswith("videovector-connectors demo")
    assert second.endswith("pytest")
