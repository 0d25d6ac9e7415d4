"""Requests that no HTTP library would send: each is refused as the caller's fault, and the API goes on."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.embedded.api_process import empty_storage, served
from tests.emulators.http_server import serving

CONNECTORS = b"/api/v2/connectors"
HOST = b"Host: 127.0.0.1\r\n"
JSON = b"Content-Type: application/json\r\n"
FORM = b"Content-Type: multipart/form-data; boundary="


def get(path: bytes, *headers: bytes) -> bytes:
    return b"GET " + CONNECTORS + path + b" HTTP/1.1\r\n" + b"".join(headers or (HOST,))


def post(path: bytes, headers: bytes, length: bytes = b"Content-Length: 2\r\n") -> bytes:
    return b"POST " + CONNECTORS + path + b" HTTP/1.1\r\n" + HOST + headers + length


# The head of each request, without the API key and the empty line, and the status that it gets.
REQUESTS: list[tuple[bytes, int]] = [
    (get(b"/%ff"), 422),
    (get(b"/%00"), 422),
    (get(b"/%ed%a0%80"), 422),
    (get(b"/%zz"), 422),
    (get(b"/%2e%2e"), 422),
    (get(b"/%20conn_1"), 422),
    (get(b"/conn_1%0a"), 404),
    (get(b"/conn%2F1"), 404),
    (get(b"/../../health"), 404),
    (get(b"/conn_1?%ff=%00"), 404),
    (get(b"/\xff"), 400),
    (get(b"?\xff\xfe"), 400),
    (b"GET http://[::1 HTTP/1.1\r\n" + HOST, 400),
    (b"GET * HTTP/1.1\r\n" + HOST, 404),
    (b"PROPFIND " + CONNECTORS + b" HTTP/1.1\r\n" + HOST, 405),
    (get(b"", b"Host: \xff\r\n"), 421),
    (get(b"", b"Host: [\r\n"), 421),
    (get(b"", b"Host: 127.0.0.1:99999999\r\n"), 200),
    (get(b"", HOST, b"Origin: \xff\r\n"), 403),
    (post(b"/s3", b"Content-Type: \xff\r\n"), 415),
    (post(b"/s3", JSON + b"Idempotency-Key: \xff\r\n"), 422),
    (post(b"/s3", JSON + b"Idempotency-Key: \r\n"), 422),
    (post(b"/s3", JSON, b"Content-Length: -1\r\n"), 400),
    (post(b"/s3", JSON, b"Content-Length: \xb2\r\n"), 400),
    (post(b"/s3", JSON, b"Content-Length: " + b"9" * 30 + b"\r\n"), 400),
    (post(b"/s3", JSON, b"Content-Length: 9999999\r\n"), 413),
    (post(b"/s3", JSON, b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n"), 400),
    (post(b"/gcs", FORM + b"\xff\r\n"), 400),
    (post(b"/gcs", FORM + b"\r\n"), 400),
    (post(b"/gcs", FORM + b"x; charset=undefined\r\n"), 400),
]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, bytes]]:
    """The URL of the API's document and the header of a key."""
    data_dir = tmp_path_factory.mktemp("api") / "data"
    with serving(empty_storage) as storage, served(storage.url, data_dir) as (document, key):
        yield document, f"X-API-Key: {key}\r\n".encode()


@pytest.mark.parametrize(("head", "status"), REQUESTS, ids=range(len(REQUESTS)))
def test_an_odd_request_is_its_callers_fault(api: tuple[str, bytes], head: bytes, status: int) -> None:
    document, key = api
    address = httpx.URL(document)
    with socket.create_connection((address.host, address.port or 80), timeout=20) as connection:
        connection.sendall(head + key + b"Connection: close\r\n\r\n{}")
        first_line = connection.makefile("rb").readline()
    assert first_line.split()[1] == str(status).encode()
    assert httpx.get(document).status_code == 200
