"""What holds for every request, over real sockets: hosts, sites of other pages, bodies, paths."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import httpx
import pytest

from mcp_server.http_server.callers import current_identity
from tests.http_server.serving import Served, serving

CALL: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_connectors"}}
PATHS = ("/mcp", "/health", "/ready", "/metrics", "/nowhere")
SITE = "https://tools.example"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Generator[Served]:
    with serving(tmp_path_factory.mktemp("border"), "--allowed-origins", SITE) as served:
        yield served


def ask(served: Served, method: str, path: str, **headers: str) -> httpx.Response:
    body = CALL if method == "POST" else None
    return httpx.request(method, f"{served.url}{path}", json=body, headers=headers, trust_env=False)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8080", "169.254.169.254"])
def test_every_path_is_for_this_machines_names_only(served: Served, path: str, host: str) -> None:
    refused = ask(served, "GET", path, Host=host)
    assert refused.status_code == 421
    assert refused.json()["error"] == "misdirected_request"
    assert host not in refused.text


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:1", "null"])
def test_every_path_refuses_pages_of_other_sites(served: Served, path: str, origin: str) -> None:
    refused = ask(served, "POST", path, Origin=origin)
    assert (refused.status_code, refused.json()["error"]) == (403, "origin_refused")
    assert "access-control-allow-origin" not in refused.headers


def test_a_named_site_may_call_and_reads_the_answer(served: Served) -> None:
    asked = {"Origin": SITE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
    preflight = ask(served, "OPTIONS", "/mcp", **asked)
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (200, SITE)
    answer = ask(served, "POST", "/mcp", Origin=SITE)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, SITE)
    assert "Mcp-Session-Id" in answer.headers["access-control-expose-headers"]


def test_without_named_sites_there_is_no_cors(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(tmp_path_factory.mktemp("closed")) as served:
        answer = ask(served, "POST", "/mcp", Origin=served.url)
        assert answer.status_code == 200
        assert "access-control-allow-origin" not in answer.headers


def test_what_is_not_there_is_said_in_json(served: Served) -> None:
    missing = ask(served, "GET", "/nowhere")
    assert (missing.status_code, missing.json()["error"]) == (404, "not_found")
    wrong = ask(served, "POST", "/health")
    assert (wrong.status_code, wrong.json()["error"]) == (405, "method_not_allowed")


@pytest.mark.parametrize("extra", [1, 5 * 1024 * 1024])
def test_a_body_over_1_mib_is_refused_whether_it_says_so_or_not(served: Served, extra: int) -> None:
    body = b" " * (1024 * 1024 + extra)
    for content in (body, iter([body])):
        refused = httpx.post(f"{served.url}/mcp", content=content, headers={"Content-Type": "application/json"})
        assert refused.status_code == 413
    assert ask(served, "POST", "/mcp").status_code == 200


def test_nothing_is_done_for_nobody() -> None:
    with pytest.raises(PermissionError):
        current_identity()
