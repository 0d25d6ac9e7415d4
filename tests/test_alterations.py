"""What an update tells: each field before and after, that credentials were replaced, and what stops working."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mcp_server.comparison import compared
from mcp_server.credentials.tickets import Desk
from mcp_server.errors import ApiRefused, ConnectorError
from mcp_server.intake import Intake
from mcp_server.presentation import compact, structured
from mcp_server.reception import Reception
from mcp_server.resources import Connector
from mcp_server.tools import TOOL_BY_NAME
from tests.answering import TYPED, Answering, Turns, book_of, outage, rotating
from tests.materials import CONNECTOR, Json, made
from tests.tool_calls import backed, data_of, error_of, finished, text_of

TOOL = "update_connector"
LIVE: Json = {
    **CONNECTOR,
    "scopes": ["import", "export"],
    "export_base_path": "exports/review",
    "last_test_result": "success",
}


def _after(**changes: Any) -> Json:
    """What an update with these changes tells."""
    view = compared(Connector.model_validate(LIVE), Connector.model_validate({**LIVE, **changes}), rotated=False)
    return structured(view)


# ---- before and after --------------------------------------------------------------------------------------------

CHANGES: list[tuple[Json, tuple[str, str, str]]] = [
    ({"name": "Renamed"}, ("name", "Archive", "Renamed")),
    ({"scopes": ["export"]}, ("scopes", "import, export", "export")),
    ({"import_mode": "new_only"}, ("import_mode", "all", "new_only")),
    ({"export_base_path": "exports"}, ("export_base_path", "exports/review", "exports")),
    ({"export_base_path": None}, ("export_base_path", "exports/review", "")),
    ({"status": "failed"}, ("status", "active", "failed")),
    ({"last_test_result": None}, ("last_test_result", "success", "")),
]


@pytest.mark.parametrize(("changes", "row"), CHANGES)
def test_a_changed_field_is_told_with_its_old_and_its_new_value(changes: Json, row: tuple[str, str, str]) -> None:
    data = _after(**changes)
    assert data["changes"] == [dict(zip(("field", "before", "after"), row, strict=True))]
    assert f"changes: 1 rows\nfield\tbefore\tafter\n{row[0]}\t{row[1]}\t{row[2]}" in compact(data)


@pytest.mark.parametrize("changes", [{}, {"scopes": ["export", "import"]}, {"updated_at": "2026-05-01T00:00:00Z"}])
def test_what_is_the_same_as_before_is_no_change(changes: Json) -> None:
    data = _after(**changes)
    assert (data["changes"], "consequences" in data) == ([], False)
    assert "changes: none" in compact(data)


CONSEQUENCES: list[tuple[Json, Json, list[str]]] = [
    ({}, {"name": "Renamed", "import_mode": "new_only"}, []),
    ({}, {"scopes": ["export"]}, ["Imports through this connector are refused from now on"]),
    ({}, {"scopes": ["import"]}, ["Exports through this connector are refused from now on"]),
    ({"scopes": ["import"]}, {"scopes": ["import", "export"]}, []),
    ({"scopes": ["import"]}, {"scopes": ["import", "export"], "export_base_path": "reviews"}, []),
    (
        {},
        {"export_base_path": "reviews"},
        ['Exports stay in the folder "reviews" from now on. What was exported to "exports/review" stays there'],
    ),
    (
        {},
        {"export_base_path": None},
        ['No folder bounds exports any more. What was exported to "exports/review" stays'],
    ),
    (
        {"export_base_path": None},
        {"export_base_path": "reviews"},
        ['Exports stay in the folder "reviews" from now on; exports to any other folder are refused.'],
    ),
    ({"scopes": ["import"]}, {"scopes": ["import"], "export_base_path": "reviews"}, []),
    ({}, {"last_test_result": None}, ["The last test no longer counts: call test_connector."]),
    (
        {},
        {"scopes": ["export"], "export_base_path": None, "last_test_result": None},
        ["Imports", "No folder", "The last test"],
    ),
]


@pytest.mark.parametrize(("earlier", "changes", "told"), CONSEQUENCES)
def test_what_stops_working_is_told_and_nothing_else(earlier: Json, changes: Json, told: list[str]) -> None:
    before = {**LIVE, **earlier}
    after = Connector.model_validate({**before, **changes})
    consequences = compared(Connector.model_validate(before), after, rotated=False).consequences or ""
    assert [each for each in told if each not in consequences] == []
    assert bool(consequences) == bool(told)


# ---- the call ----------------------------------------------------------------------------------------------------


async def _updated(api: Answering, given: Json, **rest: Any) -> Any:
    arguments = {"connector_id": CONNECTOR["connector_id"], **given}
    return finished(await TOOL_BY_NAME[TOOL].call(backed(api, **rest), arguments))


@pytest.mark.anyio
async def test_an_update_costs_one_look_more() -> None:
    api = Answering(get_connector=LIVE, update_connector={**LIVE, "name": "Renamed"})
    result = await _updated(api, {"name": "Renamed"})
    assert api.order == ["get_connector", TOOL]
    assert data_of(result)["changes"] == [{"field": "name", "before": "Archive", "after": "Renamed"}]
    assert "name\tArchive\tRenamed" in text_of(result)


@pytest.mark.anyio
async def test_credentials_are_told_to_be_replaced_and_never_shown() -> None:
    secret = made("a new secret", 30)
    api = Answering(get_connector=LIVE, update_connector=LIVE)
    given = {"aws_access_key_id": "new-key-id", "aws_secret_access_key": secret}
    result = await _updated(api, given)
    assert data_of(result)["changes"] == [{"field": "credentials", "after": "replaced"}]
    for value in given.values():
        assert value not in str(result)


@pytest.mark.parametrize("error", [ApiRefused(404, "connector_not_found", "No such connector."), outage()])
@pytest.mark.anyio
async def test_a_connector_that_cannot_be_looked_up_is_not_changed(error: ConnectorError) -> None:
    api = Answering(get_connector=error)
    assert error.message in error_of(await _updated(api, {"name": "Renamed"}))
    assert api.order == ["get_connector"]


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        ({"name": "Archive"}, [{"field": "name", "after": "Archive"}]),
        ({"clear_export_base_path": True}, [{"field": "export_base_path", "after": ""}]),
    ],
)
@pytest.mark.anyio
async def test_with_a_key_that_may_not_read_only_what_was_asked_for_is_told(given: Json, changes: list[Json]) -> None:
    api = Answering(get_connector=ApiRefused(403, "forbidden", "No scope."), update_connector=CONNECTOR)
    data = data_of(await _updated(api, given))
    assert (data["changes"], "consequences" in data) == (changes, False)


@pytest.mark.anyio
async def test_with_named_credentials_the_connector_is_looked_up_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = Answering(get_connector=LIVE, update_connector=LIVE)
    intake = Intake(book_of(tmp_path, archive="s3"))

    async def typed(name: str, provider: str) -> dict[str, str]:
        return TYPED[provider]

    monkeypatch.setattr(intake.book, "look_up", typed)
    data = data_of(await _updated(api, {"credentials": "archive"}, intake=intake))
    assert data["changes"] == [{"field": "credentials", "after": "replaced"}]
    assert api.order == ["get_connector", TOOL]


@pytest.mark.anyio
async def test_what_a_person_sent_on_a_page_is_told_in_the_same_way() -> None:
    after = {**LIVE, "name": "Renamed", "last_test_result": "success"}
    api = Answering(update_connector=after, get_connector=after)
    errand = rotating(api, Connector.model_validate({**LIVE, "last_test_result": "failure"}), name="Renamed")
    await errand.send(TYPED["s3"])
    assert errand.view is not None
    assert structured(errand.view)["changes"] == [
        {"field": "name", "before": "Archive", "after": "Renamed"},
        {"field": "last_test_result", "before": "failure", "after": "success"},
        {"field": "credentials", "after": "replaced"},
    ]


@pytest.mark.anyio
async def test_the_page_is_for_a_connector_that_is_there() -> None:
    api = Answering(get_connector=Turns(ApiRefused(404, "connector_not_found", "No such connector.")))
    reception = Reception(Desk(lambda: "http://127.0.0.1:9"))
    text = error_of(await _updated(api, {"rotate_credentials": True}, reception=reception))
    assert "connector_not_found" in text
    assert "http" not in text
