"""update_connector: it changes what is given, replaces credentials whole, and leaves where the files are alone."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_server.fields import CREDENTIAL_FIELDS
from tests.emulators import PROVIDERS
from tests.operations.conftest import Desk
from tests.sessions import Json

pytestmark = pytest.mark.anyio

FIXED = {"gcs": ("bucket", "gcp_project_id"), "s3": ("bucket", "region"), "azure": ("container", "storage_account")}
FOREIGN: dict[str, dict[str, Any]] = {
    "s3": {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "not-a-secret"},
    "azure": {
        "tenant_id": "contoso.com",
        "client_id": "0" * 8 + "-0000" * 3 + "-" + "0" * 12,
        "client_secret": "x" * 9,
    },
}


def credentials(provider: str, arguments: Json) -> Json:
    return {name: arguments[name] for name in CREDENTIAL_FIELDS[provider]}


async def failing(desk: Desk) -> str:
    """The id of a connector whose secret is not the right one, tested."""
    created = await desk.session.call(desk.creation, **desk.emulator.wrong_secret_arguments())
    tested = await desk.session.call("test_connector", connector_id=created["connector_id"])
    assert not tested["success"]
    connector_id: str = created["connector_id"]
    return connector_id


async def test_it_changes_what_is_given_and_nothing_else(desk: Desk) -> None:
    created = await desk.create(export_base_path="exports", scopes=["import", "export"])
    one = {"connector_id": created["connector_id"]}
    before = await desk.session.call("get_connector", **one)
    renamed = await desk.session.call("update_connector", **one, name=" Renamed ", scopes="", import_mode=None)
    changes = [{"field": "name", "before": before["name"], "after": "Renamed"}]
    assert renamed == before | {"name": "Renamed", "updated_at": renamed["updated_at"], "changes": changes}
    assert renamed["updated_at"] > before["updated_at"]
    await desk.session.call("update_connector", **one, scopes=["import"], import_mode="new_only")
    cleared = await desk.session.call("update_connector", **one, clear_export_base_path=True)
    assert "export_base_path" not in cleared
    assert (cleared["name"], cleared["scopes"], cleared["import_mode"]) == ("Renamed", ["import"], "new_only")
    del cleared["changes"]
    assert await desk.session.call("get_connector", **one) == cleared


async def test_it_tells_before_and_after_and_what_stops_working(desk: Desk) -> None:
    created = await desk.create(export_base_path="exports", scopes=["import", "export"])
    one = {"connector_id": created["connector_id"]}
    await desk.session.call("test_connector", **one)
    moved = await desk.session.call("update_connector", **one, export_base_path="reviews", name="Renamed")
    assert moved["changes"] == [
        {"field": "name", "before": created["name"], "after": "Renamed"},
        {"field": "export_base_path", "before": "exports", "after": "reviews"},
        {"field": "last_test_result", "before": "success", "after": ""},
    ]
    consequence = 'Exports stay in the folder "reviews" from now on. What was exported to "exports" stays'
    assert consequence in moved["consequences"]
    assert "call test_connector" in moved["consequences"]
    narrowed = await desk.session.call("update_connector", **one, scopes=["export"], clear_export_base_path=True)
    assert narrowed["changes"] == [
        {"field": "scopes", "before": "import, export", "after": "export"},
        {"field": "export_base_path", "before": "reviews", "after": ""},
    ]
    assert "Imports through this connector are refused from now on" in narrowed["consequences"]
    assert "No folder bounds exports any more" in narrowed["consequences"]
    same = await desk.session.call("update_connector", **one, scopes=["export"])
    assert (same["changes"], "consequences" in same) == ([], False)


async def test_new_credentials_are_told_without_their_values(desk: Desk) -> None:
    one = {"connector_id": (await desk.create())["connector_id"]}
    right = credentials(desk.provider, desk.emulator.arguments())
    rotated = await desk.session.call("update_connector", **one, **right)
    assert rotated["changes"] == [{"field": "credentials", "after": "replaced"}]
    assert [value for value in right.values() if str(value) in str(rotated)] == []


async def test_new_credentials_turn_a_failing_test_into_a_passing_one(desk: Desk) -> None:
    one = {"connector_id": await failing(desk)}
    right = credentials(desk.provider, desk.emulator.arguments())
    rotated = await desk.session.call("update_connector", **one, **right)
    assert (rotated["status"], "last_test_error" in rotated) == ("active", False)
    assert (await desk.session.call("test_connector", **one))["success"]
    assert (await desk.session.call("browse_connector_files", **one))["truncated"] is False
    wrong = credentials(desk.provider, desk.emulator.wrong_secret_arguments())
    await desk.session.call("update_connector", **one, **wrong)
    assert not (await desk.session.call("test_connector", **one))["success"]


async def test_after_a_change_of_what_was_tested_no_test_is_claimed(desk: Desk) -> None:
    one = {"connector_id": (await desk.create())["connector_id"]}
    await desk.session.call("test_connector", **one)
    renamed = await desk.session.call("update_connector", **one, name="Renamed", import_mode="new_only")
    assert renamed["last_test_result"] == "success"
    for changes in (
        {"scopes": ["import", "export"]},
        {"export_base_path": "exports"},
        {"clear_export_base_path": True},
    ):
        await desk.session.call("test_connector", **one)
        changed = await desk.session.call("update_connector", **one, **changes)
        assert changed["status"] == "active"
        assert [name for name in changed if name.startswith("last_test")] == []


async def test_what_can_not_change_is_refused_and_nothing_changes(desk: Desk) -> None:
    one = {"connector_id": (await desk.create())["connector_id"]}
    before = await desk.session.call("get_connector", **one)
    for name in FIXED[desk.provider]:
        text = await desk.session.refused("update_connector", **one, name="Renamed", **{name: "elsewhere"})
        assert f"{name}: cannot be changed" in text
    for provider in (name for name in FOREIGN if name != desk.provider):
        text = await desk.session.refused("update_connector", **one, name="Renamed", **FOREIGN[provider])
        assert [field for field in FOREIGN[provider] if f"{field}: is for provider {provider}" not in text] == []
        assert f"this connector's provider is {desk.provider}" in text
        assert "code: validation_error" in text
    assert await desk.session.call("get_connector", **one) == before


@pytest.mark.parametrize("provider", ["s3"], scope="module")
async def test_an_update_that_makes_no_sense_is_told_why(desk: Desk) -> None:
    one = {"connector_id": (await desk.create(export_base_path="exports"))["connector_id"]}
    nonsense: dict[str, Json] = {
        "name at least one field to change": {},
        "clear_export_base_path: cannot go with export_base_path": {
            "clear_export_base_path": True,
            "export_base_path": "elsewhere",
        },
        "aws_access_key_id: is required to rotate s3 credentials": {"aws_secret_access_key": "not-a-secret"},
        "credentials of several providers: s3, azure": {**FOREIGN["s3"], **FOREIGN["azure"]},
    }
    for rule, changes in nonsense.items():
        assert rule in await desk.session.refused("update_connector", **one, **changes)
    assert "code: connector_not_found" in await desk.session.refused("update_connector", connector_id="x", name="y")
    assert (await desk.session.call("get_connector", **one))["export_base_path"] == "exports"


def test_every_provider_has_its_row() -> None:
    assert set(FIXED) == set(PROVIDERS) == set(CREDENTIAL_FIELDS)
