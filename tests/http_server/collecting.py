"""A stand-in for an OpenTelemetry collector, and a Connectors API that does as it is told. No test lives here."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

from tests.emulators.http_server import Asked, Reply, serving

Attributes = dict[str, str]


@dataclass
class Collector:
    """What was sent to it."""

    url: str
    asked: list[Asked]

    def bodies(self) -> list[bytes]:
        compressed = (each.headers.get("Content-Encoding") == "gzip" for each in self.asked)
        return [
            gzip.decompress(each.body) if zipped else each.body
            for each, zipped in zip(self.asked, compressed, strict=True)
        ]

    def resources(self) -> list[ResourceSpans]:
        return [each for body in self.bodies() for each in ExportTraceServiceRequest.FromString(body).resource_spans]

    def spans(self) -> list[Span]:
        """All spans, of all processes."""
        return [span for each in self.resources() for scope in each.scope_spans for span in scope.spans]

    def services(self) -> set[str]:
        found = (attribute for each in self.resources() for attribute in each.resource.attributes)
        return {attribute.value.string_value for attribute in found if attribute.key == "service.name"}


@contextmanager
def collecting() -> Generator[Collector]:
    """A collector of spans that takes everything."""
    with serving(lambda _: Reply(200)) as served:
        yield Collector(served.url, served.asked)


def attributes(span: Span) -> Attributes:
    return {attribute.key: attribute.value.string_value for attribute in span.attributes}


@dataclass
class StubApi:
    """A Connectors API without connectors, on which every key is good; it is slow or down when a test says so."""

    url: str = ""
    status: int = 200
    asked: list[Asked] = field(default_factory=list[Asked])
    may_answer: threading.Event = field(default_factory=threading.Event)
    waited_for: str = "nothing"

    def reply(self, asked: Asked) -> Reply:
        """Waits with what the test wants to wait for."""
        if asked.target.endswith(self.waited_for):
            self.may_answer.wait(timeout=60)
        known: object = {"valid": True, "scopes": ["admin"]} if asked.target.endswith("/auth/validate") else []
        return Reply(self.status, json.dumps(known).encode(), {"Content-Type": "application/json"})

    @contextmanager
    def waiting(self, target: str) -> Generator[None]:
        """Meanwhile requests for such a target get no answer, until `may_answer`."""
        self.may_answer.clear()
        self.waited_for = target
        try:
            yield
        finally:
            self.may_answer.set()
            self.waited_for = "nothing"

    def was_asked(self, target: str) -> int:
        """How often."""
        return sum(each.target.endswith(target) for each in self.asked)


@contextmanager
def stub_api() -> Generator[StubApi]:
    """The API on a free port."""
    api = StubApi()
    with serving(api.reply) as served:
        api.url, api.asked = served.url, served.asked
        try:
            yield api
        finally:
            api.may_answer.set()
