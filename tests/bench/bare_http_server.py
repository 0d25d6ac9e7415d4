"""The bare server over HTTP. Run as a module with the API's URL, a port and the number of processes."""

from __future__ import annotations

import os
import sys

import uvicorn
from starlette.applications import Starlette

from tests.bench.bare_server import API, bare_server


def create_app() -> Starlette:
    """Streamable HTTP without sessions, as the SDK makes it."""
    return bare_server().streamable_http_app(stateless_http=True)


if __name__ == "__main__":
    os.environ[API] = sys.argv[1]
    uvicorn.run(
        "tests.bench.bare_http_server:create_app",
        factory=True,
        port=int(sys.argv[2]),
        workers=int(sys.argv[3]),
        log_level="critical",
        access_log=False,
    )
