"""What the benchmarks over HTTP share: the processes, and wrk, which drives them. Nothing is measured here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.emulators.processes import free_port, running

SCRIPT = """\
wrk.method = "POST"
wrk.body = [[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_connectors","arguments":{},"_meta":{
"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}]]
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept"] = "application/json, text/event-stream"
wrk.headers["MCP-Protocol-Version"] = "2026-07-28"
wrk.headers["Mcp-Method"] = "tools/call"
wrk.headers["Mcp-Name"] = "list_connectors"
local bad = 0
function response(status, headers, body)
  if status ~= 200 or not body:find("conn_000000000000000000000009", 1, true) then bad = bad + 1 end
  if bad > 0 then wrk.thread:stop() end
end
"""
UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True)
class Load:
    """What wrk saw: requests a second, and milliseconds within which 99 of 100 were answered."""

    rate: float
    p99: float
    requests: int


def driven(url: str, connections: int, seconds: int) -> Load:
    """Load on a server's /mcp. Raises RuntimeError when an answer was wrong or a connection failed."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise RuntimeError("wrk is not installed; on Debian: apt-get install wrk")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "call.lua")
        script.write_text(SCRIPT, encoding="utf-8")
        said = subprocess.run(
            [
                wrk,
                "-t1",
                f"-c{connections}",
                f"-d{seconds}s",
                "--timeout",
                "30s",
                "--latency",
                "-s",
                script,
                f"{url}/mcp",
            ],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(said)
    number, unit = re.findall(r"99%\s+([\d.]+)(us|ms|s)\b", said)[0]
    return Load(
        float(re.findall(r"Requests/sec:\s+([\d.]+)", said)[0]),
        float(number) * UNITS[unit],
        int(re.findall(r"(\d+) requests in", said)[0]),
    )


@contextmanager
def stub_api() -> Generator[str]:
    """The API that both servers ask."""
    port = free_port()
    with running([sys.executable, "-m", "tests.bench.stub_api", str(port)], port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def ours(api: str, workers: int) -> Generator[str]:
    """This server, without a limit on its one caller's rate."""
    port = free_port()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        settings = {
            "VIDEOVECTOR_BASE_URL": api,
            "VIDEOVECTOR_API_KEY": "bench-" + os.urandom(8).hex(),
            "VIDEOVECTOR_DATA_DIR": folder,
        }
        command = [sys.executable, "-m", "mcp_server", "--transport", "http", "--port", str(port)]
        stack.enter_context(running([*command, "--workers", str(workers)], port, settings))
        yield f"http://127.0.0.1:{port}"


@contextmanager
def bare(api: str, workers: int) -> Generator[str]:
    """The reference."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.bare_http_server", api, str(port), str(workers)]
    with running(command, port):
        yield f"http://127.0.0.1:{port}"
