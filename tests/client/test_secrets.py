"""Whatever an API echoes, no secret comes out of the client."""

from __future__ import annotations

import base64
import json
import logging
import urllib.parse
from collections.abc import Callable

import pytest

from mcp_server.client import VideoVector
from mcp_server.errors import ApiMisbehaved, ApiRefused, ConnectorError
from tests.client.calling import (
    LocalApi,
    Scripted,
    answering,
    asked,
    client_of,
    scripted,
)
from tests.materials import API_KEY, AWS_SECRET, made, odd_secret

pytestmark = pytest.mark.anyio


def _unicode_escaped(secret: str) -> str:
    return "".join(f"\\u{ord(char):04x}" for char in secret)


ECHOES: dict[str, Callable[[str], str]] = {
    "raw": lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    "JSON-escaped": lambda secret: json.dumps(secret)[1:-1],
    "JSON with escaped slashes": lambda secret: json.dumps(secret)[1:-1].replace("/", "\\/"),
    "JSON, every character escaped": _unicode_escaped,
    "JSON within JSON": lambda secret: json.dumps(json.dumps(secret)[1:-1])[1:-1],
    "percent-encoded": lambda secret: urllib.parse.quote(secret, safe=""),
    "form-encoded": urllib.parse.quote_plus,
    "base64": lambda secret: base64.b64encode(f"user:{secret}".encode()).decode(),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
}
ENVELOPES = [
    '{"error": {"code": "bad", "message": "You sent §.", "details": {"hint": "Not § again."}, "request_id": "r"}}',
    '{"error": {"code": "§", "message": "m", "request_id": "§", "details": {"fields": [{"field": "§", "rule": "§"}]}}}',
    '{"detail": "Bad value §"}',
    '{"detail": [{"loc": ["body", "§"], "msg": "Value error, § is bad", "input": "§", "ctx": {"given": "§"}}]}',
    '{"error": {"code": "bad", "message": "' + "." * 980 + '§"}}',
]


def shown(error: ConnectorError) -> str:
    return f"{error} {error!r} {error.__dict__} {error.__cause__!r} {error.args}"


def traces(secret: str) -> list[str]:
    """The parts of a secret and of its base64 that nothing else contains."""
    encoded = base64.b64encode(f"user:{secret}".encode()).decode()
    return [secret[:12], secret[-12:], urllib.parse.quote(secret, safe="")[:12], encoded[8:40]]


@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("envelope", ENVELOPES, ids=range(len(ENVELOPES)))
@pytest.mark.parametrize(("status", "name"), [(400, "create_s3_connector"), (503, "create_s3_connector")])
async def test_an_echo_of_a_secret_is_scrubbed_from_an_error(
    echo: str, envelope: str, status: int, name: str, pauses: list[float]
) -> None:
    secret = odd_secret("echo")
    body = envelope.replace("§", ECHOES[echo](secret))
    async with scripted(answering(body, status)) as client:
        with pytest.raises(ApiRefused) as caught:
            await asked(client, name, aws_secret_access_key=secret)
    assert not [trace for trace in traces(secret) if trace in shown(caught.value)]


@pytest.mark.parametrize("echo", ECHOES)
async def test_an_echo_of_the_api_key_is_scrubbed_from_an_error(echo: str) -> None:
    body = ENVELOPES[0].replace("§", ECHOES[echo](API_KEY))
    async with scripted(answering(body, 401)) as client:
        with pytest.raises(ApiRefused) as caught:
            await asked(client, "list_connectors")
    assert API_KEY not in shown(caught.value)


@pytest.mark.parametrize(("status", "kind"), [(400, ApiRefused), (200, ApiMisbehaved)])
async def test_an_echo_in_a_header_is_scrubbed_too(status: int, kind: type[ConnectorError]) -> None:
    async with scripted(answering("{}", status, **{"X-Request-ID": f"req-{API_KEY}"})) as client:
        with pytest.raises(kind) as caught:
            await asked(client, "list_connectors")
    assert API_KEY not in shown(caught.value)


async def test_a_request_id_of_the_header_finds_the_request() -> None:
    async with scripted(answering("{}", 404, **{"X-Request-ID": "req_77"})) as client:
        with pytest.raises(ApiRefused) as caught:
            await asked(client, "list_connectors")
    assert caught.value.request_id == "req_77"


@pytest.mark.parametrize("key", [f"{made('odd key')}é", f"{made('odd key')}\r\nX-Other: 1", f"{made('odd key')}\n"])
async def test_a_key_that_fits_no_header_is_never_shown(api: LocalApi, key: str) -> None:
    with pytest.raises(ConnectorError) as caught:
        async with client_of(api, api_key=key) as client:
            await asked(client, "list_connectors")
    assert made("odd key") not in shown(caught.value)


async def test_nothing_secret_is_logged(api: LocalApi, pauses: list[float], caplog: pytest.LogCaptureFixture) -> None:
    echo = json.dumps({"error": {"message": f"{AWS_SECRET} {API_KEY}"}}).encode()
    with caplog.at_level(logging.DEBUG, logger="mcp_server"):
        async with client_of(api) as client:
            api.answers_for("create_s3_connector", Scripted(503, echo), Scripted(hang_up=True))
            await asked(client, "create_s3_connector")
            api.last = Scripted(422, echo)
            with pytest.raises(ApiRefused):
                await asked(client, "create_s3_connector")
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("mcp_server"))
    assert not [secret for secret in (API_KEY, AWS_SECRET, AWS_SECRET[:12]) if secret in logged]


@pytest.mark.parametrize("value", [repr, str])
async def test_a_client_prints_without_its_key(value: Callable[[object], str]) -> None:
    async with VideoVector(api_key=API_KEY) as client:
        assert API_KEY not in value(client)
