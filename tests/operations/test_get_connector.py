"""get_connector: one connector, and what an id that is none gets."""

from __future__ import annotations

import pytest

from tests.operations.conftest import Desk
from tests.sessions import connected

pytestmark = pytest.mark.anyio


async def test_it_shows_the_status_and_last_test_and_never_a_credential(desk: Desk) -> None:
    created = await desk.create()
    one = {"connector_id": created["connector_id"]}
    before = await desk.session.call("get_connector", **one)
    assert {"last_tested_at", "last_test_result", "last_test_error"} & before.keys() == set()
    await desk.session.call("test_connector", **one)
    after = await desk.session.call("get_connector", **one)
    assert (after["status"], after["last_test_result"]) == ("active", "success")
    assert after["last_tested_at"] >= after["created_at"]
    secret_fields = {"credentials_json", "aws_access_key_id", "aws_secret_access_key", "client_id", "client_secret"}
    assert secret_fields & after.keys() == set()


WRONG_IDS = ("..", "conn_1/test", "conn_1?x", "conn_1%2e", "a" * 65, "conn 1", "", None, 7, ["conn_1"])


async def test_an_id_that_is_none_is_refused_before_anything_is_asked(era: str, embedded: dict[str, str]) -> None:
    async with connected(era, embedded) as session:
        for wrong in WRONG_IDS:
            text = await session.refused("get_connector", connector_id=wrong)
            assert "connector_id: " in text
            assert "code: validation_error" in text


async def test_an_unknown_id_is_not_found_and_the_next_step_is_the_list(era: str, embedded: dict[str, str]) -> None:
    async with connected(era, embedded) as session:
        text = await session.refused("get_connector", connector_id="conn_0123456789")
        assert "code: connector_not_found" in text
        assert "request_id: req_" in text
        assert "List the connectors" in text
