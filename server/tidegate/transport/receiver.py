"""What a read side gives the messages to that it has found: a port, and what it is once the connection has ended."""

from __future__ import annotations

from typing import Protocol


class MessageReceiver(Protocol):
    """Takes the messages that a read side has found."""

    def text(self, payload: bytes) -> None:
        """A whole text message; it may not be UTF-8."""

    def binary(self) -> None:
        """A whole binary message."""

    def wait_for_turn(self) -> None:
        """There is more than one turn may handle: `go_on` is to be called in a later one."""

    def took(self, seconds: float) -> None:
        """To handle what arrived took longer than `LONG_S`."""


class EndedReceiver:
    """Takes the messages of a connection that has ended: there are none."""

    def text(self, payload: bytes) -> None:
        """Nothing is received any more."""

    def binary(self) -> None:
        """As `text`."""

    def wait_for_turn(self) -> None:
        """As `text`."""

    def took(self, seconds: float) -> None:
        """As `text`."""


ENDED_RECEIVER = EndedReceiver()
