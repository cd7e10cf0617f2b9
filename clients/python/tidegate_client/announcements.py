"""What a client announces: its status, and messages of types that no room and no query takes.

It knows neither where these come from nor which program listens. Invariant: a slow listener delays no other: it misses
the oldest statuses, and learns how many messages it missed.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar
from weakref import WeakSet

from .streams import Stream

__all__ = ["Announcements", "Status"]

Status = Literal["connecting", "open", "reconnecting", "closed"]
ItemT = TypeVar("ItemT")
KEPT_STATUSES = 16
"""Unread statuses that are kept for a listener."""


class Announcements:
    """The present status, and the streams of statuses and of messages by type."""

    def __init__(self, buffer: int) -> None:
        self.status: Status = "connecting"
        self._buffer = buffer
        self._ended = False
        self._statuses: WeakSet[Stream[Status]] = WeakSet()
        self._pushes: dict[str, WeakSet[Stream[dict[str, Any]]]] = {}

    def statuses(self) -> Stream[Status]:
        """A stream of what `status` becomes."""
        stream: Stream[Status] = Stream(KEPT_STATUSES, "drop_oldest")
        return self._added(stream, self._statuses)

    def pushes(self, kind: str) -> Stream[dict[str, Any]]:
        """A stream of the gateway's messages of one type."""
        stream: Stream[dict[str, Any]] = Stream(self._buffer, "error")
        return self._added(stream, self._pushes.setdefault(kind, WeakSet()))

    def _added(self, stream: Stream[ItemT], streams: WeakSet[Stream[ItemT]]) -> Stream[ItemT]:
        streams.add(stream)
        if self._ended:
            stream.close()
        return stream

    def turn(self, status: Status) -> None:
        """The connection is now `status`."""
        if status != self.status:
            self.status = status
            for stream in self._statuses:
                stream.push(status)

    def deliver(self, message: dict[str, Any]) -> None:
        """Hand a message to the listeners of its type."""
        for stream in self._pushes.get(message["type"], ()):
            stream.push(message)

    def close(self) -> None:
        """The client has ended: the streams end, and those that a program asks for later too."""
        self._ended = True
        for status_stream in self._statuses:
            status_stream.close()
        for streams in self._pushes.values():
            for stream in streams:
                stream.close()
