"""Spans of real calls as a collector gets them, to the last one before the process ends."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.trace import TracerProvider

from mcp_server.errors import ConfigurationError
from mcp_server.spans import LONGEST_ATTRIBUTE
from mcp_server.telemetry import ENDPOINTS, export_traces
from tests.embedded.bodies import s3_body
from tests.http_server.collecting import Collector, attributes, collecting, stub_api
from tests.http_server.serving import Served, serving, unknown_key
from tests.sessions import COMMAND, DATA_DIR, environment, modern

KEY, OWN_KEY, MADE_UP = unknown_key(), unknown_key(), f"made-up-{secrets.token_hex(12)}"
BODY = s3_body(name=f"name-{secrets.token_hex(8)}")
LONG_ID = f"id-{secrets.token_hex(40)}"


def calling(served: Served, method: str, name: str, number: int | str = 1, /, **arguments: Any) -> httpx.Response:
    """A request of each kind of client: of an older one when it is numbered."""
    params: dict[str, Any] = {"name": name, "arguments": arguments} if name else {}
    newer = isinstance(number, str)
    routing = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method, "Mcp-Name": name} if newer else {}
    return httpx.post(
        f"{served.url}/mcp",
        json={"jsonrpc": "2.0", "id": number, "method": method, "params": modern(params) if newer else params},
        headers={"X-API-Key": KEY, **routing},
        trust_env=False,
        timeout=60,
    )


@pytest.fixture(scope="module", params=["1", "2"])
def collector(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Collector]:
    """What a server sent that has ended since, from one process or two."""
    with collecting() as collector, stub_api() as api:
        only_at_the_end = {"OTEL_BSP_SCHEDULE_DELAY": "600000"}
        upstream = {"VIDEOVECTOR_BASE_URL": api.url, "VIDEOVECTOR_API_KEY": OWN_KEY}
        settings = {ENDPOINTS[1]: collector.url, **only_at_the_end, **upstream}
        flags = ("--auth", "api-key", "--workers", request.param)
        with serving(tmp_path_factory.mktemp("traced"), *flags, settings=settings) as served:
            assert calling(served, "tools/list", "").status_code == 200
            assert calling(served, "tools/call", "list_connectors").status_code == 200
            assert calling(served, "tools/call", "list_connectors", LONG_ID).status_code == 200
            assert '"isError":true' in calling(served, "tools/call", "create_s3_connector", **BODY).text
            assert "Unknown tool" in calling(served, "tools/call", MADE_UP).text
            assert "Method not found" in calling(served, f"made/{MADE_UP}", "").text
            assert "error" in calling(served, "prompts/get", MADE_UP).json()
            assert collector.asked == []
            assert served.ended() == 0
            assert KEY not in served.said()
        yield collector


def named(collector: Collector, name: str) -> list[Span]:
    return [span for span in collector.spans() if span.name == name]


def test_all_spans_have_come_before_the_end(collector: Collector) -> None:
    assert sorted(span.name for span in collector.spans()) == [
        "prompts/get unknown",
        "tools/call create_s3_connector",
        "tools/call list_connectors",
        "tools/call list_connectors",
        "tools/call unknown",
        "tools/list",
        "unknown",
    ]
    assert collector.services() == {"videovector-connectors"}


def test_a_span_says_which_tool_was_called_and_whether_it_failed(collector: Collector) -> None:
    first, second = named(collector, "tools/call list_connectors")
    for span in (first, second):
        assert span.kind == Span.SPAN_KIND_SERVER
        assert attributes(span)["gen_ai.tool.name"] == "list_connectors"
        assert span.status.code == Status.STATUS_CODE_UNSET
    (failed,) = named(collector, "tools/call create_s3_connector")
    assert (attributes(failed)["error.type"], failed.status.code) == ("tool_error", Status.STATUS_CODE_ERROR)


def test_nothing_of_it_is_what_a_caller_sent_but_the_beginning_of_an_id(collector: Collector) -> None:
    sent = (KEY, OWN_KEY, MADE_UP, *BODY.values(), LONG_ID[: LONGEST_ATTRIBUTE + 1])
    for body in collector.bodies():
        assert [each for each in map(str, sent) if each.encode() in body] == []
    assert LONG_ID[:LONGEST_ATTRIBUTE] in {attributes(span).get("jsonrpc.request.id") for span in collector.spans()}


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was installed for this process, instead of it."""
    installed: list[object] = []
    monkeypatch.setattr(trace, "set_tracer_provider", installed.append)
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: installed[-1] if installed else None)
    return installed


def test_without_an_endpoint_nothing_is_installed(provider: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENDPOINTS:
        monkeypatch.delenv(name, raising=False)
    export_traces()
    assert provider == []


@pytest.mark.parametrize("name", ENDPOINTS)
def test_either_variable_is_enough_and_a_provider_that_is_there_stays(
    name: str, provider: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "studio")
    export_traces()
    export_traces()
    (installed,) = provider
    assert isinstance(installed, TracerProvider)
    assert installed.resource.attributes["service.name"] == "studio"
    installed.shutdown()


def test_without_the_optional_group_the_operator_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINTS[1], "http://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'videovector-connectors\[telemetry\]'"):
        export_traces()


def test_a_collector_that_is_not_there_keeps_no_server_from_its_end(tmp_path: Path) -> None:
    settings = {ENDPOINTS[1]: "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_TIMEOUT": "1", DATA_DIR: str(tmp_path)}
    ended = subprocess.run(
        COMMAND,
        env=environment(settings),
        input=b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n',
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0
    assert b'"id":1' in ended.stdout
