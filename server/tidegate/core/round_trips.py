"""What an engine outside of the process is asked, as monitoring reads it: how long answers take, and what fails.

Plain numbers, raised where things happen. Pure: it is told every duration.
Invariant: there are at most `MOST_KINDS` kinds of errors and `other`, whatever a server says.
"""

from __future__ import annotations

from tidegate.core.histogram import Histogram

MOST_KINDS = 50
LOST = "lost"
"""The kind of a question whose answer was lost with its connection."""
BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Seconds: a server on the same machine answers within the first buckets."""


class RoundTrips:
    """Of one gateway to one engine. `engine`: its kind, such as `redis`."""

    __slots__ = ("connections", "engine", "errors", "observe", "seconds")

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self.seconds = Histogram(BOUNDS)
        """From a question until its answer, whatever it is."""
        self.observe = self.seconds.observe
        self.errors: dict[str, int] = {}
        """By kind, as the server names it."""
        self.connections = 0
        """How often the gateway has connected."""

    @property
    def reconnects(self) -> int:
        """How often it has connected again."""
        return max(0, self.connections - 1)

    def failed(self, kind: str, times: int = 1) -> None:
        """The answer is an error, or there is none."""
        if kind not in self.errors and len(self.errors) >= MOST_KINDS:
            kind = "other"
        self.errors[kind] = self.errors.get(kind, 0) + times
