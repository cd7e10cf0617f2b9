"""What has arrived of a message of one client that is not finished.

Where it is much, it counts as memory like what waits for a client that does not read, and gives way like that.
Invariant: the memory was told last what is held now, or nothing where that is less than `UNCOUNTED_BYTES`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from tidegate.counted import Counted
from tidegate.transport.close_codes import TRY_AGAIN_LATER
from tidegate.transport.context import UNCOUNTED_BYTES
from tidegate.transport.write_side import WriteSide

GIVEN_UP = Counted(
    logging.getLogger("tidegate.connection"),
    logging.WARNING,
    "the unfinished message of connection %s has no place in memory: closed %s",
    name="unfinished_given_up",
)


def nothing() -> None:
    """What there is to drop after the end."""


class Unfinished:
    """Implements `context.Waiting` for the reading half of a connection. `drop`: keep nothing of what arrived."""

    __slots__ = ("_drop", "_write_side", "counted")

    def __init__(self, write_side: WriteSide, drop: Callable[[], None]) -> None:
        self._write_side = write_side
        self._drop = drop
        self.counted = 0
        """Bytes that the memory was told last."""

    @property
    def owner(self) -> object:
        return self._write_side.owner

    def count(self, size: int) -> None:
        """`size` bytes are held now."""
        if size < UNCOUNTED_BYTES:
            size = 0
        if size != self.counted:
            self.counted = size
            self._write_side.memory.arrives(self, size)

    def ended(self) -> None:
        """The connection has ended: let the reading half go."""
        self._drop = nothing

    def give_up(self, **measured: float) -> None:
        GIVEN_UP(self._write_side.id, measured)
        # The connection may end later: a client that does not read is given time to learn why it is closed.
        self._drop()
        self._write_side.fail(TRY_AGAIN_LATER, "the gateway has no memory left for unfinished messages")


def counted(
    unfinished: Unfinished | None, size: int, write_side: WriteSide, drop: Callable[[], None]
) -> Unfinished | None:
    """Count that `size` bytes are held. Returns what counts them: None as long as it was never enough to count."""
    if unfinished is None and size >= UNCOUNTED_BYTES:
        unfinished = Unfinished(write_side, drop)
    if unfinished is not None:
        unfinished.count(size)
    return unfinished
