"""What bodies are taken, how large they may be, and that none of them is a defect."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mcp_server.embedded import bodies
from mcp_server.embedded.service import Service
from tests.embedded.bodies import gcs_file, gcs_form, s3_body, service_account
from tests.embedded.calling import calling, error_of

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"\xff\xfe{}",
        b'{"name": NaN}',
        b'{"name": -Infinity}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"name": ' + b"1" * 5000 + b"}",
        b"[]",
        b'"text"',
        b"null",
        b'{"name": "\xed\xa0\x80"}',
    ],
    ids=lambda content: content[:12].decode("latin-1"),
)
async def test_a_body_that_is_no_json_object_is_refused(api: httpx.AsyncClient, content: bytes) -> None:
    answer = await api.post("/connectors/s3", content=content, headers={"Content-Type": "application/json"})
    error_of(answer, 400, "malformed_body")


@pytest.mark.parametrize("name", ['"\\ud800"', "[[]]", "1e999", '"\\u0000"', "true", '{"a": 1}'])
async def test_an_odd_value_is_refused_by_its_rule(api: httpx.AsyncClient, name: str) -> None:
    content = json.dumps(s3_body(name="{name}")).replace('"{name}"', name)
    answer = await api.post("/connectors/s3", content=content, headers={"Content-Type": "application/json"})
    assert error_of(answer, 422, "validation_error")["details"]["fields"][0]["field"] == "name"


@pytest.mark.parametrize(
    "repeated",
    [
        '{"name": "a", "name": "a"}',
        '{"name": "a", "n\\u0061me": "b"}',
        '{"credentials_json": {"type": "a", "type": "b"}}',
    ],
)
async def test_json_that_repeats_a_field_is_refused(api: httpx.AsyncClient, repeated: str) -> None:
    answer = await api.patch("/connectors/conn_1", content=repeated, headers={"Content-Type": "application/json"})
    assert "repeats a field" in error_of(answer, 400, "malformed_body")["message"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
async def test_json_that_is_not_utf_8_is_refused(api: httpx.AsyncClient, encoding: str) -> None:
    content = json.dumps(s3_body(name="é"), ensure_ascii=False).encode(encoding)
    answer = await api.post("/connectors/s3", content=content, headers={"Content-Type": "application/json"})
    error_of(answer, 400, "malformed_body")


async def test_json_may_have_a_mark_of_its_encoding(api: httpx.AsyncClient) -> None:
    content = json.dumps(s3_body(name="é"), ensure_ascii=False).encode("utf-8-sig")
    answer = await api.post("/connectors/s3", content=content, headers={"Content-Type": "application/json"})
    assert answer.json()["name"] == "é"


async def test_an_absent_body_is_an_object_without_fields(api: httpx.AsyncClient) -> None:
    error = error_of(await api.post("/connectors/s3"), 422, "validation_error")
    assert "name: is required" in error["message"]


@pytest.mark.parametrize("media_type", ["application/merge-patch+json", "Application/JSON; charset=utf-8"])
async def test_kinds_of_json_are_taken(api: httpx.AsyncClient, media_type: str) -> None:
    content = json.dumps(s3_body())
    answer = await api.post("/connectors/s3", content=content, headers={"Content-Type": media_type})
    assert answer.status_code == 201


@pytest.mark.parametrize("media_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_another_media_type_for_json_is_refused(api: httpx.AsyncClient, media_type: str) -> None:
    content = json.dumps(s3_body())
    answer = await api.post("/connectors/s3", content=content, headers={"Content-Type": media_type})
    error_of(answer, 415, "unsupported_media_type")


async def test_another_media_type_for_a_form_is_refused(api: httpx.AsyncClient) -> None:
    fields = {**gcs_form(), "credentials_file": service_account()}
    error_of(await api.post("/connectors/gcs", data=fields), 415, "unsupported_media_type")
    error_of(await api.post("/connectors/gcs", json=fields), 415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("media_type", "content"),
    [
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=", b"--x--"),
        ("multipart/form-data; boundary={}", b"--{}--"),
        ("multipart/form-data; boundary=x", b"no part"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\nv\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\nname without colon\r\n\r\n"),
    ],
)
async def test_a_malformed_form_is_refused(api: httpx.AsyncClient, media_type: str, content: bytes) -> None:
    answer = await api.post("/connectors/gcs", content=content, headers={"Content-Type": media_type})
    error_of(answer, 400, "malformed_body")


def part(name: bytes, content: bytes, headers: bytes = b"") -> bytes:
    return b'--x\r\nContent-Disposition: form-data; name="' + name + b'"' + headers + b"\r\n\r\n" + content + b"\r\n"


@pytest.mark.parametrize(
    "odd",
    [
        part(b"name", b"\xff"),
        part(b"name", b"\xed\xa0\x80"),
        part(b"na\xffme", b"value"),
        part(b"credentials_file", b"\xff", b'; filename="key.json"'),
    ],
    ids=range(4),
)
async def test_a_form_that_is_not_utf_8_is_refused(api: httpx.AsyncClient, odd: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = await api.post("/connectors/gcs", content=odd + b"--x--", headers=headers)
    assert "not UTF-8" in error_of(answer, 400, "malformed_body")["message"]


@pytest.mark.parametrize("charset", ["latin-1", "utf-7", "utf-16", "unicode_escape", "undefined", "rot13", "x" * 99])
async def test_a_form_is_utf_8_whatever_charset_it_names(api: httpx.AsyncClient, charset: str) -> None:
    parts = {**gcs_form(), "credentials_file": service_account(), "name": "Ärchiv \\ud800"}
    content = b"".join(part(name.encode(), text.encode()) for name, text in parts.items()) + b"--x--"
    for media_type in (
        "multipart/form-data; charset={}; boundary=x",
        'multipart/form-data; boundary="x"; charset="{}"',
    ):
        headers = {"Content-Type": media_type.format(charset)}
        answer = await api.post("/connectors/gcs", content=content, headers=headers)
        assert (answer.status_code, answer.json()["name"]) == (201, parts["name"])


async def test_a_form_that_repeats_a_field_is_refused_by_that_fields_rule(api: httpx.AsyncClient) -> None:
    answer = await api.post("/connectors/gcs", data=gcs_form(name=["a", "b"]), files=gcs_file(service_account()))
    assert "name: must be a string" in error_of(answer, 422, "validation_error")["message"]


@pytest.mark.parametrize("as_file", [True, False])
async def test_a_gcs_key_of_more_than_64_kib_is_too_large(api: httpx.AsyncClient, *, as_file: bool) -> None:
    key = service_account(padding="x" * 64 * 1024)
    sent: Any = gcs_file(key)["credentials_file"] if as_file else (None, key)
    answer = await api.post("/connectors/gcs", data=gcs_form(), files={"credentials_file": sent})
    error = error_of(answer, 413, "body_too_large")
    assert "64 KiB" in error["message"]


@pytest.mark.parametrize("path", ["/connectors/s3", "/connectors/gcs"])
async def test_a_body_of_more_than_a_mib_is_too_large_at_once(api: httpx.AsyncClient, path: str) -> None:
    error_of(await api.post(path, content=b"x" * (MIB + 1)), 413, "body_too_large")


@pytest.mark.parametrize("media_type", ["application/json", "multipart/form-data; boundary=x"])
async def test_a_body_that_does_not_tell_its_length_is_counted_while_it_comes(
    api: httpx.AsyncClient, media_type: str
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b"--x\r\nContent-Disposition: form-data; name=a; filename=a\r\n\r\n"
        while True:
            sent += 1
            yield b"x" * 64 * 1024

    path = "/connectors/s3" if media_type == "application/json" else "/connectors/gcs"
    answer = await api.post(path, content=endless(), headers={"Content-Type": media_type})
    error_of(answer, 413, "body_too_large")
    assert sent == 16


async def test_a_body_just_below_the_limit_is_read(api: httpx.AsyncClient) -> None:
    body = json.dumps(s3_body())
    content = body + " " * (MIB - len(body))
    answer = await api.post("/connectors/s3", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 201


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text() | st.sampled_from(list(s3_body())), values),
)


@given(content=st.binary() | JSON_VALUES.map(lambda value: json.dumps(value).encode()), form=st.booleans())
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_body_is_a_defect(api: httpx.AsyncClient, content: bytes, *, form: bool) -> None:
    whole = part(b"name", content) + b"--x--\r\n"
    media_type = "multipart/form-data; boundary=x" if form else "application/json"
    path = "/connectors/gcs" if form else "/connectors/s3"
    answer = await api.post(path, content=whole if form else content, headers={"Content-Type": media_type})
    assert answer.status_code in (400, 422)


async def test_a_body_that_does_not_come_has_its_time(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.2)

    async def without_end() -> AsyncIterator[bytes]:
        yield b"{"
        await anyio.sleep_forever()

    headers = {"Content-Type": "application/json"}
    async with calling(service) as api:
        answer = await api.post("/connectors/s3", content=without_end(), headers=headers)
    error_of(answer, 408, "body_incomplete")
