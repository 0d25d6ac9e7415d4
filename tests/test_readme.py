"""The README says what is so."""

from __future__ import annotations

import ast
import json
import re

from tests.readme import README, with_tables

TEXT = README.read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.S)


def test_its_tables_are_those_of_the_code() -> None:
    assert with_tables(TEXT) == TEXT, "run python -m tests.readme"
    assert TEXT.count("| `create_s3_connector` |") == 1
    assert TEXT.count("| `VIDEOVECTOR_TIMEOUT` |") == 1


def test_its_configurations_are_json_and_start_the_command() -> None:
    configurations = [json.loads(block) for block in blocks("json")]
    servers = [each.get("mcpServers") or each["servers"] for each in configurations]
    assert [server["videovector-connectors"]["command"] for server in servers] == ["videovector-connectors"] * 2


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
