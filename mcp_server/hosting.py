"""What is served over HTTP, opened in the process that serves it: the MCP server, or the embedded Connectors API.

How the processes are started and ended is `http_server.processes`'s.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
from mcp.server.lowlevel import Server
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from mcp_server import bootstrap, transports
from mcp_server.authority import Authority
from mcp_server.client import VideoVector
from mcp_server.credentials.book import CredentialBook
from mcp_server.credentials.listener import open_desk
from mcp_server.http_server.api_keys import ApiKeys
from mcp_server.http_server.app import Wrap, create_app, sse_routes, streamable_routes
from mcp_server.http_server.bearer_tokens import BearerTokens
from mcp_server.http_server.border import Admission, BoundedBodies, Door
from mcp_server.http_server.call_meter import CallMeter
from mcp_server.http_server.callers import current_identity
from mcp_server.http_server.drain import Drain
from mcp_server.http_server.endpoints import HttpWithSse, StreamableHttp
from mcp_server.http_server.health import Readiness, health_routes
from mcp_server.http_server.listening import Listening
from mcp_server.http_server.metrics import CountedAnswers, Metrics
from mcp_server.http_server.modes import DEFAULT_PORT, Mode, check_sessions, endpoint_path, mode_of, resource_url
from mcp_server.http_server.processes import serve
from mcp_server.http_server.protected_resource import ProtectedResource
from mcp_server.http_server.rate_limits import RateLimits
from mcp_server.logs import log_to_stderr
from mcp_server.origins import Origins
from mcp_server.redaction import Secret, guarding, reveal_text
from mcp_server.settings import Settings
from mcp_server.telemetry import export_traces
from mcp_server.tls import tls_context
from mcp_server.tools import TOOL_BY_NAME, Backing

STATE_KEY_BYTES = 32
API_PORT = 8787
_ADMITTED: Mapping[Mode, str] = {
    "api-key": "for callers with an API key",
    "oauth": "for callers with a token of the issuer",
    "none": "for programs of this machine",
}


def state_keys(settings: Settings) -> tuple[bytes, ...]:
    """The keys that seal what a client is to send back: the operator's, which any host may have, else new ones."""
    return settings.sealing_keys or (secrets.token_bytes(STATE_KEY_BYTES),)


@asynccontextmanager
async def open_mcp(settings: Settings, keys: tuple[bytes, ...], drain: Drain) -> AsyncGenerator[ASGIApp]:
    """The MCP server as an HTTP application, with all that it stands on open.

    `keys` are the state keys of all processes that serve the same clients. Raises ConfigurationError.
    """
    log_to_stderr()
    export_traces()
    mode = mode_of(settings)
    check_sessions(settings)
    metrics = Metrics(TOOL_BY_NAME)
    async with AsyncExitStack() as stack:
        stack.enter_context(guarding(settings.secrets))
        client = await stack.enter_async_context(
            bootstrap.open_client(settings, for_callers=mode == "api-key", seen=metrics.api_answered)
        )
        desk = await stack.enter_async_context(open_desk()) if mode == "none" and settings.workers == 1 else None
        base = bootstrap.backing(settings, client.ask, desk, keys)
        drain.before(base.changes.end)
        server = transports.build_server(
            partial(_backing_now, _shared(base, settings, mode), client, mode),
            keys,
            sessions=settings.transport == "sse" or settings.stateful == "yes",
            streams=settings.workers == 1,
        )
        server.middleware.insert(-1, CallMeter(metrics, drain))  # within the span of the SDK's
        door = await _door(stack, settings, mode, client)
        routes: list[BaseRoute] = list(health_routes(Readiness(client.reachable), drain, metrics))
        routes += await _endpoints(stack, settings, server, _admission(door))
        routes += door.resource.routes() if door and door.resource else []
        yield CountedAnswers(create_app(routes, Origins.of(settings)), metrics)


def _shared(base: Backing, settings: Settings, mode: Mode) -> Backing:
    """What all callers stand on: those of other accounts use the operator's credentials only if that was said."""
    if mode != "api-key" or settings.credentials_file is not None:
        return base
    return replace(base, intake=replace(base.intake, book=CredentialBook(None)))


def _backing_now(base: Backing, client: VideoVector, mode: Mode) -> Backing:
    """What the tools stand on for the caller of the request that is being served."""
    if mode == "none":
        return base
    identity = current_identity()
    authority = base.authority.within(identity.scopes)
    if identity.api_key is None:
        return replace(base, authority=authority, caller=identity.caller)
    site = replace(
        base.site,
        ask=base.changes.told_by(client.acting_for(identity.api_key).ask, identity.caller),
        own_secrets={**base.site.own_secrets, reveal_text(identity.api_key): "api_key"},
    )
    return replace(base, site=site, authority=authority, account=identity.caller)


async def _validated(client: VideoVector, key: Secret) -> frozenset[str] | None:
    return await client.acting_for(key).key_scopes()


async def _door(stack: AsyncExitStack, settings: Settings, mode: Mode, client: VideoVector) -> Door | None:
    """How callers are let in; None: nobody is asked."""
    if mode == "none":
        return None
    rates = RateLimits(settings.rate_limit)
    if mode == "api-key" or settings.oauth_issuer is None:
        return Door(ApiKeys(partial(_validated, client)), rates)
    resource = resource_url(settings)
    http = await stack.enter_async_context(httpx.AsyncClient(verify=tls_context(settings, trust_env=True)))
    tokens = BearerTokens(settings.oauth_issuer, settings.oauth_audience or resource, http)
    return Door(tokens, rates, ProtectedResource(resource, settings.oauth_issuer, Authority.of(settings).needed_scopes))


def _admission(door: Door | None) -> Wrap:
    """What stands before an endpoint."""

    def wrapped(app: ASGIApp) -> ASGIApp:
        return Admission(BoundedBodies(app), door) if door else BoundedBodies(app)

    return wrapped


async def _endpoints(stack: AsyncExitStack, settings: Settings, server: Server[Any], wrap: Wrap) -> list[BaseRoute]:
    if settings.transport == "sse":
        return sse_routes(HttpWithSse(server), wrap)
    endpoint = StreamableHttp(server, stateful=settings.stateful == "yes")
    await stack.enter_async_context(endpoint.running())
    return streamable_routes(endpoint, settings.path, wrap)


@asynccontextmanager
async def open_connectors_api(settings: Settings, _: Drain) -> AsyncGenerator[ASGIApp]:
    """The embedded Connectors API, which asks for API keys. Raises ConfigurationError."""
    log_to_stderr()
    with guarding(settings.secrets):
        async with bootstrap.open_api(settings, authenticate=True) as app:
            yield app


def serve_mcp(settings: Settings, announce: Callable[[str], object]) -> None:
    """Serve the MCP server over HTTP until the process is told to end. Raises ConfigurationError."""
    mode = mode_of(settings)
    check_sessions(settings)
    Authority.of(settings)
    listening = Listening.of(settings, DEFAULT_PORT)

    def tell(url: str) -> None:
        announce(f"MCP server on {url}{endpoint_path(settings)} ({_ADMITTED[mode]})")

    serve(partial(open_mcp, settings, state_keys(settings)), listening, tell)


def serve_connectors_api(settings: Settings, announce: Callable[[str], object]) -> None:
    """Serve the embedded Connectors API until the process is told to end. Raises ConfigurationError."""

    def tell(url: str) -> None:
        announce(f"Connectors API on {url}/api/v2 (for keys that `api-key create` makes)")

    serve(partial(open_connectors_api, settings), Listening.of(settings, API_PORT), tell)
