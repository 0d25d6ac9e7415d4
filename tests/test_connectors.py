"""`client.connectors`: the nine typed methods, each held to the request that it makes."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mcp_server import wire
from mcp_server.client import VideoVector
from mcp_server.connectors import Connectors
from mcp_server.errors import InvalidArguments
from mcp_server.operation import AnswerT, Operation, RequestT
from mcp_server.redaction import Secret, reveal
from mcp_server.resources import CloudFile, Connector, Deletion, FilePage, TestResult
from tests.materials import ANSWERS, AWS_SECRET, AZURE_SECRET, ROWS, UUID, Json, arguments, made, pem, service_account

pytestmark = pytest.mark.anyio

Call = Callable[[Connectors], Awaitable[Any]]


class Recorder:
    """Answers each operation as the API would, and keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Json]] = []
        self.requests: list[Any] = []

    async def ask(self, operation: Operation[RequestT, AnswerT], request: RequestT) -> AnswerT:
        self.asked.append((operation.name, reveal(request)))
        self.requests.append(request)
        answer: AnswerT = wire.decode_answer(operation, 200, _json(ANSWERS[operation.name]))
        return answer


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _expected(name: str, /, **changes: Any) -> Json:
    return reveal(wire.parse(ROWS[name], arguments(name, **changes)))


async def _made(call: Call) -> tuple[str, Json, Any]:
    recorder = Recorder()
    answer = await call(Connectors(recorder.ask))
    ((name, request),) = recorder.asked
    return name, request, answer


GCS: Json = {"name": "Archive", "bucket": "media-archive", "gcp_project_id": "media-project"}
S3: Json = {"name": "Archive", "bucket": "media-archive", "region": "us-east-1", "aws_access_key_id": "access-key-id"}
AZURE: Json = {
    "name": "Archive",
    "storage_account": "mediaarchive",
    "container": "incoming",
    "tenant_id": UUID,
    "client_id": UUID,
}
COMMON: Json = {
    "scopes": ("export", "import"),
    "export_base_path": "exports/review",
    "import_mode": "new_only",
    "idempotency_key": "mine",
}
COMMON_ARGUMENTS: Json = {**COMMON, "scopes": ["export", "import"]}

CALLS: list[tuple[str, Json, type, Call]] = [
    (
        "create_gcs_connector",
        {},
        Connector,
        lambda it: it.create_gcs(**GCS, credentials_json=service_account()),
    ),
    (
        "create_gcs_connector",
        COMMON_ARGUMENTS,
        Connector,
        lambda it: it.create_gcs(**GCS, **COMMON, credentials_json=_json(service_account())),
    ),
    ("create_s3_connector", {}, Connector, lambda it: it.create_s3(**S3, aws_secret_access_key=AWS_SECRET)),
    (
        "create_s3_connector",
        COMMON_ARGUMENTS,
        Connector,
        lambda it: it.create_s3(**S3, **COMMON, aws_secret_access_key=Secret(AWS_SECRET)),
    ),
    ("create_azure_connector", {}, Connector, lambda it: it.create_azure(**AZURE, client_secret=AZURE_SECRET)),
    (
        "create_azure_connector",
        COMMON_ARGUMENTS,
        Connector,
        lambda it: it.create_azure(**AZURE, **COMMON, client_secret=Secret(AZURE_SECRET)),
    ),
    ("list_connectors", {}, list, lambda it: it.list()),
    ("get_connector", {}, Connector, lambda it: it.retrieve("conn_123")),
    ("update_connector", {}, Connector, lambda it: it.update("conn_123", name="Renamed")),
    (
        "update_connector",
        {"name": ..., "scopes": ["export"], "export_base_path": "a", "import_mode": "all"},
        Connector,
        lambda it: it.update("conn_123", scopes=["export"], export_base_path="a", import_mode="all"),
    ),
    (
        "update_connector",
        {"name": ..., "clear_export_base_path": True},
        Connector,
        lambda it: it.update("conn_123", clear_export_base_path=True),
    ),
    (
        "update_connector",
        {"name": ..., "aws_access_key_id": "access-key-id", "aws_secret_access_key": AWS_SECRET},
        Connector,
        lambda it: it.update("conn_123", aws_access_key_id="access-key-id", aws_secret_access_key=Secret(AWS_SECRET)),
    ),
    (
        "update_connector",
        {"name": ..., "tenant_id": UUID, "client_id": UUID, "client_secret": AZURE_SECRET},
        Connector,
        lambda it: it.update("conn_123", tenant_id=UUID, client_id=UUID, client_secret=AZURE_SECRET),
    ),
    (
        "update_connector",
        {"name": ..., "credentials_json": service_account()},
        Connector,
        lambda it: it.update("conn_123", credentials_json=service_account()),
    ),
    ("test_connector", {}, TestResult, lambda it: it.test("conn_123")),
    ("test_connector", {"idempotency_key": "mine"}, TestResult, lambda it: it.test("conn_123", idempotency_key="mine")),
    (
        "browse_connector_files",
        {"prefix": "in/", "pattern": "*.mp4", "recursive": False, "limit": 100},
        FilePage,
        lambda it: it.browse("conn_123", prefix="in/", pattern="*.mp4", recursive=False, limit=100),
    ),
    (
        "browse_connector_files",
        {"limit": 7, "cursor": "abc", "sort": "size"},
        FilePage,
        lambda it: it.browse("conn_123", limit=7, cursor="abc", sort="size"),
    ),
    ("delete_connector", {}, Deletion, lambda it: it.delete("conn_123")),
]


@pytest.mark.parametrize(("name", "changes", "answer_type", "call"), CALLS)
async def test_a_method_makes_the_request_of_its_operation(
    name: str, changes: Json, answer_type: type, call: Call
) -> None:
    asked, request, answer = await _made(call)
    assert (asked, request) == (name, _expected(name, **changes))
    assert isinstance(answer, answer_type)


WHOLE: tuple[tuple[Json, Call], ...] = (
    ({"pattern": "*", "prefix": "", "recursive": True}, lambda it: it.browse("conn_123")),
    (
        {"pattern": "*.mp4", "prefix": "in/", "recursive": False},
        lambda it: it.browse("conn_123", prefix="in/", pattern="*.mp4", recursive=False),
    ),
)


@pytest.mark.parametrize(("expected", "call"), WHOLE)
async def test_browsing_without_a_limit_asks_for_no_page(expected: Json, call: Call) -> None:
    asked, request, answer = await _made(call)
    assert (asked, request) == ("browse_connector_files", {"connector_id": "conn_123", **expected})
    assert isinstance(answer, list)


async def test_browsing_gives_files_and_listing_gives_connectors() -> None:
    recorder = Recorder()
    it = Connectors(recorder.ask)
    assert all(isinstance(file, CloudFile) for file in await it.browse("conn_123"))
    assert all(isinstance(connector, Connector) for connector in await it.list())


BAD = made("wrong argument")


def _changed(base: Json, **changes: object) -> Json:
    return {**base, **changes}


WRONG: list[Call] = [
    lambda it: it.create_s3(**_changed(S3, region=BAD), aws_secret_access_key=AWS_SECRET),
    lambda it: it.create_azure(**_changed(AZURE, tenant_id=BAD), client_secret=AZURE_SECRET),
    lambda it: it.create_gcs(**GCS, credentials_json={"private_key": BAD}),
    lambda it: it.create_gcs(**GCS, credentials_json=BAD),
    lambda it: it.retrieve(f"../{BAD}"),
    lambda it: it.test(""),
    lambda it: it.delete(".."),
    lambda it: it.update("conn_123"),
    lambda it: it.update("conn_123", clear_export_base_path=False),
    lambda it: it.update("conn_123", scopes=[]),
    lambda it: it.update("conn_123", scopes=()),
    lambda it: it.update("conn_123", client_secret=BAD),
    lambda it: it.update("conn_123", export_base_path=BAD, clear_export_base_path=True),
    lambda it: it.browse("conn_123", pattern=BAD * 100),
]


@pytest.mark.parametrize("call", WRONG, ids=range(len(WRONG)))
async def test_wrong_arguments_are_refused_before_anything_is_sent(call: Call) -> None:
    recorder = Recorder()
    with pytest.raises(InvalidArguments) as caught:
        await call(Connectors(recorder.ask))
    assert recorder.asked == []
    assert BAD not in f"{caught.value} {caught.value!r}"


async def test_secrets_are_marked_in_the_request_that_is_passed_on() -> None:
    recorder = Recorder()
    it = Connectors(recorder.ask)
    await it.create_s3(**S3, aws_secret_access_key=AWS_SECRET)
    await it.create_gcs(**GCS, credentials_json=service_account())
    shown = repr(recorder.requests)
    assert AWS_SECRET[:12] not in shown
    assert pem().split("\n")[1] not in shown


async def test_a_client_has_them() -> None:
    async with VideoVector() as client:
        assert isinstance(client.connectors, Connectors)


def test_the_methods_have_the_names_of_the_vendors_sdk_and_a_docstring() -> None:
    methods = {name: method for name, method in vars(Connectors).items() if not name.startswith("_")}
    assert set(methods) == {
        *("create_gcs", "create_s3", "create_azure", "list", "retrieve", "update", "test", "browse", "delete"),
    }
    assert all(inspect.iscoroutinefunction(method) and method.__doc__ for method in methods.values())
