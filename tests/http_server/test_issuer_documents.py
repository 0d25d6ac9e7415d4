"""Where an issuer's keys are found, and what a hostile or broken issuer can do."""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import anyio.lowlevel
import httpx
import pytest

from mcp_server.http_server.issuer_documents import MAX_BYTES, IssuerFault, fetch_keys
from tests.emulators.http_server import Asked, Reply, serving
from tests.http_server.issuing import (
    KEYS,
    OAUTH,
    OPENID,
    Issuer,
    document,
    issuing,
    plain_client,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with plain_client() as http:
        yield http


async def fault(http: httpx.AsyncClient, issuer: str, seconds: float = 20) -> str:
    with pytest.raises(IssuerFault) as caught:
        await fetch_keys(http, issuer, seconds)
    await anyio.lowlevel.checkpoint()
    return str(caught.value)


async def test_keys_are_found_through_openid_discovery(issuer: Issuer, http: httpx.AsyncClient) -> None:
    keys = await fetch_keys(http, issuer.url)
    assert list(keys) == [("first", "RS256")]
    assert issuer.asked == [OPENID, KEYS]


@pytest.mark.parametrize(
    "reply", [Reply(404), Reply(500), Reply(200, b"<html>"), Reply(302, headers={"Location": "/"})]
)
async def test_keys_are_found_through_oauth_metadata(issuer: Issuer, http: httpx.AsyncClient, reply: Reply) -> None:
    issuer.documents[OPENID] = reply
    issuer.describe(OAUTH)
    assert await fetch_keys(http, issuer.url)
    assert issuer.asked == [OPENID, OAUTH, KEYS]


async def test_the_two_places_of_an_issuer_with_a_path_are_those_of_the_standards(
    issuer: Issuer, http: httpx.AsyncClient
) -> None:
    issuer.describe(f"{OAUTH}/realms/one", issuer=f"{issuer.url}/realms/one")
    assert await fetch_keys(http, f"{issuer.url}/realms/one")
    assert issuer.asked == [f"/realms/one{OPENID}", f"{OAUTH}/realms/one", KEYS]


async def test_an_issuer_may_write_itself_with_a_slash(issuer: Issuer, http: httpx.AsyncClient) -> None:
    issuer.describe(issuer=f"{issuer.url}/")
    assert await fetch_keys(http, issuer.url)


async def test_the_url_of_the_keys_may_have_a_query(issuer: Issuer, http: httpx.AsyncClient) -> None:
    issuer.describe(jwks_uri=f"{issuer.url}{KEYS}?p=policy")
    issuer.documents[f"{KEYS}?p=policy"] = issuer.documents[KEYS]
    assert await fetch_keys(http, issuer.url)


@pytest.mark.parametrize(
    "named", ["https://login.example", "", None, ..., 7, ["https://login.example"], "{}/other", "{}//"]
)
async def test_metadata_of_another_issuer_are_refused(issuer: Issuer, http: httpx.AsyncClient, named: Any) -> None:
    named = named.format(issuer.url) if isinstance(named, str) else named
    metadata = {"issuer": named, "jwks_uri": f"{issuer.url}{KEYS}"}
    issuer.documents[OPENID] = document({name: value for name, value in metadata.items() if value is not ...})
    issuer.describe(OAUTH)
    assert await fault(http, issuer.url) == "its metadata are those of another issuer"
    assert issuer.asked == [OPENID]


@pytest.mark.parametrize(
    "url",
    [
        ...,
        None,
        7,
        "",
        "/keys",
        "http://login.example/keys",
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1.login.example/keys",
        "http://127.0.0.1@login.example/keys",
        "ftp://127.0.0.1/keys",
        "file:///etc/passwd",
        "https:///keys",
        "https://login.example:99999/keys",
        "https://login.example/keys#part",
        "https://login.example/keys?query#part",
        "https://login.example/keys?two words",
        "https://login.example/keys\r\nHost: other",
    ],
)
async def test_keys_travel_only_over_https_or_within_this_machine(
    issuer: Issuer, http: httpx.AsyncClient, url: Any
) -> None:
    metadata = {"issuer": issuer.url, "jwks_uri": url}
    issuer.documents[OPENID] = document({name: value for name, value in metadata.items() if value is not ...})
    assert await fault(http, issuer.url) == "its metadata name no https:// URL of its keys"
    assert issuer.asked == [OPENID]


@pytest.mark.parametrize("path", [OPENID, KEYS])
@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(0), "it cannot be reached"),
        (Reply(404), "it answered with status 404"),
        (Reply(503), "it answered with status 503"),
        (Reply(204), "it answered with status 204"),
        (Reply(200, b""), "its document is no JSON object"),
        (Reply(200, b"<html>"), "its document is no JSON object"),
        (Reply(200, b"\xff\xfe{"), "its document is no JSON object"),
        (Reply(200, b"[]"), "its document is no JSON object"),
        (Reply(200, b'{"a":' * 50_000), "its document is no JSON object"),
        (Reply(200, b'{"keys": ' + b"9" * 5000 + b"}"), "its document is no JSON object"),
        (Reply(200, b" " * (MAX_BYTES + 1)), "its document is larger than 256 KiB"),
        (Reply(200, b"{}", {"Content-Encoding": "gzip"}), None),
    ],
)
async def test_a_broken_document_is_a_fault_that_quotes_nothing(
    issuer: Issuer, http: httpx.AsyncClient, path: str, reply: Reply, told: str | None
) -> None:
    issuer.documents[path] = reply
    expected = told or (
        "it has no key that signs tokens" if path == KEYS else "its metadata are those of another issuer"
    )
    assert await fault(http, issuer.url) == expected


@pytest.mark.parametrize("path", [OPENID, KEYS])
@pytest.mark.parametrize("follows", [False, True])
async def test_no_redirect_is_followed_whatever_the_client_would_do(
    issuer: Issuer, path: str, *, follows: bool
) -> None:
    with issuing(issuer.signer) as other:
        issuer.documents[path] = Reply(302, headers={"Location": f"{other.url}{path}"})
        async with plain_client(follow_redirects=follows) as http:
            assert await fault(http, issuer.url) == "it answered with status 302"
        assert other.asked == []


async def test_an_issuer_that_does_not_listen_is_a_fault(http: httpx.AsyncClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert await fault(http, f"http://127.0.0.1:{port}") == "it cannot be reached"


async def test_an_issuer_that_answers_no_one_ends_with_the_time_out(http: httpx.AsyncClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        issuer = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert await fault(http, issuer, 0.05) == "it did not answer within 0.05 seconds"


async def test_the_clients_own_time_out_is_a_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with plain_client(timeout=0.05) as http:
            assert await fault(http, f"http://127.0.0.1:{silent.getsockname()[1]}") == "it did not answer in time"


async def test_an_issuer_that_drips_ends_with_the_time_out(http: httpx.AsyncClient) -> None:
    """Each drop comes long before the client's own time-out."""
    dripping, stop = threading.Event(), threading.Event()

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            with suppress(OSError):  # who asked may have gone before it is told to stop
                while not stop.wait(0.01):
                    connection.sendall(b" ")
                    dripping.set()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=[server])
        thread.start()
        try:
            told = await fault(http, f"http://127.0.0.1:{server.getsockname()[1]}", 0.3)
        finally:
            stop.set()
            thread.join()
    assert told == "it did not answer within 0.3 seconds"
    assert dripping.is_set()


async def test_the_issuer_gets_nothing_but_the_question(issuer: Issuer, http: httpx.AsyncClient) -> None:
    heard: list[Asked] = []

    def respond(asked: Asked) -> Reply:
        heard.append(asked)
        return issuer.respond(asked)

    with serving(respond) as served:
        issuer.url = served.url
        issuer.describe()
        await fetch_keys(http, issuer.url)
    for asked in heard:
        assert (asked.method, asked.body) == ("GET", b"")
        assert asked.headers["Accept-Encoding"] == "identity"
        assert not {"authorization", "cookie"} & {name.lower() for name in asked.headers}
