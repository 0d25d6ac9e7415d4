"""The generated parts of the README. `python -m tests.readme` writes them; a test compares them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mcp_server.operations import OPERATIONS
from mcp_server.settings import DESCRIPTIONS, GROUPS, environment_name, flag_name

README = Path(__file__).parent.parent / "README.md"


def tools_table() -> Iterator[str]:
    """A row a tool: name, what it does, the request it becomes, the key scope it needs."""
    yield "| tool | what it does | request | scope |"
    yield "| --- | --- | --- | --- |"
    for row in OPERATIONS:
        description = row.description.replace("|", "\\|")
        yield f"| `{row.name}` | {description} | `{row.method} {row.path}` | {row.scope} |"


def settings_table() -> Iterator[str]:
    """A row a setting under the row of its heading: variable, flag, what it is."""
    yield "| variable | flag | what it is |"
    yield "| --- | --- | --- |"
    for group, names in GROUPS.items():
        yield f"| **{group[0].upper()}{group[1:]}** | | |"
        for name in names:
            yield f"| `{environment_name(name)}` | `{flag_name(name)}` | {DESCRIPTIONS[name]} |"


def with_tables(text: str) -> str:
    """The README's text with both tables as they are now."""
    for name, table in (("tools", tools_table()), ("settings", settings_table())):
        before, rest = text.split(f"<!-- {name} -->\n")
        after = rest.split(f"<!-- /{name} -->")[1]
        text = "\n".join([f"{before}<!-- {name} -->", *table, f"<!-- /{name} -->{after}"])
    return text


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
