"""What is done for a client that is gone ends, also when other requests of its connection wait, on both event loops."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from mcp_server.http_server import draining_server
from mcp_server.http_server.bounded_protocol import PIPELINED
from mcp_server.http_server.listening import Listening
from tests.http_server.draining import LOOPS, Identity, Work, heard, heard_until, request, running

pytestmark = pytest.mark.anyio
GUARD_SECONDS = 20


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return LOOPS[request.param]


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return Identity.made(tmp_path_factory.mktemp("identity"))


@pytest.mark.parametrize("path", ["/call", "/events"])
@pytest.mark.parametrize("behind", [b"", request("GET", "/plain")], ids=["alone", "another behind it"])
async def test_a_call_ends_when_its_client_is_gone(path: str, behind: bytes) -> None:
    work = Work()
    async with running(work) as server:
        async with await server.connected() as stream:
            await stream.send(request("GET", path) + behind)
            await work.began.wait()
        with anyio.fail_after(GUARD_SECONDS):
            await work.ended.wait()
            await server.drain.idle()
        assert work.seen == 1
        async with await server.connected() as stream:
            await stream.send(request("GET", "/plain"))
            assert (await heard_until(stream, b"plain")).startswith(b"HTTP/1.1 200 ")
    await checkpoint()


async def test_who_asks_on_without_waiting_for_answers_is_cut_off() -> None:
    work = Work()
    async with running(work) as server:
        async with await server.connected() as stream:
            await stream.send(request("GET", "/call"))
            await work.began.wait()
            await stream.send(request("GET", "/plain") * (PIPELINED + 1))
            with anyio.fail_after(GUARD_SECONDS):
                assert await heard(stream) == b""
                await server.drain.idle()
        assert work.seen == 1
    await checkpoint()


async def test_tls_that_does_not_begin_has_its_time(identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draining_server, "HANDSHAKE_SECONDS", 0.3)
    async with running(Work(), Listening("127.0.0.1", 0, 1, identity.cert, identity.key)) as server:
        began = anyio.current_time()
        async with await server.connected() as silent:
            with anyio.fail_after(GUARD_SECONDS):
                assert await heard(silent) == b""
        assert anyio.current_time() - began >= 0.2
    await checkpoint()
