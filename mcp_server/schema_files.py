"""tool_schemas/: each tool's tools/list entry as a file, written and compared. Never read at run time."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from pathlib import Path

from mcp_server.tools import TOOLS

FOLDER = Path("tool_schemas")


def rendered() -> dict[str, str]:
    """File name and text of every schema file, keys sorted."""
    entries = [tool.describe().model_dump(by_alias=True, exclude_none=True, mode="json") for tool in TOOLS]
    return {f"{entry['name']}.json": json.dumps(entry, indent=2, sort_keys=True) + "\n" for entry in entries}


def write(folder: Path = FOLDER) -> int:
    """Make the folder hold the rendered files and no other JSON file; returns how many there are."""
    files = rendered()
    folder.mkdir(parents=True, exist_ok=True)
    for stray in folder.glob("*.json"):
        if stray.name not in files:
            stray.unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return len(files)


def drift(folder: Path = FOLDER) -> Iterator[str]:
    """The lines of a unified diff from the folder to the rendered files; none when they agree."""
    files = rendered()
    for stray in sorted(_present(folder) - files.keys()):
        yield f"stray: {folder.name}/{stray}\n"
    for name, new in files.items():
        path = folder / name
        kept = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        yield from difflib.unified_diff(
            kept.splitlines(keepends=True), new.splitlines(keepends=True), f"{folder.name}/{name}", f"rendered/{name}"
        )


def _present(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()
