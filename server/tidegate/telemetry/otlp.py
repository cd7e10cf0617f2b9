"""Spans as OpenTelemetry has them, sent with its own exporter: OTLP over HTTP, in protobuf.

It runs in the thread of `queue`, so that nothing of OpenTelemetry runs on the event loop. The exporter reads headers,
certificates, its timeout and compression from the environment (OTEL_EXPORTER_OTLP_*), and the names of the service
and of its resource (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES). What it logs is the reason of a failure here.
Invariant: a span gets the attributes that this module names, and no others.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from tidegate.gateway.tracing.parents import Parent
from tidegate.gateway.tracing.spans import Span

EXPORTER = "opentelemetry.exporter.otlp"
FAULTS = frozenset({"internal", "unavailable", "timeout"})
"""Errors that are no matter of the client: as OpenTelemetry wants it, spans of servers have the status `error` for
these alone."""
LONGEST = 200


class Exporter:
    """Sends to one collector. `url`: with the path for spans."""

    def __init__(self, url: str) -> None:
        self._reason = _Reason()
        self._exporter = OTLPSpanExporter(endpoint=url)
        self._ended = _Ended()
        # The gateway has decided already which requests have a span.
        self._provider = TracerProvider(sampler=ALWAYS_ON, resource=_resource(), shutdown_on_exit=False)
        self._provider.add_span_processor(self._ended)
        self._tracer = self._provider.get_tracer("tidegate")

    @property
    def disabled(self) -> bool:
        """Whether OTEL_SDK_DISABLED is set."""
        return isinstance(self._tracer, trace.NoOpTracer)

    def send(self, spans: Sequence[Span]) -> str | None:
        """Why they were not taken; None where they were."""
        for span in spans:
            self._made(span)
        ended, self._ended.spans = self._ended.spans, []
        self._reason.text = ""
        if self._exporter.export(ended) is SpanExportResult.SUCCESS:
            return None
        return self._reason.text[:LONGEST] or "it did not say why"

    def stop(self) -> None:
        """End what is under way."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # of OpenTelemetry
        self._reason.end()

    def _made(self, span: Span) -> None:
        about = {
            "tidegate.type": span.type,
            "tidegate.transport": span.transport,
            "tidegate.resource": span.resource,
            "tidegate.room": span.room,
            "http.request.method": span.method,
            "error.type": span.error,
        }
        name = f"{span.type} {span.resource or span.room}".strip() or "refused message"
        made = self._tracer.start_span(
            name,
            context=None if span.parent is None else _context(span.parent),
            kind=trace.SpanKind.SERVER,
            attributes={key: value for key, value in about.items() if value},
            start_time=span.began,
        )
        if span.error in FAULTS:
            made.set_status(trace.StatusCode.ERROR)
        made.end(span.ended)


class _Ended(SpanProcessor):
    """Gathers the spans of a batch."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


class _Reason(logging.Handler):
    """Keeps what the exporter logs, which would repeat with each batch, away from the log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text = ""
        self._logger = logging.getLogger(EXPORTER)
        self._logger.addHandler(self)
        self._logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        self.text = record.getMessage()

    def end(self) -> None:
        self._logger.removeHandler(self)
        self._logger.propagate = True


def _context(parent: Parent) -> Context:
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if parent.sampled else trace.TraceFlags.DEFAULT)
    about = trace.SpanContext(parent.trace, parent.span, is_remote=True, trace_flags=flags)
    return trace.set_span_in_context(trace.NonRecordingSpan(about))


def _resource() -> Resource:
    known = Resource({"process.pid": os.getpid()}).merge(Resource.create())
    if str(known.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
        return known.merge(Resource({SERVICE_NAME: "tidegate"}))
    return known
