"""Failures end at the border: each is an answer in the envelope, and what is logged holds no value."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Generator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.types import Message, Scope

from mcp_server import wire
from mcp_server.embedded.app import create_app
from mcp_server.embedded.calls import Call
from mcp_server.embedded.service import Service
from mcp_server.operations import CreateS3Connector, ListConnectors
from mcp_server.redaction import scrub_active
from mcp_server.resources import Connector
from mcp_server.settings import Settings
from tests.embedded.bodies import Json, s3_body, settings_in
from tests.embedded.calling import calling, error_of, headers_of

pytestmark = pytest.mark.anyio


class Broken(Service):
    """A service with a defect, whose message holds what nobody may see."""

    canary = secrets.token_hex(8)

    async def list_connectors(self, call: Call, request: ListConnectors) -> list[Connector]:
        raise LookupError(self.canary)

    async def create_s3_connector(self, call: Call, request: CreateS3Connector) -> Connector:
        raise LookupError(self.canary)


@contextmanager
def guarded_while_logging(text: str) -> Generator[list[bool]]:
    """Whether the text was guarded, for each record that the border logged."""

    class Witness(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(text not in scrub_active(text))

    seen: list[bool] = []
    log, witness = logging.getLogger("mcp_server.embedded.border"), Witness()
    log.addHandler(witness)
    try:
        yield seen
    finally:
        log.removeHandler(witness)


async def test_a_secret_is_guarded_until_the_failure_of_its_request_was_logged(settings: Settings) -> None:
    body = s3_body()
    secret = body["aws_secret_access_key"]
    async with aclosing(await Broken.open(settings)) as service, calling(service) as api:
        with guarded_while_logging(secret) as seen:
            error_of(await api.post("/connectors/s3", json=body), 500, "internal_error")
    assert seen == [True]
    assert scrub_active(secret) == secret


@pytest.mark.parametrize("name", ["client_secret", "aws_secret_access_key", "credentials_json"])
async def test_a_secret_is_guarded_before_its_request_is_read(
    service: Service, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise LookupError

    monkeypatch.setattr(wire, "decode_request", broken)
    secret = secrets.token_hex(20)
    value = {"private_key": secret, "universe": 1} if name == "credentials_json" else secret
    async with calling(service) as api:
        with guarded_while_logging(secret) as seen:
            answer = await api.patch("/connectors/conn_1", json={name: value, "client_id": "short"})
    error_of(answer, 500, "internal_error")
    assert seen == [True]


async def test_a_defect_is_a_500_and_its_log_tells_the_place_but_no_value(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with aclosing(await Broken.open(settings)) as service, calling(service) as api:
        answer = await api.get("/connectors")
    error = error_of(answer, 500, "internal_error")
    assert Broken.canary not in answer.text + caplog.text
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert error["request_id"] in record.getMessage()
    assert re.search(r"LookupError at .* > test_border\.py:\d+ list_connectors$", record.getMessage())


async def test_a_wrong_setting_that_shows_late_is_told(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    settings = replace(settings_in(data_dir), ca_file=tmp_path / "ca.pem")
    async with aclosing(await Service.open(settings)) as service, calling(service) as api:
        connector = (await api.post("/connectors/s3", json=s3_body())).json()
        answer = await api.post(f"/connectors/{connector['connector_id']}/browse", json={})
    error = error_of(answer, 500, "configuration_error")
    assert "VIDEOVECTOR_CA_FILE" in error["message"]
    assert error["details"]["retryable"] is False


async def exchange(service: Service, scope: Json, *received: Message) -> list[Message]:
    """What the app sends for a scope in the plain terms of ASGI."""
    incoming, sent = iter(received), list[Message]()

    async def receive() -> Message:
        return next(incoming)

    async def send(message: Message) -> None:
        sent.append(dict(message))

    whole: Scope = {"asgi": {"version": "3.0"}, "path": "/api/v2/connectors/s3", "headers": [], **scope}
    await create_app(service, authenticate=True)(whole, receive, send)
    return sent


async def test_a_caller_who_goes_away_while_sending_is_no_defect(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    key = (await headers_of(service))["X-API-Key"]
    headers = [(b"host", b"localhost"), (b"x-api-key", key.encode()), (b"content-length", b"9")]
    scope: Json = {"type": "http", "method": "POST", "query_string": b"", "headers": headers}
    incomplete: Message = {"type": "http.request", "body": b"{", "more_body": True}
    sent = await exchange(service, scope, incomplete, {"type": "http.disconnect"})
    assert sent[0]["status"] == 400
    assert caplog.records == []


async def test_a_websocket_is_closed(service: Service) -> None:
    sent = await exchange(service, {"type": "websocket"}, {"type": "websocket.connect"})
    assert [message["type"] for message in sent] == ["websocket.close"]
