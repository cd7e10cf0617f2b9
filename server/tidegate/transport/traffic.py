"""How much a client may send, as the transport asks: a port, and what it is where nothing is limited.

A connection takes each frame and each byte that it receives from what is in hand. The rule is made elsewhere.
"""

from __future__ import annotations

from typing import Literal, Protocol

LONG_S = 0.0002
"""Seconds after which a turn is worth telling to `Traffic.took`."""


class Traffic(Protocol):
    """What one connection may send."""

    frames: int
    """Frames in hand."""
    bytes: int
    """Bytes in hand; below 0 while more were received."""

    @property
    def over(self) -> bool:
        """The client was over its rate: `look` is to be asked about once a second."""

    def more_frames(self, now: float) -> bool:
        """Take frames in hand. False: the client is over its rate."""

    def more_bytes(self, now: float) -> bool:
        """As `more_frames`, for bytes."""

    def took(self, seconds: float, frames: int, now: float) -> None:
        """Handling `frames` took `seconds`, which is more than `LONG_S`: they may count as more frames."""

    def caught_up(self) -> None:
        """After a pause, all that had arrived of the client was received."""

    def look(self, now: float, *, waits: bool) -> Literal["read", "wait", "close"]:
        """What to do with a client that was over its rate; `waits`: it was not read from until now."""

    def stood_still(self, seconds: float, now: float) -> None:
        """This process stood still for `seconds`: what the client was allowed to send meanwhile has yet to be read."""


class Unlimited:
    """A client may send all that it can."""

    frames = bytes = 1 << 62
    """More than any client sends."""
    over = False

    def more_frames(self, now: float) -> bool:
        return True

    def more_bytes(self, now: float) -> bool:
        return True

    def took(self, seconds: float, frames: int, now: float) -> None:
        pass

    def caught_up(self) -> None:
        pass

    def look(self, now: float, *, waits: bool) -> Literal["read", "wait", "close"]:
        return "read"

    def stood_still(self, seconds: float, now: float) -> None:
        pass


UNLIMITED = Unlimited()
