"""tool_schemas/: written, compared, and the same as what the tools say of themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mcp_server import schema_files
from mcp_server.tools import TOOLS
from tests.materials import NAMES

KEPT = Path(__file__).parent.parent / "tool_schemas"


def test_the_kept_files_are_what_the_tools_say() -> None:
    assert list(schema_files.drift(KEPT)) == []


def test_there_is_one_file_a_tool_and_its_keys_are_sorted() -> None:
    files = schema_files.rendered()
    assert set(files) == {f"{name}.json" for name in NAMES}
    for tool in TOOLS:
        text = files[f"{tool.operation.name}.json"]
        entry = json.loads(text)
        assert text == json.dumps(entry, indent=2, sort_keys=True) + "\n"
        assert entry == tool.describe().model_dump(by_alias=True, exclude_none=True, mode="json")


def test_a_rendering_is_always_the_same() -> None:
    assert schema_files.rendered() == schema_files.rendered()


def test_a_folder_is_made_and_filled(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "schemas"
    assert schema_files.write(folder) == len(NAMES)
    assert list(schema_files.drift(folder)) == []
    assert {path.name: path.read_bytes().decode() for path in folder.iterdir()} == schema_files.rendered()


def test_writing_again_mends_and_removes(tmp_path: Path) -> None:
    schema_files.write(tmp_path)
    (tmp_path / "stray.json").write_text("{}", encoding="utf-8")
    (tmp_path / "get_connector.json").write_text("{}", encoding="utf-8")
    (tmp_path / "list_connectors.json").unlink()
    schema_files.write(tmp_path)
    assert list(schema_files.drift(tmp_path)) == []


def test_a_changed_file_is_a_diff_with_both_names(tmp_path: Path) -> None:
    schema_files.write(tmp_path)
    path = tmp_path / "get_connector.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"Get connector"', '"Fetch"'), encoding="utf-8")
    diff = "".join(schema_files.drift(tmp_path))
    assert diff.startswith(f"--- {tmp_path.name}/get_connector.json\n+++ rendered/get_connector.json\n")
    assert '-  "title": "Fetch"' in diff
    assert '+  "title": "Get connector"' in diff


def test_a_missing_file_or_folder_is_a_diff(tmp_path: Path) -> None:
    schema_files.write(tmp_path)
    (tmp_path / "get_connector.json").unlink()
    assert "rendered/get_connector.json" in "".join(schema_files.drift(tmp_path))
    assert len([line for line in schema_files.drift(tmp_path / "none") if line.startswith("+++")]) == len(NAMES)


@pytest.mark.parametrize("content", [b"{}", b"", b"\xff\xfe"])
def test_a_stray_file_is_a_diff_whatever_it_holds(tmp_path: Path, content: bytes) -> None:
    schema_files.write(tmp_path)
    (tmp_path / "stray.json").write_bytes(content)
    assert "stray.json" in "".join(schema_files.drift(tmp_path))


def test_line_ends_of_another_system_are_no_drift(tmp_path: Path) -> None:
    schema_files.write(tmp_path)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert list(schema_files.drift(tmp_path)) == []


def test_the_folder_is_that_of_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert schema_files.write() == len(NAMES)
    assert len(list((tmp_path / "tool_schemas").iterdir())) == len(NAMES)
    assert list(schema_files.drift()) == []
