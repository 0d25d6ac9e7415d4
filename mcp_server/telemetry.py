"""OpenTelemetry: the spans of the MCP SDK go to the operator's collector when an endpoint is set for them.

The SDK's spans name method, tool and error code, and hold no argument and no answer.
"""

from __future__ import annotations

from mcp_server.errors import ConfigurationError
from mcp_server.settings import variable

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def export_traces() -> None:
    """Sends spans over OTLP when one of OpenTelemetry's variables names an endpoint; its other variables count too.

    A provider that was installed before stays. Raises ConfigurationError when the optional group is not installed.
    """
    if not any(variable(name) for name in ENDPOINTS):
        return
    try:
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider

        from mcp_server.spans import new_provider
    except ImportError:
        raise ConfigurationError(
            f"{ENDPOINTS[1]} is set, and the optional group for it is not installed.",
            hint="Run: pip install 'videovector-connectors[telemetry]'",
        ) from None
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        trace.set_tracer_provider(new_provider())
