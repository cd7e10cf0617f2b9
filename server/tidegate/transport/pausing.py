"""Why nothing is read from a client for a time, and who is told when data may arrive again. It decides nothing."""

from __future__ import annotations

from typing import Protocol

BY_APPLICATION, BY_RATE, BY_BACKLOG, BY_TURN, BY_ADMISSION = 1, 2, 4, 8, 16
"""Why nothing is read from a client."""


class Reader(Protocol):
    """The part of a connection that reads."""

    def reading_resumed(self, reason: int) -> None:
        """Data may arrive again, and what has arrived may be handled. `reason`: that of the pause."""


class EndedReader:
    """The reader of a connection that has ended: it reads nothing."""

    def reading_resumed(self, reason: int) -> None:
        """Nothing is read any more."""


ENDED_READER = EndedReader()
