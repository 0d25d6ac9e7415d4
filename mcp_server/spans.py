"""Spans as the operator's collector gets them, with the optional group for it: named by what this server knows only.

The MCP SDK names them after whatever a caller calls, which may be no tool and no method.
"""

from __future__ import annotations

from mcp_types.methods import SPEC_CLIENT_METHODS, SPEC_CLIENT_NOTIFICATION_METHODS
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from mcp_server import __version__
from mcp_server.operations import OPERATION_BY_NAME
from mcp_server.prompts import PROMPT_NAMES
from mcp_server.settings import APPLICATION, variable

UNKNOWN = "unknown"
LONGEST_ATTRIBUTE = 64
EXPORT_SECONDS = 4.0
"""Unless the operator says otherwise; so long may the end of a process take when the collector does not answer."""

_TIMEOUTS = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
_KNOWN = {
    "mcp.method.name": SPEC_CLIENT_METHODS | SPEC_CLIENT_NOTIFICATION_METHODS,
    "gen_ai.tool.name": frozenset(OPERATION_BY_NAME),
    "gen_ai.prompt.name": PROMPT_NAMES,
}


class KnownNames(SpanProcessor):
    """Replaces the names that a caller made up."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Before the span is anywhere else."""
        given = {name: span.attributes[name] for name in _KNOWN if span.attributes and name in span.attributes}
        named = {name: text if text in _KNOWN[name] else UNKNOWN for name, text in given.items()}
        if named != given:
            span.set_attributes(named)
            span.update_name(" ".join(map(str, named.values())))


def new_provider() -> TracerProvider:
    """One that exports over OTLP, as OpenTelemetry's own variables say; what is left at the end of the process too."""
    about = {"service.version": __version__, **({} if variable("OTEL_SERVICE_NAME") else {"service.name": APPLICATION})}
    limits = SpanLimits(max_span_attribute_length=LONGEST_ATTRIBUTE)
    provider = TracerProvider(resource=Resource.create(about), span_limits=limits)
    provider.add_span_processor(KnownNames())
    seconds = None if any(variable(name) for name in _TIMEOUTS) else EXPORT_SECONDS
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=seconds)))
    return provider
