"""Which tools a caller may use, by the operator's settings and the caller's scopes."""

from __future__ import annotations

import re

import pytest

from mcp_server.authority import Authority
from mcp_server.errors import ConfigurationError, ConnectorError
from mcp_server.operations import OPERATIONS
from mcp_server.settings import load
from mcp_server.tools import TOOL_BY_NAME, TOOLS, listed
from tests.materials import NAMES, arguments
from tests.tool_calls import Api, backed, error_of, finished

READS = {"list_connectors", "get_connector", "browse_connector_files"}
ROWS = {row.name: row for row in OPERATIONS}


def allowed(authority: Authority) -> set[str]:
    return {row.name for row in OPERATIONS if authority.allows(row)}


def left_by(**flags: str) -> set[str]:
    return allowed(Authority.of(load(flags, {})))


def test_without_settings_every_tool_is_left() -> None:
    assert left_by() == set(NAMES)


def test_read_only_leaves_what_changes_nothing() -> None:
    assert left_by(read_only="yes") == READS


def test_tools_are_named_or_excluded() -> None:
    assert left_by(tools="list_connectors, delete_connector") == {"list_connectors", "delete_connector"}
    assert left_by(exclude_tools="delete_connector") == set(NAMES) - {"delete_connector"}


def test_every_bound_counts() -> None:
    names = "list_connectors,get_connector,delete_connector"
    assert left_by(tools=names, exclude_tools="get_connector", read_only="yes") == {"list_connectors"}


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            {"tools": "list_connector"},
            "--tools (VIDEOVECTOR_TOOLS): names a tool that there is not, did you mean list_connectors?",
        ),
        ({"exclude_tools": "xyzzy"}, "--exclude-tools (VIDEOVECTOR_EXCLUDE_TOOLS): names a tool that there is not"),
        ({"tools": "delete_connector", "read_only": "yes"}, "No tool is left"),
    ],
)
def test_bounds_that_cannot_be_meant_are_refused(flags: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(said)) as refused:
        Authority.of(load(flags, {}))
    assert "xyzzy" not in str(refused.value)


@pytest.mark.parametrize(
    ("scopes", "names"),
    [
        ({"read"}, READS),
        ({"write"}, {row.name for row in OPERATIONS if row.scope == "write"}),
        ({"read", "write"}, set(NAMES) - {"delete_connector"}),
        ({"admin"}, set(NAMES)),
        ({"search"}, set[str]()),
        (set[str](), set[str]()),
    ],
)
def test_scopes_bound_the_caller_and_admin_has_all(scopes: set[str], names: set[str]) -> None:
    assert allowed(Authority().within(frozenset(scopes))) == names


def test_a_caller_whose_scopes_only_the_api_knows_is_not_bounded_here() -> None:
    assert allowed(Authority().within(None)) == set(NAMES)


def test_a_callers_scopes_give_nothing_back_that_the_operator_took() -> None:
    assert allowed(Authority.of(load({"read_only": "yes"}, {})).within(frozenset({"admin"}))) == READS


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_allowed_is_not_listed(name: str) -> None:
    authority = Authority(frozenset(NAMES) - {name})
    assert [tool.name for tool in listed(backed(Api(), authority=authority))] == [
        each for each in NAMES if each != name
    ]
    assert authority.allows(ROWS[name]) is False


@pytest.mark.anyio
@pytest.mark.parametrize("name", NAMES)
async def test_what_is_not_allowed_is_refused_when_it_is_called_and_nothing_is_asked(name: str) -> None:
    api = Api()
    backing = backed(api, authority=Authority(frozenset(NAMES) - {name}))
    said = error_of(finished(await TOOL_BY_NAME[name].call(backing, arguments(name))))
    assert f"{name} is not allowed here" in said
    assert ("list_connectors" in said) is True
    assert api.requests == []


@pytest.mark.anyio
@pytest.mark.parametrize("name", NAMES)
async def test_a_call_without_its_scope_is_refused_and_nothing_is_asked(name: str) -> None:
    api = Api()
    backing = backed(api, authority=Authority().within(frozenset()))
    said = error_of(finished(await TOOL_BY_NAME[name].call(backing, arguments(name))))
    assert f"{name} needs the scope {ROWS[name].scope}" in said
    assert "insufficient_scope" in said
    assert api.requests == []


def test_who_may_use_nothing_is_told_so() -> None:
    nothing = Authority(frozenset({"list_connectors"}), frozenset())
    with pytest.raises(ConnectorError, match="none is left for you"):
        nothing.check(TOOLS[0].operation)
