"""Begins to send spans of requests, where the settings ask for it. OpenTelemetry is imported here and nowhere else.

Invariant: without the setting `otel_endpoint` nothing is imported, started or sent.
"""

from __future__ import annotations

import logging

from tidegate.contract import Contract
from tidegate.gateway.tracing.spans import Spans
from tidegate.telemetry import collectors
from tidegate.telemetry.queue import SpanQueue

log = logging.getLogger("tidegate.telemetry")


def opened(endpoint: str | None, ratio: float, contract: Contract) -> Spans | None:
    """Which requests have spans; None where none are wanted. `ratio`: the share of requests."""
    if endpoint is None:
        return None
    from tidegate.telemetry.otlp import Exporter  # noqa: PLC0415  # the extra, and tens of milliseconds

    exporter = Exporter(collectors.url_of(endpoint))
    if exporter.disabled:
        exporter.stop()
        log.warning("otel_endpoint is set, and OTEL_SDK_DISABLED too: no spans are sent")
        return None
    return Spans(contract, SpanQueue(exporter.send, exporter.stop), ratio)
