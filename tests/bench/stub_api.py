"""A Connectors API that answers `GET /connectors` with a fixed list, as fast as it can. Run as a module with a port."""

from __future__ import annotations

import json
import sys
from typing import Any

import uvicorn

CONNECTOR = {
    "connector_id": "conn_0123456789abcdef01234567",
    "name": "Archive S3",
    "provider": "s3",
    "status": "active",
    "scopes": ["import", "export"],
    "import_mode": "all",
    "export_base_path": "exports/review",
    "bucket": "media-archive",
    "region": "us-east-1",
    "created_at": "2026-04-01T09:00:00Z",
    "updated_at": "2026-04-01T09:00:00Z",
    "last_tested_at": "2026-04-01T09:00:02Z",
    "last_test_result": "success",
}
BODY = json.dumps([{**CONNECTOR, "connector_id": f"conn_{number:024x}"} for number in range(10)]).encode()
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The same answer to everything."""
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="critical", access_log=False, lifespan="off")
