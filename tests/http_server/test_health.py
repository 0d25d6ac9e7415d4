"""What monitoring hears: alive, ready or not and why, and within which time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import httpx
import pytest
from anyio.lowlevel import checkpoint
from starlette.applications import Starlette

from mcp_server import __version__
from mcp_server.http_server import health
from mcp_server.http_server.drain import Drain
from mcp_server.http_server.health import REMEMBERED_SECONDS, Readiness, health_routes
from mcp_server.http_server.metrics import Metrics
from tests.http_server.clocks import Clock

pytestmark = pytest.mark.anyio
TROUBLE = "The Connectors API or its database does not answer."


class Api:
    """Answers as it is told, and counts how often it was asked."""

    def __init__(self) -> None:
        self.answers = True
        self.asked = 0
        self.wait: Callable[[], Awaitable[object]] = checkpoint

    async def __call__(self) -> bool:
        self.asked += 1
        await self.wait()
        return self.answers


async def test_the_api_is_asked_once_a_second_at_most() -> None:
    api, clock = Api(), Clock()
    readiness = Readiness(api, clock)
    assert [await readiness.trouble() for _ in range(3)] == [""] * 3
    api.answers = False
    assert (await readiness.trouble(), api.asked) == ("", 1)
    clock.now += REMEMBERED_SECONDS
    assert [await readiness.trouble() for _ in range(3)] == [TROUBLE] * 3
    api.answers = True
    clock.now += REMEMBERED_SECONDS
    assert (await readiness.trouble(), api.asked) == ("", 3)


async def test_who_asks_meanwhile_waits_for_the_same_answer() -> None:
    api, may_answer, heard = Api(), anyio.Event(), list[str]()
    api.wait = may_answer.wait
    readiness = Readiness(api, Clock())

    async def ask() -> None:
        heard.append(await readiness.trouble())

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        may_answer.set()
    await checkpoint()
    assert (heard, api.asked) == ([""] * 5, 1)


async def test_an_api_that_does_not_answer_in_time_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PROBE_SECONDS", 0.1)
    api = Api()
    api.wait = anyio.sleep_forever
    with anyio.fail_after(5):
        assert await Readiness(api).trouble() == TROUBLE
    await checkpoint()


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def drain() -> Drain:
    return Drain()


async def asked(api: Api, drain: Drain, path: str, method: str = "GET") -> httpx.Response:
    app = Starlette(routes=health_routes(Readiness(api), drain, Metrics(["list_connectors"])))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http:
        answer = await http.request(method, path)
    await checkpoint()
    return answer


async def test_it_is_alive_whatever_happens(api: Api, drain: Drain) -> None:
    api.answers = False
    drain.begin()
    answer = await asked(api, drain, "/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "version": __version__})
    assert api.asked == 0


async def test_it_is_ready_while_the_api_answers(api: Api, drain: Drain) -> None:
    answer = await asked(api, drain, "/ready")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    api.answers = False
    answer = await asked(api, drain, "/ready")
    assert (answer.status_code, answer.json()) == (503, {"status": TROUBLE})


async def test_it_is_not_ready_when_it_ends(api: Api, drain: Drain) -> None:
    drain.begin()
    answer = await asked(api, drain, "/ready")
    assert (answer.status_code, answer.json()) == (503, {"status": "This process is ending."})
    assert api.asked == 0


async def test_its_figures_are_for_prometheus(api: Api, drain: Drain) -> None:
    answer = await asked(api, drain, "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "videovector_tool_calls_in_flight 0.0" in answer.text


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics"])
async def test_nothing_can_be_sent_there(api: Api, drain: Drain, path: str) -> None:
    assert (await asked(api, drain, path, "POST")).status_code == 405
    head = await asked(api, drain, path, "HEAD")
    assert (head.status_code, head.content) == (200, b"")
