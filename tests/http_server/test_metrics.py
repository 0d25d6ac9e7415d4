"""What one process tells Prometheus. That several add up is in the tests of whole servers."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import httpx
import pytest
from anyio.lowlevel import checkpoint
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from mcp_server.http_server import metrics
from mcp_server.http_server.metrics import (
    SHARED,
    CountedAnswers,
    Metrics,
    abandon_folder,
    forget_process,
    shared_folder,
)


def figures(metrics: Metrics) -> dict[str, float]:
    text, _ = metrics.exposition()
    lines = [line for line in text.decode().splitlines() if line.startswith("videovector_")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def calls(metrics: Metrics) -> dict[str, float]:
    return {name: value for name, value in figures(metrics).items() if name.startswith("videovector_tool_calls_total")}


def test_a_call_is_counted_by_tool_and_outcome_and_runs_meanwhile() -> None:
    metrics = Metrics(["list_connectors"])
    with metrics.call("list_connectors") as record:
        assert figures(metrics)["videovector_tool_calls_in_flight"] == 1
        record.outcome = "ok"
    told = figures(metrics)
    assert told["videovector_tool_calls_in_flight"] == 0
    assert told['videovector_tool_calls_total{outcome="ok",tool="list_connectors"}'] == 1
    assert told['videovector_tool_call_seconds_count{tool="list_connectors"}'] == 1
    assert told['videovector_tool_call_seconds_bucket{le="60.0",tool="list_connectors"}'] == 1


def test_a_call_that_breaks_off_has_failed() -> None:
    metrics = Metrics(["list_connectors"])
    with pytest.raises(ValueError, match="broken"), metrics.call("list_connectors"):
        raise ValueError("broken")
    assert calls(metrics) == {'videovector_tool_calls_total{outcome="failed",tool="list_connectors"}': 1}


@pytest.mark.parametrize("sent", ["drop_connectors", 'x"} 1\nevil', None, 7, ["list_connectors"], {}])
def test_no_label_holds_what_a_caller_sent(sent: object) -> None:
    metrics = Metrics(["list_connectors"])
    with metrics.call(sent) as record:
        record.outcome = "refused"
    assert calls(metrics) == {'videovector_tool_calls_total{outcome="refused",tool="unknown"}': 1}


def test_answers_of_the_api_are_counted_by_status_and_missing_ones_too() -> None:
    metrics = Metrics([])
    for status in (200, 200, 503, 0):
        metrics.api_answered(status)
    told = figures(metrics)
    assert [told[f'videovector_api_answers_total{{status="{status}"}}'] for status in ("200", "503", "none")] == [
        2,
        1,
        1,
    ]


def test_a_process_tells_what_it_needs_itself() -> None:
    text, media_type = Metrics([]).exposition()
    assert media_type.startswith("text/plain; version=")
    assert b"process_resident_memory_bytes" in text or not Path("/proc").exists()


async def here(_: Request) -> Response:
    return PlainTextResponse("here")


@pytest.mark.anyio
async def test_answers_are_counted_by_the_class_of_their_status() -> None:
    metrics = Metrics([])
    app = CountedAnswers(Starlette(routes=[Route("/here", here)]), metrics)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http:
        for path in ("/here", "/here", "/there"):
            await http.get(path)
    await checkpoint()
    told = figures(metrics)
    assert told['videovector_http_requests_total{status="2xx"}'] == 2
    assert told['videovector_http_requests_total{status="4xx"}'] == 1


def test_what_is_shared_is_there_for_the_processes_that_start_meanwhile() -> None:
    with shared_folder():
        folder = Path(os.environ[SHARED])
        assert folder.stat().st_mode & 0o777 == 0o700
        text, _ = Metrics([]).exposition()
        assert text == b""
    assert SHARED not in os.environ
    assert not folder.exists()


def test_without_a_memory_of_the_system_it_is_where_temporary_files_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(metrics, "SHARED_MEMORY", tmp_path / "none")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with shared_folder():
        assert Path(os.environ[SHARED]).parent == tmp_path


def test_of_a_process_that_died_only_what_runs_is_forgotten() -> None:
    with shared_folder():
        folder = Path(os.environ[SHARED])
        kept = [folder / name for name in ("counter_7.db", "histogram_7.db", "gauge_livesum_77.db")]
        for file in (*kept, folder / "gauge_livesum_7.db"):
            file.touch()
        forget_process(7)
        forget_process(7)
        assert set(folder.iterdir()) == set(kept)
        abandon_folder()
        assert not folder.exists()


def test_a_process_that_shares_nothing_forgets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gauge_livesum_7.db").touch()
    forget_process(7)
    abandon_folder()
    assert (tmp_path / "gauge_livesum_7.db").exists()
