"""What testing and browsing do to a connector, and what remains possible when its credentials cannot be opened."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import aclosing

import anyio
import pytest

from mcp_server.embedded.service import Service
from mcp_server.settings import Settings
from tests.embedded.bodies import (
    Json,
    encryption_key,
    s3_body,
    without,
)
from tests.embedded.calling import calling, created
from tests.emulators.http_server import Asked, Reply, serving

pytestmark = pytest.mark.anyio

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
DENIED = Reply(403, b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>")


async def test_a_failed_test_is_an_answer_and_sets_the_status(settings_with: Callable[..., Settings]) -> None:
    with serving(lambda _: DENIED) as storage:
        settings = settings_with(s3_endpoint=storage.url)
        async with aclosing(await Service.open(settings)) as service, calling(service) as api:
            before = await created(api)
            path = f"/connectors/{before['connector_id']}"
            answer = await api.post(f"{path}/test")
            after = (await api.get(path)).json()
    assert (answer.status_code, answer.json()["success"], answer.json()["checked"]) == (200, False, [])
    assert "permission" in answer.json()["error_message"]
    changed = {name: after[name] for name in after if after[name] != before[name]}
    assert MOMENT.fullmatch(changed.pop("last_tested_at"))
    assert changed == {
        "status": "failed",
        "last_test_result": "failure",
        "last_test_error": answer.json()["error_message"],
    }


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"name": "Other", "import_mode": "new_only"}, "failed"),
        ({"scopes": ["import"], "export_base_path": None}, "failed"),
        ({"scopes": ["export"]}, "active"),
        ({"export_base_path": "exports"}, "active"),
        (s3_body(), "active"),
    ],
)
async def test_after_a_change_of_what_was_tested_the_connector_is_untested(
    settings_with: Callable[..., Settings], changes: Json, status: str
) -> None:
    changes = without(changes, "bucket", "region")
    with serving(lambda _: DENIED) as storage:
        settings = settings_with(s3_endpoint=storage.url)
        async with aclosing(await Service.open(settings)) as service, calling(service) as api:
            path = f"/connectors/{(await created(api))['connector_id']}"
            await api.post(f"{path}/test")
            after = (await api.patch(path, json=changes)).json()
    assert after["status"] == status
    assert (after["last_test_result"], after["last_tested_at"] is None) == (
        ("failure", False) if status == "failed" else (None, True)
    )


@pytest.mark.parametrize(
    "new",
    [without(s3_body(), "bucket", "region", "name"), {"scopes": ["export"]}, {"export_base_path": "exports"}],
    ids=["credentials", "scopes", "export_base_path"],
)
async def test_a_test_says_nothing_about_access_that_was_changed_meanwhile(
    settings_with: Callable[..., Settings], new: Json
) -> None:
    rotated: list[Callable[[], object]] = []

    def rotate_meanwhile(_: Asked) -> Reply:
        rotated.pop()() if rotated else None
        return DENIED

    with serving(rotate_meanwhile) as storage, anyio.from_thread.start_blocking_portal() as elsewhere:
        settings = settings_with(s3_endpoint=storage.url)
        async with aclosing(await Service.open(settings)) as service, calling(service) as api:
            path = f"/connectors/{(await created(api))['connector_id']}"

            async def rotate() -> None:
                async with aclosing(await Service.open(settings)) as other, calling(other) as others_api:
                    assert (await others_api.patch(path, json=new)).status_code == 200

            rotated.append(lambda: elsewhere.call(rotate))
            assert (await api.post(f"{path}/test")).json()["success"] is False
            after = (await api.get(path)).json()
    assert (after["status"], after["last_test_result"]) == ("active", None)


@pytest.mark.parametrize(
    ("reply", "status", "retryable"),
    [
        (DENIED, 502, False),
        (Reply(503, b"<?xml version='1.0'?><Error><Code>SlowDown</Code></Error>"), 503, True),
        (Reply(200, b"<html>no storage</html>"), 502, False),
    ],
)
async def test_a_storage_that_fails_a_browse_is_an_error_with_its_cause(
    settings_with: Callable[..., Settings], reply: Reply, status: int, *, retryable: bool
) -> None:
    with serving(lambda _: reply) as storage:
        settings = settings_with(s3_endpoint=storage.url)
        async with aclosing(await Service.open(settings)) as service, calling(service) as api:
            path = f"/connectors/{(await created(api))['connector_id']}/browse"
            answer = await api.post(path, json={})
    error = answer.json()["error"]
    assert answer.status_code == status
    assert error["code"].startswith("storage_")
    assert error["details"]["hint"]
    assert error["details"]["retryable"] is retryable


async def test_without_the_encryption_key_a_connector_can_be_seen_renewed_and_deleted_but_not_used(
    settings_with: Callable[..., Settings],
) -> None:
    settings = settings_with(encryption_key=encryption_key())
    async with aclosing(await Service.open(settings)) as service, calling(service) as api:
        connector = await created(api)
    path = f"/connectors/{connector['connector_id']}"
    with serving(lambda _: DENIED) as storage:
        settings = settings_with(encryption_key=encryption_key(), s3_endpoint=storage.url)
        async with aclosing(await Service.open(settings)) as service, calling(service) as api:
            for refused in (await api.post(f"{path}/test"), await api.post(f"{path}/browse", json={})):
                error = refused.json()["error"]
                assert (refused.status_code, error["code"]) == (409, "connector_credentials_sealed_with_another_key")
                assert error["details"]["retryable"] is False
                assert "update_connector" in error["details"]["hint"]
            assert storage.asked == []
            assert (await api.get("/connectors")).json() == [connector]
            assert (await api.patch(path, json={"name": "Seen"})).json()["name"] == "Seen"
            assert (await api.patch(path, json=without(s3_body(), "bucket", "region"))).status_code == 200
            assert (await api.post(f"{path}/test")).status_code == 200
            assert (await api.delete(path)).status_code == 200
