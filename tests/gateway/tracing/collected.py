"""An export that keeps spans in the test."""

from __future__ import annotations

from tidegate.gateway.tracing.spans import Span


class Collected:
    """Implements `gateway.tracing.spans.Export`."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def put(self, span: Span) -> None:
        self.spans.append(span)

    def close(self) -> None:
        pass

    @property
    def counts(self) -> dict[str, int]:
        return {"exported": len(self.spans), "failed": 0, "dropped": 0}
