"""The embedded Connectors API as an ASGI application: each row of the table joined to the service method of its name.

What an operation does is the service's; how messages are spelled is the wire's; errors end at the border.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, Router

from mcp_server import __version__, wire
from mcp_server import operations as op
from mcp_server.embedded import openapi
from mcp_server.embedded.bodies import BoundedBodies, read_fields
from mcp_server.embedded.border import Guarded, KnownOrigins, RequestIds, answer_error, guard
from mcp_server.embedded.calls import Call, api_key_in, in_process, require_scope
from mcp_server.embedded.service import Service
from mcp_server.embedded.streams import begun
from mcp_server.embedded.tenancy import ApiKeys
from mcp_server.fields import ALL_CREDENTIAL_FIELDS
from mcp_server.file_operations import BROWSE_ALL_FILES, BROWSE_CONNECTOR_FILES, BrowseAllFiles
from mcp_server.file_pages import Columns
from mcp_server.operation import AnswerT, Operation, RequestT
from mcp_server.origins import Origins
from mcp_server.redaction import Secret, secrets_of

PREFIX = "/api/v2"

_CREDENTIALS = frozenset({*ALL_CREDENTIAL_FIELDS, *op.CREATE_GCS_CONNECTOR.wire_names.values()})

Identify = Callable[[Request], Awaitable[Call]]


@dataclass(frozen=True)
class Served:
    """An operation and what answers it."""

    operation: Operation[Any, Any]
    answer: Callable[[Call, Request], Awaitable[Response]]


async def _decoded(operation: Operation[RequestT, AnswerT], http: Request) -> RequestT:
    fields = await read_fields(http, operation.body)
    guard(http, _credentials_in(fields))
    key = http.headers.get(wire.IDEMPOTENCY_HEADER)
    request = wire.decode_request(operation, http.path_params, fields, key, http.query_params)
    guard(http, secrets_of(request))
    return request


def serve(operation: Operation[RequestT, AnswerT], act: Callable[[Call, RequestT], Awaitable[AnswerT]]) -> Served:
    """The operation as an HTTP exchange around the service method that does it."""

    async def answer(call: Call, http: Request) -> Response:
        request = await _decoded(operation, http)
        content, headers = wire.encode_answer(operation, await act(call, request))
        if call.replayed:
            headers[wire.REPLAYED_HEADER] = "true"
        return Response(content, operation.status, headers, media_type="application/json")

    return Served(operation, answer)


def _streaming(act: Callable[[Call, BrowseAllFiles], Awaitable[AsyncGenerator[Columns]]]) -> Served:
    """All files as one array, which is sent while they are listed."""

    async def answer(call: Call, http: Request) -> Response:
        listing = await act(call, await _decoded(BROWSE_ALL_FILES, http))
        return StreamingResponse(await begun(listing), media_type="application/json")

    return Served(BROWSE_ALL_FILES, answer)


def _paged_or(paged: Served, whole: Served) -> Served:
    """What answers a request with a query that says something of a page, else what answers any other."""

    async def answer(call: Call, http: Request) -> Response:
        asks_for_page = any(name in http.query_params for name in paged.operation.query)
        return await (paged if asks_for_page else whole).answer(call, http)

    return Served(paged.operation, answer)


def _credentials_in(fields: Mapping[str, Any]) -> Iterator[str]:
    """Whatever stands where credentials should, before it is known to be right; a text shorter than these is none."""
    for name in _CREDENTIALS & fields.keys():
        value = fields[name]
        texts = cast("dict[str, object]", value).values() if isinstance(value, dict) else [value]
        yield from (text for text in texts if isinstance(text, str) and len(text) >= Secret.MIN_LENGTH)


def create_app(service: Service, *, authenticate: bool, origins: Origins | None = None) -> Starlette:
    """The API on an open service, which whoever opened it closes: the app has no lifespan of its own.

    With `authenticate` it asks for an API key and answers under its own names only (`origins`; by default those of
    loopback); without, every call is the local tenant's, which is right for in-process calls and for nothing else.
    """
    identify = _by_key(service.api_keys) if authenticate else _trusted
    documents = _documents(service)
    versioned = [
        *_operation_routes(_joined(service), identify),
        Route("/auth/validate", _validation(identify)),
        *documents,
    ]
    app = Starlette(
        routes=[Mount(PREFIX, Router(versioned, redirect_slashes=False)), *documents],
        middleware=_middleware((origins or Origins()) if authenticate else None),
        exception_handlers={HTTPException: answer_error},
    )
    app.router.redirect_slashes = False
    return app


def _joined(service: Service) -> tuple[Served, ...]:
    return (
        serve(op.CREATE_GCS_CONNECTOR, service.create_gcs_connector),
        serve(op.CREATE_S3_CONNECTOR, service.create_s3_connector),
        serve(op.CREATE_AZURE_CONNECTOR, service.create_azure_connector),
        serve(op.LIST_CONNECTORS, service.list_connectors),
        serve(op.GET_CONNECTOR, service.get_connector),
        serve(op.UPDATE_CONNECTOR, service.update_connector),
        serve(op.TEST_CONNECTOR, service.test_connector),
        _paged_or(serve(BROWSE_CONNECTOR_FILES, service.browse_connector_files), _streaming(service.browse_all_files)),
        serve(op.DELETE_CONNECTOR, service.delete_connector),
    )


def _middleware(origins: Origins | None) -> list[Middleware]:
    """Outermost first. The border is inside of ids and guards, which its answers and logs need, and around the rest."""
    border = Middleware(ExceptionMiddleware, handlers={Exception: answer_error, HTTPException: answer_error})
    guards = [Middleware(KnownOrigins, origins=origins)] if origins else []
    return [Middleware(RequestIds), Middleware(Guarded), border, *guards, Middleware(BoundedBodies)]


def _by_key(api_keys: ApiKeys) -> Identify:
    async def identify(http: Request) -> Call:
        return await api_keys.call_of(api_key_in(http.headers))

    return identify


async def _trusted(_: Request) -> Call:
    return in_process()


def _operation_routes(joined: Iterable[Served], identify: Identify) -> Iterator[Route]:
    """One route a path, so that a wrong method hears of all right ones; fixed paths before those with a field."""
    by_path: dict[str, dict[str, Served]] = {}
    for served in joined:
        by_path.setdefault(served.operation.path, {})[served.operation.method] = served
    for path in sorted(by_path, key=lambda path: "{" in path):
        yield Route(path, _dispatch(by_path[path], identify), methods=[*by_path[path]])


def _dispatch(by_method: dict[str, Served], identify: Identify) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(http: Request) -> Response:
        served = by_method["GET" if http.method == "HEAD" else http.method]
        call = await identify(http)
        require_scope(call, served.operation)
        return await served.answer(call, http)

    return endpoint


def _validation(identify: Identify) -> Callable[[Request], Awaitable[Response]]:
    async def validate(http: Request) -> Response:
        return JSONResponse({"valid": True, "scopes": (await identify(http)).scopes})

    return validate


def _documents(service: Service) -> list[Route]:
    return [Route("/openapi.json", _openapi), Route("/health", _health), Route("/ready", _readiness(service))]


async def _openapi(_: Request) -> Response:
    return Response(openapi.document(), media_type="application/json")


async def _health(_: Request) -> Response:
    return JSONResponse({"status": "ok", "version": __version__})


def _readiness(service: Service) -> Callable[[Request], Awaitable[Response]]:
    async def ready(_: Request) -> Response:
        await service.check()
        return JSONResponse({"status": "ready"})

    return ready
