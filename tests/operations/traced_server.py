"""The server's process with OpenTelemetry's SDK: every span goes as JSON to the file TRACES. Run as a module."""

from __future__ import annotations

import os
from pathlib import Path

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

from mcp_server.__main__ import main

if __name__ == "__main__":
    with Path(os.environ["TRACES"]).open("w", encoding="utf-8", buffering=1) as spans:
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=spans)))
        trace.set_tracer_provider(provider)
        main()
