"""How tests call the API of an open service in process, and read its errors."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from mcp_server.embedded.app import create_app
from mcp_server.embedded.service import Service
from mcp_server.embedded.tables import LOCAL_TENANT
from mcp_server.origins import Origins
from tests.embedded.bodies import Json, s3_body

LOCAL = "http://localhost/api/v2"


@asynccontextmanager
async def calling(
    service: Service, *, authenticate: bool = False, base_url: str = LOCAL, origins: Origins | None = None
) -> AsyncGenerator[httpx.AsyncClient]:
    """A client whose requests the API answers without a socket."""
    transport = httpx.ASGITransport(create_app(service, authenticate=authenticate, origins=origins))
    async with httpx.AsyncClient(transport=transport, base_url=base_url) as client:
        yield client


async def headers_of(service: Service, *scopes: str, tenant: str = LOCAL_TENANT) -> dict[str, str]:
    """Those of whoever holds a new key of the tenant, with every scope by default."""
    key = await service.api_keys.create(f"key-{secrets.token_hex(4)}", scopes or ("admin",), tenant)
    return {"X-API-Key": key}


def error_of(answer: httpx.Response, status: int, code: str) -> Json:
    """The error of an answer, after what all errors have was checked."""
    envelope: Json = answer.json()
    error: Json = envelope["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert list(envelope) == ["error"]
    assert error["request_id"] == answer.headers["X-Request-ID"]
    assert error["message"]
    return error


async def created(api: httpx.AsyncClient, **changes: Any) -> Json:
    """A new S3 connector."""
    answer = await api.post("/connectors/s3", json=s3_body(**changes))
    assert answer.status_code == 201, answer.text
    connector: Json = answer.json()
    return connector
