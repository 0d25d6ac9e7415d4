"""Whole servers of two processes over an API that does as it is told: figures, secrets, ends, starts that fail."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from mcp_server import hosting
from mcp_server.errors import ConfigurationError
from mcp_server.hosting import STATE_KEY_BYTES, state_keys
from mcp_server.http_server.metrics import SHARED_MEMORY
from mcp_server.settings import load
from tests.embedded.bodies import encryption_key
from tests.emulators.processes import children, command_line
from tests.http_server.collecting import StubApi, stub_api
from tests.http_server.serving import Served, serving, unknown_key
from tests.sessions import COMMAND, DATA_DIR, environment

pytestmark = pytest.mark.skipif(not Path("/proc").exists(), reason="looks at processes as Linux shows them")
OWN_KEY = unknown_key()
VALIDATE, CONNECTORS = "/auth/validate", "/connectors"
CALL: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_connectors"}}
SECONDS = 60


def until(condition: Callable[[], object], what: str) -> None:
    """Wait until it holds."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


@pytest.fixture(scope="module")
def api() -> Generator[StubApi]:
    with stub_api() as api:
        yield api


@contextmanager
def fleet(folder: Path, api: StubApi) -> Generator[Served]:
    """Two processes that serve callers with keys, over the API."""
    (folder / "tmp").mkdir()
    settings = {"VIDEOVECTOR_BASE_URL": api.url, "VIDEOVECTOR_API_KEY": OWN_KEY, "TMPDIR": str(folder / "tmp")}
    with serving(folder, "--auth", "api-key", "--workers", "2", settings=settings) as served:
        until(lambda: "MCP server on" in served.said(), "not announced")
        yield served


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fleet")


@pytest.fixture(scope="module")
def served(folder: Path, api: StubApi) -> Generator[Served]:
    with fleet(folder, api) as served:
        yield served


def call(served: Served, key: str | None = None) -> httpx.Response:
    headers = {"X-API-Key": key or unknown_key()}
    return httpx.post(f"{served.url}/mcp", json=CALL, headers=headers, trust_env=False, timeout=60)


def figure(served: Served, name: str) -> float:
    """What any of its processes says of all of them."""
    text = httpx.get(f"{served.url}/metrics", trust_env=False, timeout=SECONDS).text
    return next((float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name + " ")), 0)


def workers(served: Served) -> list[int]:
    return [each for each in children(served.process.pid) if b"spawn_main" in command_line(each)]


def test_figures_of_both_processes_add_up(served: Served) -> None:
    done, calls = 0, 'videovector_tool_calls_total{outcome="ok",tool="list_connectors"}'
    while done < 5 or len(list(SHARED_MEMORY.glob(f"videovector-metrics-{served.process.pid}-*/counter_*.db"))) < 2:
        assert call(served).status_code == 200
        done += 1
    for _ in range(5):
        assert figure(served, calls) == done
    assert figure(served, 'videovector_tool_call_seconds_count{tool="list_connectors"}') == done
    assert figure(served, 'videovector_api_answers_total{status="200"}') == 2 * done


def test_no_process_shows_a_secret(served: Served, api: StubApi) -> None:
    key = unknown_key()
    assert call(served, key).status_code == 200
    assert {each.headers["X-API-Key"] for each in api.asked[-2:]} == {key}
    pids = [served.process.pid, *workers(served)]
    assert len(pids) == 3
    for pid in pids:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
        assert OWN_KEY.encode() not in arguments
    assert OWN_KEY not in served.said()
    assert key not in served.said()


def test_it_is_ready_while_the_api_answers(served: Served, api: StubApi) -> None:
    def ready() -> int:
        return httpx.get(f"{served.url}/ready", trust_env=False, timeout=SECONDS).status_code

    assert ready() == 200
    api.status = 500
    until(lambda: ready() == 503, "still ready")
    api.status = 200
    until(lambda: ready() == 200, "not ready again")


def test_what_ran_in_a_process_that_was_killed_runs_no_more(served: Served, api: StubApi) -> None:
    in_flight = "videovector_tool_calls_in_flight"
    lost: list[bool] = []

    def call_in_vain() -> None:
        try:
            call(served)
        except httpx.TransportError:
            lost.append(True)

    before = workers(served)
    with api.waiting(CONNECTORS):
        caller = threading.Thread(target=call_in_vain)
        caller.start()
        until(lambda: figure(served, in_flight) == 1, "not begun")
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        caller.join()
    assert lost
    until(lambda: len(workers(served)) == 2 and not set(workers(served)) & set(before), "not replaced")
    assert figure(served, in_flight) == 0
    assert figure(served, 'videovector_tool_calls_total{outcome="ok",tool="list_connectors"}') > 0


@pytest.mark.parametrize("moment", [VALIDATE, CONNECTORS])
def test_a_call_is_answered_at_whatever_moment_the_end_begins(api: StubApi, tmp_path: Path, moment: str) -> None:
    answers: list[httpx.Response] = []
    with fleet(tmp_path, api) as served, api.waiting(moment):
        before = api.was_asked(moment)
        caller = threading.Thread(target=lambda: answers.append(call(served)))
        caller.start()
        until(lambda: api.was_asked(moment) > before, "not begun")
        served.process.terminate()
        until(lambda: not connects(served.url), "connections are still taken")
        time.sleep(1)  # more than the time that is left for answers which are under way
        api.may_answer.set()
        caller.join()
        assert served.process.wait(timeout=SECONDS) == 0
        assert len(served.said().splitlines()) == 1
    assert answers[0].status_code == 200
    assert '"total":0' in answers[0].text
    assert list((tmp_path / "tmp").iterdir()) == []


def connects(url: str) -> bool:
    host, _, port = url.removeprefix("http://").partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        return False
    return True


def test_the_api_answers_a_call_whose_beginning_came_before_the_end(tmp_path: Path) -> None:
    with serving(tmp_path, command="api") as served:
        host, _, port = served.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=SECONDS) as stream:
            head = ["POST /api/v2/connectors/s3 HTTP/1.1", f"Host: {host}", "Content-Type: application/json"]
            stream.sendall("\r\n".join([*head, f"X-API-Key: {unknown_key()}", "Content-Length: 2", "", "{"]).encode())
            # Its head is read before the answer to a request that came later.
            assert httpx.get(f"{served.url}/health", trust_env=False, timeout=SECONDS).status_code == 200
            served.process.terminate()
            until(lambda: not connects(served.url), "connections are still taken")
            time.sleep(1)
            stream.sendall(b"}")
            assert stream.recv(65536).startswith(b"HTTP/1.1 401 ")
        assert served.process.wait(timeout=SECONDS) == 0


@pytest.mark.parametrize(
    "arguments",
    [("--transport", "http"), ("api", "--workers", "2")],
)
def test_a_database_that_cannot_be_opened_ends_the_start_with_one_line(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "connectors.db").write_bytes(b"no database, " * 1000)
    settings = {DATA_DIR: str(tmp_path), "TMPDIR": str(tmp_path / "tmp")}
    ended = subprocess.run(
        [*COMMAND, *arguments, "--port", "0"],
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout, len(ended.stderr.splitlines())) == (2, "", 1), ended.stderr
    assert ended.stderr.startswith("videovector-connectors: ")
    assert list((tmp_path / "tmp").iterdir()) == []


def test_settings_that_cannot_be_served_end_the_start_before_a_port_is_taken() -> None:
    for flags in ({"transport": "sse", "workers": "2"}, {"tools": "drop_connectors"}, {"tls_cert": "cert.pem"}):
        with pytest.raises(ConfigurationError):
            hosting.serve_mcp(load(flags, {}), print)


def test_the_operators_keys_seal_what_clients_send_back_newest_first() -> None:
    first, second = encryption_key(), encryption_key()
    keys = state_keys(load({"encryption_keys": f"{first} {second}"}, {}))
    assert len(keys) == 2
    assert keys == (*state_keys(load({"encryption_key": first}, {})), *state_keys(load({"encryption_key": second}, {})))


def test_without_any_they_are_made_for_all_processes_of_one_start() -> None:
    first, second = state_keys(load({}, {})), state_keys(load({}, {}))
    assert [len(key) for key in (*first, *second)] == [STATE_KEY_BYTES] * 2
    assert first != second
