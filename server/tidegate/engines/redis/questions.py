"""Questions whose answers may be large: few are under way at a time, and the others wait for their turn.

The server counts what it has not sent yet against the connection, and ends a connection for which too much waits. It
does not know what is asked. Invariant: at most UNDER_WAY answers are on their way, each of about ANSWER_BYTES.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from tidegate.engines.redis.connection import ConnectionLost
from tidegate.engines.redis.wire import Wire

UNDER_WAY = 16
ANSWER_BYTES = 256 << 10
"""Together far below 8 MB, what a server bears for a minute with its usual `client-output-buffer-limit pubsub`."""

Command = Callable[[], bytes | None]
"""Makes the command when its turn has come; None where there is nothing to ask any more."""
Answered = Callable[[Any], None]


class Questions:
    """Those of one engine."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._waiting: deque[tuple[Command, Answered]] = deque()
        self._under_way = 0

    def ask(self, command: Command, answered: Answered) -> None:
        """`answered` gets the reply or a ReplyError. Where the connection ends first, it is not called.

        Without a connection nothing is asked: over the next one, every room is.
        """
        if self._wire.connection is None:
            return
        self._waiting.append((command, answered))
        self._next()

    def down(self) -> None:
        """The connection ended: nothing that was asked counts any more."""
        self._waiting.clear()
        self._under_way = 0

    def _next(self) -> None:
        connection = self._wire.connection
        while self._waiting and self._under_way < UNDER_WAY and connection is not None:
            command, answered = self._waiting.popleft()
            packed = command()
            if packed is not None:
                self._under_way += 1
                connection.ask(packed, partial(self._answered, answered))

    def _answered(self, answered: Answered, reply: Any) -> None:
        if isinstance(reply, ConnectionLost):
            return
        self._under_way -= 1
        try:
            answered(reply)
        finally:
            self._next()
