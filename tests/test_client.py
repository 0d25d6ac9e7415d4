"""The client over real sockets: pooling, headers, retries, pauses, cancellation; and answers that are meant to hurt.

A scripted answer replaces the network only for time-outs and for what no real server would send.
"""

from __future__ import annotations

import base64
import email
import email.policy
import json
import logging
import threading
import urllib.parse
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import anyio
import anyio.lowlevel
import anyio.to_thread
import httpx
import pytest

from mcp_server import __version__, wire
from mcp_server.client import MAX_ANSWER_BYTES, VideoVector
from mcp_server.errors import ApiMisbehaved, ApiRefused, ApiUnreachable, ConnectorError
from mcp_server.redaction import Secret
from tests.materials import ANSWERS, API_KEY, AWS_SECRET, NAMES, ROWS, SERVICE_ACCOUNT, arguments, made, odd_secret

pytestmark = pytest.mark.anyio

GUARD_SECONDS = 20.0
REPEATED = ("list_connectors", "get_connector", "create_s3_connector", "create_gcs_connector", "test_connector")
SENT_ONCE = ("update_connector", "delete_connector", "browse_connector_files")


# ---- a server on a socket ----------------------------------------------------------------------------------------


@dataclass
class Received:
    """One request as the server saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: tuple[str, int]


@dataclass
class Scripted:
    """One answer; `hang_up` closes the connection instead."""

    status: int = 200
    body: bytes = b"[]"
    headers: dict[str, str] = field(default_factory=dict[str, str])
    hang_up: bool = False
    hold: bool = False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def api(self) -> LocalApi:
        return cast("_Server", self.server).api

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as in the base class
        """Nothing is logged."""

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.api.received.append(Received(self.command, self.path, headers, body, self.client_address))
        answer = self.api.script.pop(0) if self.api.script else self.api.last
        if answer.hold:
            self._hold()
        elif answer.hang_up:
            self.close_connection = True
        else:
            self._send(answer)

    do_GET = do_POST = do_PATCH = do_DELETE = _any  # noqa: N815 - the names that http.server calls

    def _hold(self) -> None:
        """Answer nothing until the client goes away."""
        self.api.holding.set()
        self.close_connection = True
        if self.connection.recv(1) == b"":
            self.api.gone.set()

    def _send(self, answer: Scripted) -> None:
        self.send_response(answer.status)
        for name, value in {"Content-Type": "application/json", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    api: LocalApi


class LocalApi:
    """A server on a free port that answers by its script, then always with `last`."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.received: list[Received] = []
        self.script: list[Scripted] = []
        self.last = Scripted()
        self.holding = threading.Event()
        self.gone = threading.Event()

    def answers_for(self, name: str, *before: Scripted) -> None:
        """What the operation expects, after some other answers."""
        self.script = list(before)
        self.last = Scripted(body=json.dumps(ANSWERS[name]).encode())

    def keys(self) -> list[str | None]:
        return [request.headers.get("idempotency-key") for request in self.received]


@contextmanager
def _running() -> Generator[LocalApi]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.api = LocalApi(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.api
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on this machine is reached without what the environment may name."""
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def api() -> Iterator[LocalApi]:
    with _running() as running:
        yield running


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were asked for; none is made."""
    asked: list[float] = []

    async def pause(seconds: float) -> None:
        asked.append(seconds)
        await anyio.lowlevel.checkpoint()

    monkeypatch.setattr(anyio, "sleep", pause)
    return asked


async def _ask(client: VideoVector, name: str, /, **changes: Any) -> Any:
    return await client.ask(ROWS[name], wire.parse(ROWS[name], arguments(name, **changes)))


def _client(api: LocalApi, **options: Any) -> VideoVector:
    settings: dict[str, Any] = {"api_key": API_KEY, "base_url": api.url, "timeout": GUARD_SECONDS, **options}
    return VideoVector(verify=False, **settings)


# ---- what is sent ------------------------------------------------------------------------------------------------


async def test_many_calls_share_one_connection(api: LocalApi) -> None:
    async with _client(api) as client:
        for name in (*NAMES, *NAMES):
            api.answers_for(name)
            await _ask(client, name)
    assert len(api.received) == 2 * len(NAMES)
    assert len({request.connection for request in api.received}) == 1


@pytest.mark.parametrize("key", [API_KEY, Secret(API_KEY)])
async def test_every_request_bears_the_key_and_our_name(api: LocalApi, key: str | Secret) -> None:
    async with _client(api, api_key=key) as client:
        await _ask(client, "list_connectors")
    (request,) = api.received
    assert request.headers["x-api-key"] == API_KEY
    assert request.headers["user-agent"] == f"videovector-connectors/{__version__}"
    assert request.headers["accept"] == "application/json"
    assert "authorization" not in request.headers
    assert API_KEY not in request.path


@pytest.mark.parametrize("key", [None, ""])
async def test_without_a_key_none_is_sent(api: LocalApi, key: str | None) -> None:
    async with _client(api, api_key=key) as client:
        await _ask(client, "list_connectors")
    assert "x-api-key" not in api.received[0].headers


@pytest.mark.parametrize("path", ["", "/", "/api/v2", "/api/v2/", "/deep/er/path"])
async def test_the_path_of_the_base_url_is_kept(api: LocalApi, path: str) -> None:
    async with _client(api, base_url=api.url + path) as client:
        await _ask(client, "list_connectors")
    assert api.received[0].path == f"{path.rstrip('/')}/connectors"


@pytest.mark.parametrize("name", NAMES)
async def test_each_operation_goes_to_its_endpoint(api: LocalApi, name: str) -> None:
    api.answers_for(name)
    async with _client(api, base_url=f"{api.url}/api/v2") as client:
        await _ask(client, name)
    (request,) = api.received
    assert (request.method, request.path) == (
        ROWS[name].method,
        "/api/v2" + ROWS[name].path.replace("{connector_id}", "conn_123"),
    )


async def test_a_body_is_json_and_an_absent_one_is_empty(api: LocalApi) -> None:
    async with _client(api) as client:
        for name in ("create_s3_connector", "test_connector"):
            api.answers_for(name)
            await _ask(client, name)
    assert api.received[0].headers["content-type"] == "application/json"
    assert json.loads(api.received[0].body)["aws_secret_access_key"] == AWS_SECRET
    assert api.received[1].body == b""


def _parts(request: Received) -> list[tuple[str, str | None, str]]:
    head = f"Content-Type: {request.headers['content-type']}\n\n".encode()
    message = email.message_from_bytes(head + request.body, policy=email.policy.HTTP)
    parts = [part for part in message.walk() if not part.is_multipart()]
    contents = [cast("bytes", part.get_payload(decode=True)).decode() for part in parts]
    names = [str(part.get_param("name", header="content-disposition")) for part in parts]
    return [(name, part.get_filename(), text) for name, part, text in zip(names, parts, contents, strict=True)]


async def test_a_gcs_connector_is_a_form_with_a_file_and_repeated_scopes(api: LocalApi) -> None:
    api.answers_for("create_gcs_connector")
    async with _client(api) as client:
        await _ask(client, "create_gcs_connector", scopes=["import", "export"], name="Café")
    parts = _parts(api.received[0])
    assert [text for name, _, text in parts if name == "scopes"] == ["import", "export"]
    assert [(filename, text) for name, filename, text in parts if name == "credentials_file"] == [
        ("credentials.json", SERVICE_ACCOUNT)
    ]
    assert {name for name, _, _ in parts} == {
        *("name", "bucket", "gcp_project_id", "scopes", "import_mode", "credentials_file"),
    }


async def test_a_retried_form_is_sent_whole_again(api: LocalApi, pauses: list[float]) -> None:
    api.answers_for("create_gcs_connector", Scripted(503), Scripted(hang_up=True))
    async with _client(api) as client:
        await _ask(client, "create_gcs_connector")
    assert [len(_parts(request)) for request in api.received] == [6, 6, 6]
    assert len(pauses) == 2


# ---- retries -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REPEATED)
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_reading_and_keyed_writes_are_tried_again(
    api: LocalApi, pauses: list[float], name: str, status: int
) -> None:
    api.answers_for(name, Scripted(status), Scripted(status))
    async with _client(api) as client:
        await _ask(client, name)
    assert len(api.received) == 3
    assert len(pauses) == 2
    assert len(set(api.keys())) == 1
    assert bool(api.keys()[0]) == ROWS[name].keyed


@pytest.mark.parametrize("name", SENT_ONCE)
@pytest.mark.parametrize("status", [429, 500, 503])
async def test_other_writes_are_never_repeated(api: LocalApi, pauses: list[float], name: str, status: int) -> None:
    api.answers_for(name, Scripted(status, b"", {"Retry-After": "1"}))
    async with _client(api) as client:
        with pytest.raises(ApiRefused) as caught:
            await _ask(client, name)
    assert caught.value.status == status
    assert len(api.received) == 1
    assert pauses == []


@pytest.mark.parametrize("name", SENT_ONCE)
async def test_other_writes_are_not_repeated_after_a_broken_connection(
    api: LocalApi, pauses: list[float], name: str
) -> None:
    api.answers_for(name, Scripted(hang_up=True))
    async with _client(api) as client:
        with pytest.raises(ApiUnreachable):
            await _ask(client, name)
    assert len(api.received) == 1
    assert pauses == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 501, 505])
async def test_other_refusals_are_not_repeated(api: LocalApi, pauses: list[float], status: int) -> None:
    api.last = Scripted(status)
    async with _client(api) as client:
        with pytest.raises(ApiRefused):
            await _ask(client, "list_connectors")
    assert len(api.received) == 1
    assert pauses == []


@pytest.mark.parametrize("retries", [0, 1, 3])
async def test_it_gives_up_after_the_retries_of_the_settings(api: LocalApi, pauses: list[float], retries: int) -> None:
    api.last = Scripted(503, b'{"error": {"code": "busy", "message": "Later"}}')
    async with _client(api, max_retries=retries) as client:
        with pytest.raises(ApiRefused, match="Later") as caught:
            await _ask(client, "list_connectors")
    assert caught.value.retryable
    assert len(api.received) == 1 + retries
    assert len(pauses) == retries


async def test_a_key_of_the_caller_is_kept_over_all_attempts(api: LocalApi, pauses: list[float]) -> None:
    api.answers_for("create_s3_connector", Scripted(hang_up=True), Scripted(500))
    async with _client(api) as client:
        await _ask(client, "create_s3_connector", idempotency_key="mine")
    assert api.keys() == ["mine", "mine", "mine"]


async def test_two_calls_have_two_keys(api: LocalApi) -> None:
    api.answers_for("test_connector")
    async with _client(api) as client:
        await _ask(client, "test_connector")
        await _ask(client, "test_connector")
    assert len(set(api.keys())) == 2


async def test_a_closed_port_is_tried_again_and_then_told(pauses: list[float]) -> None:
    with _running() as closed:
        url = closed.url
    async with VideoVector(api_key=API_KEY, base_url=f"{url}/api/v2", timeout=GUARD_SECONDS) as client:
        with pytest.raises(ApiUnreachable, match="could not be reached") as caught:
            await _ask(client, "create_s3_connector")
    assert len(pauses) == 3
    error = caught.value
    assert (error.code, error.retryable) == ("unreachable", True)
    assert url in str(error)
    assert "idempotency_key connector-create-s3:" in error.hint
    assert API_KEY not in f"{error} {error!r}"


@pytest.mark.parametrize("name", ["update_connector", "delete_connector"])
async def test_a_write_that_may_have_happened_says_so(api: LocalApi, name: str) -> None:
    api.last = Scripted(hang_up=True)
    async with _client(api) as client:
        with pytest.raises(ApiUnreachable) as caught:
            await _ask(client, name)
    assert "may have taken effect" in caught.value.hint


# ---- pauses ------------------------------------------------------------------------------------------------------


def _date(seconds: float) -> str:
    return format_datetime(datetime.now(timezone.utc) + timedelta(seconds=seconds), usegmt=True)


async def _paused(api: LocalApi, pauses: list[float], retry_after: str) -> float:
    api.script = [Scripted(429, b"", {"Retry-After": retry_after})]
    async with _client(api) as client:
        await _ask(client, "list_connectors")
    (pause,) = pauses
    return pause


@pytest.mark.parametrize(("asked", "pause"), [("0", 0), ("1", 1), ("17", 17), ("30", 30), ("31", 30), ("9" * 400, 30)])
async def test_seconds_to_wait_are_kept_up_to_thirty(
    api: LocalApi, pauses: list[float], asked: str, pause: float
) -> None:
    assert await _paused(api, pauses, asked) == pause


async def test_a_date_to_wait_for_is_kept(api: LocalApi, pauses: list[float]) -> None:
    assert 0 < await _paused(api, pauses, _date(20)) <= 20


@pytest.mark.parametrize("zone", ["GMT", "+0000", "-0000", ""])
async def test_a_far_date_is_capped_in_any_zone(api: LocalApi, pauses: list[float], zone: str) -> None:
    assert await _paused(api, pauses, f"Fri, 31 Dec 9998 23:59:59 {zone}".strip()) == 30


@pytest.mark.parametrize("date", ["Wed, 21 Oct 2015 07:28:00 GMT", "Mon, 01 Jan 0001 00:00:00 +2359"])
async def test_a_date_that_is_past_means_now(api: LocalApi, pauses: list[float], date: str) -> None:
    assert await _paused(api, pauses, date) == 0


@pytest.mark.parametrize(
    "odd",
    [
        *("soon", "-1", "1.5", "NaN", "inf", "1e9", "0x10", "\u00b2", "Wed, 99 Foo 2026 99:99:99 GMT", "2026-01-01"),
        *("Fri, 31 Dec 99999 23:59:59 GMT", "Wed, 21 Oct 2015 07:28:00 +9999"),
        "Wed, 21 Oct 2015 07:28:00 +99999999999999999999",
    ],
)
async def test_an_odd_wish_is_answered_with_our_own_pause(api: LocalApi, pauses: list[float], odd: str) -> None:
    assert 0 <= await _paused(api, pauses, odd) <= 8


async def test_our_own_pauses_grow_with_full_jitter_and_are_capped(
    api: LocalApi, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    bounds: list[tuple[float, float]] = []

    def highest(low: float, high: float) -> float:
        bounds.append((low, high))
        return high

    monkeypatch.setattr("random.uniform", highest)
    api.script = [Scripted(503)] * 10
    async with _client(api, max_retries=10) as client:
        await _ask(client, "list_connectors")
    assert {low for low, _ in bounds} == {0}
    assert pauses == [high for _, high in bounds] == [0.5, 1, 2, 4, 8, 8, 8, 8, 8, 8]


async def test_a_broken_connection_pauses_too(api: LocalApi, pauses: list[float]) -> None:
    api.script = [Scripted(hang_up=True)] * 2
    async with _client(api) as client:
        await _ask(client, "list_connectors")
    assert len(pauses) == 2
    assert all(0 <= pause <= 8 for pause in pauses)


# ---- cancelling --------------------------------------------------------------------------------------------------


async def _happened(event: threading.Event) -> bool:
    return await anyio.to_thread.run_sync(event.wait, GUARD_SECONDS)


@pytest.mark.parametrize("name", ["list_connectors", "create_s3_connector", "update_connector"])
async def test_a_cancelled_call_ends_its_request(api: LocalApi, name: str) -> None:
    api.last = Scripted(hold=True)
    async with _client(api) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_ask, client, name)
            assert await _happened(api.holding)
            tasks.cancel_scope.cancel()
        assert await _happened(api.gone)
        api.answers_for("list_connectors")
        await _ask(client, "list_connectors")
    assert len(api.received) == 2


async def test_a_cancelled_call_ends_its_pause(api: LocalApi, monkeypatch: pytest.MonkeyPatch) -> None:
    pausing = anyio.Event()

    async def pause(_: float) -> None:
        pausing.set()
        await anyio.sleep_forever()

    monkeypatch.setattr(anyio, "sleep", pause)
    api.last = Scripted(503, b"", {"Retry-After": "30"})
    async with _client(api) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(_ask, client, "list_connectors")
        await pausing.wait()
        tasks.cancel_scope.cancel()
    assert len(api.received) == 1


async def test_closing_closes_the_pooled_connections(api: LocalApi) -> None:
    client = _client(api)
    await _ask(client, "list_connectors")
    await client.aclose()
    with pytest.raises(RuntimeError):
        await _ask(client, "list_connectors")


# ---- redirects ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_the_key_follows_no_redirect(api: LocalApi, status: int) -> None:
    with _running() as elsewhere:
        api.last = Scripted(status, b"", {"Location": f"{elsewhere.url}/connectors"})
        async with _client(api) as client:
            with pytest.raises(ApiMisbehaved, match=str(status)) as caught:
                await _ask(client, "list_connectors")
        assert elsewhere.received == []
        assert elsewhere.url not in str(caught.value)
    assert len(api.received) == 1


# ---- time-outs and hostile answers -------------------------------------------------------------------------------

Answer = Callable[[httpx.Request], httpx.Response]


def _scripted(answer: Answer, **options: Any) -> VideoVector:
    settings: dict[str, Any] = {"api_key": API_KEY, "transport": httpx.MockTransport(answer), **options}
    return VideoVector(**settings)


def _body(content: bytes | str, status: int = 200, /, **headers: str) -> Answer:
    return lambda _: httpx.Response(status, content=content, headers=headers)


@pytest.mark.parametrize("kind", [httpx.ReadTimeout, httpx.WriteTimeout, httpx.PoolTimeout])
async def test_a_time_out_is_told_and_not_repeated(kind: type[httpx.TimeoutException], pauses: list[float]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise kind(f"secret {API_KEY}", request=request)

    async with _scripted(answer) as client:
        with pytest.raises(ApiUnreachable, match="did not answer in time") as caught:
            await _ask(client, "create_s3_connector")
    assert (caught.value.code, caught.value.retryable) == ("timeout", True)
    assert "idempotency_key connector-create-s3:" in caught.value.hint
    assert API_KEY not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
    assert pauses == []


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (httpx.ConnectTimeout, "did not answer in time"),
        (httpx.ConnectError, "could not be reached"),
        (httpx.ReadError, "could not be reached"),
        (httpx.RemoteProtocolError, "could not be reached"),
    ],
)
async def test_a_failed_connection_is_tried_again(
    kind: type[httpx.TransportError], told: str, pauses: list[float]
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise kind(f"secret {API_KEY}", request=request)

    async with _scripted(answer, max_retries=2) as client:
        with pytest.raises(ApiUnreachable, match=told) as caught:
            await _ask(client, "get_connector")
    assert API_KEY not in str(caught.value)
    assert len(pauses) == 2


class _Stream(httpx.AsyncByteStream):
    """A body that counts what was taken of it."""

    def __init__(self, chunk: bytes, chunks: int | None) -> None:
        self._chunk = chunk
        self._chunks = chunks
        self.taken = 0
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self._chunks is None or self.taken < self._chunks:
            await anyio.lowlevel.checkpoint()
            self.taken += 1
            yield self._chunk

    async def aclose(self) -> None:
        self.closed = True


@pytest.mark.parametrize("status", [200, 500])
async def test_an_answer_that_never_ends_is_refused_without_reading_it_all(status: int) -> None:
    stream = _Stream(b" " * 2**20, 200)
    async with _scripted(lambda _: httpx.Response(status, stream=stream), max_retries=0) as client:
        with pytest.raises(ApiMisbehaved, match="larger than 64 MiB") as caught:
            await _ask(client, "list_connectors")
    assert caught.value.code == "answer_too_large"
    assert stream.closed
    assert stream.taken <= MAX_ANSWER_BYTES // 2**20 + 1


async def test_an_answer_of_64_mib_is_taken() -> None:
    stream = _Stream(b" " * 2**20, 63)

    async def whole() -> AsyncIterator[bytes]:
        async for chunk in stream:
            yield chunk
        yield b"[]".rjust(2**20)

    async with _scripted(lambda _: httpx.Response(200, content=whole())) as client:
        assert await _ask(client, "list_connectors") == []


async def test_an_answer_that_drips_ends_with_the_timeout() -> None:
    stream = _Stream(b" ", None)
    async with _scripted(lambda _: httpx.Response(200, stream=stream), timeout=0.05) as client:
        with pytest.raises(ApiUnreachable, match="did not answer in time"):
            await _ask(client, "list_connectors")
    assert stream.closed


async def test_a_silent_server_ends_with_the_timeout(api: LocalApi, pauses: list[float]) -> None:
    api.last = Scripted(hold=True)
    async with _client(api, timeout=0.1) as client:
        with pytest.raises(ApiUnreachable, match="did not answer in time"):
            await _ask(client, "list_connectors")
    assert await _happened(api.gone)
    assert len(api.received) == 1
    assert pauses == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("content", ["<html>{}</html>", '{{"data": "{}"}}', '"{}"', "{}", '[{{"path": "{}"}}]'])
async def test_an_answer_of_unknown_shape_shows_nothing_of_itself(name: str, content: str) -> None:
    canary = made("unknown shape")
    async with _scripted(_body(content.format(canary))) as client:
        with pytest.raises(ApiMisbehaved) as caught:
            await _ask(client, name)
    assert canary not in f"{caught.value} {caught.value!r} {caught.value.__dict__}"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_an_answer_that_cannot_be_unpacked_is_misbehaviour(encoding: str) -> None:
    async with _scripted(_body(b"not packed", 200, **{"Content-Encoding": encoding}), max_retries=0) as client:
        with pytest.raises(ApiMisbehaved):
            await _ask(client, "update_connector")


# ---- echoes of secrets -------------------------------------------------------------------------------------------


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


def _shown(error: ConnectorError) -> str:
    return f"{error} {error!r} {error.__dict__} {error.__cause__!r} {error.args}"


def _traces(secret: str) -> list[str]:
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
    async with _scripted(_body(body, status)) as client:
        with pytest.raises(ApiRefused) as caught:
            await _ask(client, name, aws_secret_access_key=secret)
    assert not [trace for trace in _traces(secret) if trace in _shown(caught.value)]


@pytest.mark.parametrize("echo", ECHOES)
async def test_an_echo_of_the_api_key_is_scrubbed_from_an_error(echo: str) -> None:
    body = ENVELOPES[0].replace("§", ECHOES[echo](API_KEY))
    async with _scripted(_body(body, 401)) as client:
        with pytest.raises(ApiRefused) as caught:
            await _ask(client, "list_connectors")
    assert API_KEY not in _shown(caught.value)


@pytest.mark.parametrize(("status", "kind"), [(400, ApiRefused), (200, ApiMisbehaved)])
async def test_an_echo_in_a_header_is_scrubbed_too(status: int, kind: type[ConnectorError]) -> None:
    async with _scripted(_body("{}", status, **{"X-Request-ID": f"req-{API_KEY}"})) as client:
        with pytest.raises(kind) as caught:
            await _ask(client, "list_connectors")
    assert API_KEY not in _shown(caught.value)


async def test_a_request_id_of_the_header_finds_the_request() -> None:
    async with _scripted(_body("{}", 404, **{"X-Request-ID": "req_77"})) as client:
        with pytest.raises(ApiRefused) as caught:
            await _ask(client, "list_connectors")
    assert caught.value.request_id == "req_77"


@pytest.mark.parametrize("key", [f"{made('odd key')}é", f"{made('odd key')}\r\nX-Other: 1", f"{made('odd key')}\n"])
async def test_a_key_that_fits_no_header_is_never_shown(api: LocalApi, key: str) -> None:
    with pytest.raises(ConnectorError) as caught:
        async with _client(api, api_key=key) as client:
            await _ask(client, "list_connectors")
    assert made("odd key") not in _shown(caught.value)


# ---- logs --------------------------------------------------------------------------------------------------------


async def test_nothing_secret_is_logged(api: LocalApi, pauses: list[float], caplog: pytest.LogCaptureFixture) -> None:
    echo = json.dumps({"error": {"message": f"{AWS_SECRET} {API_KEY}"}}).encode()
    with caplog.at_level(logging.DEBUG, logger="mcp_server"):
        async with _client(api) as client:
            api.answers_for("create_s3_connector", Scripted(503, echo), Scripted(hang_up=True))
            await _ask(client, "create_s3_connector")
            api.last = Scripted(422, echo)
            with pytest.raises(ApiRefused):
                await _ask(client, "create_s3_connector")
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("mcp_server"))
    assert not [secret for secret in (API_KEY, AWS_SECRET, AWS_SECRET[:12]) if secret in logged]


@pytest.mark.parametrize("value", [repr, str])
async def test_a_client_prints_without_its_key(value: Callable[[object], str]) -> None:
    async with VideoVector(api_key=API_KEY) as client:
        assert API_KEY not in value(client)


# ---- proxies -----------------------------------------------------------------------------------------------------


async def test_a_proxy_of_the_environment_gets_nothing_that_is_for_this_machine(
    api: LocalApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    api.answers_for("list_connectors")
    async with _client(api, max_retries=0) as client:
        assert await _ask(client, "list_connectors")
    assert len(api.received) == 1
