"""What the client sends, and to whom: pooling, headers, bodies, redirects, proxies."""

from __future__ import annotations

import email
import email.policy
import json
from typing import cast

import pytest

from mcp_server import __version__
from mcp_server.errors import ApiMisbehaved, ApiUnreachable, ConfigurationError
from mcp_server.redaction import Secret
from tests.client.calling import (
    LocalApi,
    Received,
    Scripted,
    asked,
    client_of,
    running,
)
from tests.materials import API_KEY, AWS_SECRET, NAMES, ROWS, SERVICE_ACCOUNT

pytestmark = pytest.mark.anyio


class Elsewhere:
    """An API that is on no machine."""

    url = "http://api.example.test"


@pytest.fixture
def without_exceptions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment excepts no host from its proxies."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


async def test_many_calls_share_one_connection(api: LocalApi) -> None:
    async with client_of(api) as client:
        for name in (*NAMES, *NAMES):
            api.answers_for(name)
            await asked(client, name)
    assert len(api.received) == 2 * len(NAMES)
    assert len({request.connection for request in api.received}) == 1


@pytest.mark.parametrize("key", [API_KEY, Secret(API_KEY)])
async def test_every_request_bears_the_key_and_our_name(api: LocalApi, key: str | Secret) -> None:
    async with client_of(api, api_key=key) as client:
        await asked(client, "list_connectors")
    (request,) = api.received
    assert request.headers["x-api-key"] == API_KEY
    assert request.headers["user-agent"] == f"videovector-connectors/{__version__}"
    assert request.headers["accept"] == "application/json"
    assert "authorization" not in request.headers
    assert API_KEY not in request.path


@pytest.mark.parametrize("key", [None, ""])
async def test_without_a_key_none_is_sent(api: LocalApi, key: str | None) -> None:
    async with client_of(api, api_key=key) as client:
        await asked(client, "list_connectors")
    assert "x-api-key" not in api.received[0].headers


@pytest.mark.parametrize("path", ["", "/", "/api/v2", "/api/v2/", "/deep/er/path"])
async def test_the_path_of_the_base_url_is_kept(api: LocalApi, path: str) -> None:
    async with client_of(api, base_url=api.url + path) as client:
        await asked(client, "list_connectors")
    assert api.received[0].path == f"{path.rstrip('/')}/connectors"


@pytest.mark.parametrize("name", NAMES)
async def test_each_operation_goes_to_its_endpoint(api: LocalApi, name: str) -> None:
    api.answers_for(name)
    async with client_of(api, base_url=f"{api.url}/api/v2") as client:
        await asked(client, name)
    (request,) = api.received
    query = "?limit=100&sort=path" if name == "browse_connector_files" else ""
    assert (request.method, request.path) == (
        ROWS[name].method,
        "/api/v2" + ROWS[name].path.replace("{connector_id}", "conn_123") + query,
    )


async def test_a_body_is_json_and_an_absent_one_is_empty(api: LocalApi) -> None:
    async with client_of(api) as client:
        for name in ("create_s3_connector", "test_connector"):
            api.answers_for(name)
            await asked(client, name)
    assert api.received[0].headers["content-type"] == "application/json"
    assert json.loads(api.received[0].body)["aws_secret_access_key"] == AWS_SECRET
    assert api.received[1].body == b""


def parts(request: Received) -> list[tuple[str, str | None, str]]:
    head = f"Content-Type: {request.headers['content-type']}\n\n".encode()
    message = email.message_from_bytes(head + request.body, policy=email.policy.HTTP)
    parts = [part for part in message.walk() if not part.is_multipart()]
    contents = [cast("bytes", part.get_payload(decode=True)).decode() for part in parts]
    names = [str(part.get_param("name", header="content-disposition")) for part in parts]
    return [(name, part.get_filename(), text) for name, part, text in zip(names, parts, contents, strict=True)]


async def test_a_gcs_connector_is_a_form_with_a_file_and_repeated_scopes(api: LocalApi) -> None:
    api.answers_for("create_gcs_connector")
    async with client_of(api) as client:
        await asked(client, "create_gcs_connector", scopes=["import", "export"], name="Café")
    sent = parts(api.received[0])
    assert [text for name, _, text in sent if name == "scopes"] == ["import", "export"]
    assert [(filename, text) for name, filename, text in sent if name == "credentials_file"] == [
        ("credentials.json", SERVICE_ACCOUNT)
    ]
    assert {name for name, _, _ in sent} == {
        *("name", "bucket", "gcp_project_id", "scopes", "import_mode", "credentials_file"),
    }


async def test_a_retried_form_is_sent_whole_again(api: LocalApi, pauses: list[float]) -> None:
    api.answers_for("create_gcs_connector", Scripted(503), Scripted(hang_up=True))
    async with client_of(api) as client:
        await asked(client, "create_gcs_connector")
    assert [len(parts(request)) for request in api.received] == [6, 6, 6]
    assert len(pauses) == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("name", ["list_connectors", "create_s3_connector"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_neither_key_nor_body_follows_a_redirect(api: LocalApi, status: int, name: str, host: str) -> None:
    with running() as elsewhere:
        url = elsewhere.url.replace("127.0.0.1", host)
        api.last = Scripted(status, b"", {"Location": f"{url}/connectors"})
        async with client_of(api) as client:
            with pytest.raises(ApiMisbehaved, match=str(status)) as caught:
                await asked(client, name)
        assert elsewhere.received == []
        assert url not in str(caught.value)
    assert len(api.received) == 1


@pytest.mark.usefixtures("without_exceptions")
@pytest.mark.parametrize(
    ("variable", "scheme"), [("HTTP_PROXY", "http://"), ("http_proxy", ""), ("ALL_PROXY", "http://")]
)
async def test_a_proxy_of_the_environment_gets_what_is_for_elsewhere(
    api: LocalApi, monkeypatch: pytest.MonkeyPatch, variable: str, scheme: str
) -> None:
    monkeypatch.setenv(variable, f"{scheme}{api.url.removeprefix('http://')}")
    api.answers_for("list_connectors")
    async with client_of(Elsewhere(), max_retries=0) as client:
        await asked(client, "list_connectors")
    (received,) = api.received
    assert received.path == f"{Elsewhere.url}/connectors"
    assert received.headers["host"] == "api.example.test"


@pytest.mark.parametrize("excepted", ["*", "example.test", "api.example.test"])
async def test_a_proxy_does_not_get_what_is_excepted(
    api: LocalApi, monkeypatch: pytest.MonkeyPatch, excepted: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", api.url)
    monkeypatch.setenv("NO_PROXY", excepted)
    async with client_of(Elsewhere(), max_retries=0) as client:
        with pytest.raises(ApiUnreachable):
            await asked(client, "list_connectors")
    assert api.received == []


@pytest.mark.usefixtures("without_exceptions")
async def test_a_proxy_of_the_environment_gets_nothing_that_is_for_this_machine(
    api: LocalApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    api.answers_for("list_connectors")
    async with client_of(api, max_retries=0) as client:
        assert await asked(client, "list_connectors")
    assert len(api.received) == 1


@pytest.mark.usefixtures("without_exceptions")
@pytest.mark.parametrize(
    "proxy", ["socks5://127.0.0.1:9", "ftp://127.0.0.1:9", "http://[::1", "http://127.0.0.1:99999"]
)
def test_a_proxy_that_cannot_be_used_is_told_at_once(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(ConfigurationError, match="ALL_PROXY") as caught:
        client_of(Elsewhere())
    assert proxy not in str(caught.value)
