"""Time-outs, and answers that are meant to hurt; scripted, since no real server would send them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import anyio.lowlevel
import httpx
import pytest

from mcp_server.errors import ApiMisbehaved, ApiUnreachable
from mcp_server.replies import MAX_ANSWER_BYTES
from tests.client.calling import (
    LocalApi,
    Scripted,
    answering,
    asked,
    client_of,
    happened,
    scripted,
)
from tests.materials import API_KEY, NAMES, made

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("kind", [httpx.ReadTimeout, httpx.WriteTimeout, httpx.PoolTimeout])
async def test_a_time_out_is_told_and_not_repeated(kind: type[httpx.TimeoutException], pauses: list[float]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise kind(f"secret {API_KEY}", request=request)

    async with scripted(answer) as client:
        with pytest.raises(ApiUnreachable, match="did not answer in time") as caught:
            await asked(client, "create_s3_connector")
    assert (caught.value.code, caught.value.retryable) == ("timeout", True)
    assert "idempotency_key connector-create-s3:" in caught.value.hint
    assert API_KEY not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
    assert pauses == []


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (httpx.ConnectTimeout, "did not answer in time"),
        (httpx.ConnectError, "could not be reached"),
        (httpx.ReadError, "did not send a whole answer"),
        (httpx.RemoteProtocolError, "did not send a whole answer"),
    ],
)
async def test_a_failed_connection_is_tried_again(
    kind: type[httpx.TransportError], told: str, pauses: list[float]
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise kind(f"secret {API_KEY}", request=request)

    async with scripted(answer, max_retries=2) as client:
        with pytest.raises(ApiUnreachable, match=told) as caught:
            await asked(client, "get_connector")
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


async def test_an_answer_that_never_ends_is_refused_without_reading_it_all() -> None:
    stream = _Stream(b" " * 2**20, 200)
    async with scripted(lambda _: httpx.Response(200, stream=stream), max_retries=0) as client:
        with pytest.raises(ApiMisbehaved, match="larger than 64 MiB") as caught:
            await asked(client, "list_connectors")
    assert caught.value.code == "answer_too_large"
    assert stream.closed
    assert stream.taken <= MAX_ANSWER_BYTES // 2**20 + 1


async def test_an_answer_of_64_mib_is_taken() -> None:
    stream = _Stream(b" " * 2**20, 63)

    async def whole() -> AsyncIterator[bytes]:
        async for chunk in stream:
            yield chunk
        yield b"[]".rjust(2**20)

    async with scripted(lambda _: httpx.Response(200, content=whole())) as client:
        assert await asked(client, "list_connectors") == []


async def test_an_answer_that_drips_ends_with_the_timeout() -> None:
    stream = _Stream(b" ", None)
    async with scripted(lambda _: httpx.Response(200, stream=stream), timeout=0.05) as client:
        with pytest.raises(ApiUnreachable, match="did not answer in time"):
            await asked(client, "list_connectors")
    assert stream.closed


async def test_a_silent_server_ends_with_the_timeout(api: LocalApi, pauses: list[float]) -> None:
    api.last = Scripted(hold=True)
    async with client_of(api, timeout=0.1) as client:
        with pytest.raises(ApiUnreachable, match="did not answer in time"):
            await asked(client, "list_connectors")
    assert await happened(api.gone)
    assert len(api.received) == 1
    assert pauses == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("content", ["<html>{}</html>", '{{"data": "{}"}}', '"{}"', "{}", '[{{"path": "{}"}}]'])
async def test_an_answer_of_unknown_shape_shows_nothing_of_itself(name: str, content: str) -> None:
    canary = made("unknown shape")
    async with scripted(answering(content.format(canary))) as client:
        with pytest.raises(ApiMisbehaved) as caught:
            await asked(client, name)
    assert canary not in f"{caught.value} {caught.value!r} {caught.value.__dict__}"
