"""What the three creations have in common, told once. No test lives here."""

from __future__ import annotations

import uuid
from typing import Any

from tests.operations.conftest import Desk


async def tells_its_key_and_the_next_step(desk: Desk, **kept: Any) -> None:
    """A new connector shows what was asked for, its key and what to do next, and is found again."""
    created = await desk.create(
        scopes=["import", "export"], export_base_path="/exports/review/", import_mode="new_only"
    )
    assert created.items() >= {"provider": desk.provider, "scopes": ["import", "export"], **kept}.items()
    assert (created["export_base_path"], created["import_mode"]) == ("exports/review", "new_only")
    assert created["connector_id"].startswith("conn_")
    assert created["idempotency_key"].startswith(f"connector-create-{desk.provider}:")
    assert "test_connector" in created["next_step"]
    assert created.items() >= (await desk.session.call("get_connector", connector_id=created["connector_id"])).items()
    assert "last_tested_at" not in created


async def replays_the_same_connector_for_the_same_key(desk: Desk) -> None:
    """A key is good for one request: its repetition gets the same connector, another request gets none."""
    key = f"import-of-april-{uuid.uuid4()}"
    first = await desk.create(idempotency_key=key)
    assert await desk.create(idempotency_key=key) == first
    text = await desk.session.refused(desk.creation, **desk.emulator.arguments(idempotency_key=key, name="Another"))
    assert "code: idempotency_key_reused" in text
    assert "retry: no" in text
    another_secret = {**desk.emulator.wrong_secret_arguments(), "idempotency_key": key}
    assert "idempotency" in await desk.session.refused(desk.creation, **another_secret)
    assert (await desk.create())["connector_id"] != first["connector_id"]
    assert (await desk.session.call("list_connectors"))["total"] == 2


async def refuses_before_anything_is_stored(desk: Desk, **wrong: Any) -> None:
    """Every wrong argument is named at once, without its value, and there is no connector afterwards."""
    text = await desk.session.refused(desk.creation, **desk.emulator.arguments(**wrong))
    assert "code: validation_error" in text
    assert [name for name in wrong if f"{name}: " not in text and f"{name}.1: " not in text] == []
    assert [value for value in wrong.values() if isinstance(value, str) and len(value) > 8 and value in text] == []
    assert (await desk.session.call("list_connectors"))["total"] == 0
