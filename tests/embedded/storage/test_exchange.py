"""Whatever servers and surroundings do, a storage answers in time, in bounds, with its own credentials only."""

from __future__ import annotations

import logging
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import anyio
import httpx
import pytest

from mcp_server.embedded.storage import Limits, Storage, StorageFault, Storages, transports
from mcp_server.embedded.storage.exchange import Answer, Message
from mcp_server.errors import ConfigurationError
from mcp_server.settings import Settings, load
from tests.embedded.storage.clouds import EMPTY, PROVIDERS, browse, cloud, fault_of_listing, settings_at, some_account
from tests.emulators import Emulator
from tests.emulators.azure import AzureEmulator
from tests.emulators.http_server import Asked, Reply
from tests.emulators.processes import free_port

pytestmark = pytest.mark.anyio

IMPATIENT = Limits(connect=5, read=0.2, total=10, backoff=0)


@pytest.fixture
def black_hole() -> Iterator[str]:
    """The URL of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def failing_at_first(times: int, reply: Reply, then: Reply) -> Callable[[Asked], Reply]:
    """Answers so often with the one, and then with the other."""
    replies = [reply] * times

    def respond(_: Asked) -> Reply:
        return replies.pop() if replies else then

    return respond


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_server_that_refuses_connections_is_unreachable(provider: str, open_at: Callable[..., Storage]) -> None:
    fault = await fault_of_listing(open_at(f"http://127.0.0.1:{free_port()}", provider))
    assert (fault.code, fault.retryable) == ("storage_unreachable", True)
    assert '"127.0.0.1" is not reachable' in fault.message


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_server_that_never_answers_is_a_fault_in_time(
    provider: str, black_hole: str, open_at: Callable[..., Storage]
) -> None:
    fault = await fault_of_listing(open_at(black_hole, provider, IMPATIENT))
    assert (fault.code, fault.retryable) == ("storage_timeout", True)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_the_total_holds_though_each_step_is_in_time(
    provider: str, black_hole: str, open_at: Callable[..., Storage]
) -> None:
    fault = await fault_of_listing(open_at(black_hole, provider, Limits(total=0.2)))
    assert fault.code == "storage_timeout"


def test_by_default_a_dead_endpoint_is_a_fault_within_15_seconds() -> None:
    limits = Limits()
    assert limits.browse == 50
    assert (limits.connect, limits.read, limits.total, limits.retries) == (5, 10, 15, 2)


async def test_by_default_a_black_hole_really_is_a_fault_within_15_seconds(
    black_hole: str, open_at: Callable[..., Storage]
) -> None:
    start = time.monotonic()
    await fault_of_listing(open_at(black_hole, "gcs", Limits()))
    assert time.monotonic() - start < 15


async def test_a_connection_that_takes_too_long_is_unreachable(
    monkeypatch: pytest.MonkeyPatch, open_at: Callable[..., Storage]
) -> None:
    async def never(*_: object, **__: object) -> None:
        await anyio.sleep_forever()

    monkeypatch.setattr(anyio, "connect_tcp", never)
    fault = await fault_of_listing(open_at("http://127.0.0.1:9", limits=Limits(connect=0.05)))
    assert fault.code == "storage_unreachable"


async def test_a_name_that_does_not_resolve_is_told(
    monkeypatch: pytest.MonkeyPatch, open_at: Callable[..., Storage]
) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    fault = await fault_of_listing(open_at("http://nowhere.invalid"))
    assert fault.message == '"nowhere.invalid" is not reachable: its name does not resolve.'


async def test_a_certificate_that_nobody_vouches_for_is_told(
    azure_emulator: AzureEmulator, open_with: Callable[..., Storage]
) -> None:
    fault = await fault_of_listing(open_with(settings_at(azure_emulator.url), some_account("s3")))
    assert fault.code == "storage_unreachable"
    assert "no trusted TLS connection" in fault.message
    assert "VIDEOVECTOR_CA_FILE" in fault.hint


async def test_a_server_that_speaks_no_http_is_told(open_at: Callable[..., Storage]) -> None:
    with cloud(Reply(0)) as served:
        fault = await fault_of_listing(open_at(served.url))
    assert fault.code == "storage_unexpected_answer"
    assert len(served.asked) == 3


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_read_is_tried_three_times(status: int, open_at: Callable[..., Storage]) -> None:
    with cloud(failing_at_first(2, Reply(status), Reply(200, EMPTY["s3"]))) as served:
        assert await browse(open_at(served.url), "", "*", recursive=True) == []
    assert len(served.asked) == 3


async def test_a_read_is_not_tried_four_times(open_at: Callable[..., Storage]) -> None:
    with cloud(Reply(503)) as served:
        await fault_of_listing(open_at(served.url))
    assert len(served.asked) == 3


async def test_a_write_is_tried_once(open_at: Callable[..., Storage]) -> None:
    with cloud(Reply(503)) as served, pytest.raises(StorageFault):
        await open_at(served.url).write("probe", b"")
    assert len(served.asked) == 1


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_giant_listing_is_refused_and_not_read_to_its_end(
    provider: str, open_at: Callable[..., Storage]
) -> None:
    giant = EMPTY[provider][:-1] + b" " * (17 * 1024 * 1024) + EMPTY[provider][-1:]
    with cloud(Reply(200, giant)) as served:
        fault = await fault_of_listing(open_at(served.url, provider))
    assert fault.code == "storage_unexpected_answer"


async def test_a_giant_error_is_cut(open_at: Callable[..., Storage]) -> None:
    giant = b"<Error><Code>AccessDenied</Code><Message>" + b"x" * (1024 * 1024) + b"</Message></Error>"
    with cloud(Reply(403, giant)) as served:
        fault = await fault_of_listing(open_at(served.url))
    assert fault.code == "storage_permission_denied"
    assert "(403)" in fault.message


async def test_of_a_server_that_ignores_ranges_only_a_byte_is_kept(open_at: Callable[..., Storage]) -> None:
    with cloud(Reply(200, b"x" * (1024 * 1024))) as served:
        assert await open_at(served.url).read_first_byte("a.mp4") == b"x"


async def test_a_compressed_answer_is_not_unpacked(open_at: Callable[..., Storage]) -> None:
    with cloud(Reply(200, b"\x1f\x8b", {"Content-Encoding": "gzip"})) as served:
        fault = await fault_of_listing(open_at(served.url))
    assert fault.code == "storage_unexpected_answer"
    assert served.asked[0].headers["Accept-Encoding"] == "identity"


async def test_cookies_are_not_kept(open_at: Callable[..., Storage]) -> None:
    with cloud(Reply(200, EMPTY["s3"], {"Set-Cookie": "who=me; Path=/"})) as served:
        storage = open_at(served.url)
        await browse(storage, "", "*", recursive=True)
        await browse(storage, "", "*", recursive=True)
    assert [asked.headers["Cookie"] for asked in served.asked] == [None, None]


async def test_nothing_of_the_hosts_surroundings_is_used(
    emulator: Emulator, open_emulated: Callable[..., Storage], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    surroundings = {
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"), dead),
        **dict.fromkeys(("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "STORAGE_EMULATOR_HOST"), dead),
        "AWS_ACCESS_KEY_ID": f"AKIA{secrets.token_hex(8).upper()}",
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20),
        "AWS_SESSION_TOKEN": secrets.token_hex(20),
        "AWS_SKIP_SIGNATURE": "true",
        "AWS_PROFILE": "somebody",
        "GOOGLE_BEARER_TOKEN": secrets.token_hex(20),
        "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "none.json"),
        "AZURE_CLIENT_SECRET": secrets.token_hex(20),
        "SSL_CERT_FILE": str(tmp_path / "none.pem"),
    }
    for name, value in surroundings.items():
        monkeypatch.setenv(name, value)
    bucket = emulator.new_bucket()
    emulator.put("a.mp4", bucket=bucket)
    assert [file.path for file in await browse(open_emulated(bucket), "", "*", recursive=True)] == ["a.mp4"]


async def test_no_log_line_holds_a_secret(
    emulator: Emulator, open_emulated: Callable[..., Storage], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await browse(open_emulated(), "", "*", recursive=True)
    for name in ("aws_secret_access_key", "client_secret"):
        assert emulator.arguments().get(name, "Signature=") not in caplog.text
    assert "Bearer" not in caplog.text


def test_a_ca_file_that_is_none_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("nothing of that kind")
    storages = Storages(Settings(ca_file=file))
    with pytest.raises(ConfigurationError, match="VIDEOVECTOR_CA_FILE"):
        anyio.run(storages.open(some_account("s3")).read_first_byte, "a")


def test_messages_and_answers_do_not_print_what_they_carry() -> None:
    secret = secrets.token_hex(20)
    message = Message("POST", "https://storage.example", "/x", {"Authorization": secret}, secret.encode())
    answer = Answer(403, httpx.Headers({"x-echo": secret}), secret.encode())
    assert secret not in repr(message) + repr(answer)
    assert "/x" in repr(message)


async def test_closing_what_was_never_used_is_nothing() -> None:
    await Storages(load({}, {})).aclose()


async def test_all_listings_together_have_so_many_requests_at_once_and_no_more(
    open_at: Callable[..., Storage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transports, "MOST_AT_ONCE", 2)
    at_once, most = 0, 0
    lock = threading.Lock()

    def respond(_: Asked) -> Reply:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.02)
        with lock:
            at_once -= 1
        return Reply(200, EMPTY["s3"])

    with cloud(respond) as served:
        storage = open_at(served.url, "s3")
        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(partial(browse, storage, "", "*", recursive=True))
    assert most == 2
