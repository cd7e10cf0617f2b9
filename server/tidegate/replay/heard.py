"""What a gateway has sent on one connection, by what it belongs to: a request, a subscription, a room.

Answers to different requests, and messages of different rooms, may come in another order in each run; within one of
these the order is fixed. Pages of a snapshot are put together: how a snapshot is cut depends on the connection's pace.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable

from tidegate.replay.presence import Members
from tidegate.replay.recording import Message

Stream = tuple[str, ...]
NOT_COMPARED = frozenset({"heartbeat", "presence", "presence_diff"})
"""Messages whose number depends on time: the gateway gathers changes of presence."""


def stream_of(message: Message, subscription: str | None = None) -> Stream | None:
    """What `message` belongs to; None for one that is not compared. `subscription` replaces the recorded id."""
    kind = str(message.get("type"))
    if "ref" in message:
        return ("answer", str(message["ref"]))
    if kind in NOT_COMPARED:
        return None
    return (kind, str(subscription or message.get("subscription", "")), str(message.get("room", "")))


class Heard:
    def __init__(self) -> None:
        self._streams: dict[Stream, list[Message]] = defaultdict(list)
        self._more = asyncio.Event()
        self.members = Members()
        self.ended: str | None = None
        """Why nothing more can come; None while the connection is open."""

    def add(self, message: Message) -> None:
        self.members.told(message)
        stream = stream_of(message)
        if stream is not None:
            known = self._streams[stream]
            if known and is_open_snapshot(known[-1]):
                known[-1] = joined_pages(known[-1], message)
            else:
                known.append(message)
        self._more.set()

    def end(self, why: str) -> None:
        self.ended = why
        self._more.set()

    async def wait(self, stream: Stream, index: int, seconds: float) -> Message | None:
        """The message with this index in the stream; None where it does not come in time."""
        known = self._streams[stream]

        def came() -> bool:
            return index < len(known) and not is_open_snapshot(known[index])

        return known[index] if await self.until(came, seconds) else None

    async def until(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Whether `holds` does, at the latest after `seconds`, or when the connection has ended."""
        try:
            async with asyncio.timeout(seconds):
                while not holds() and self.ended is None:
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            pass
        return holds()


def is_open_snapshot(message: Message) -> bool:
    """Whether more pages of this snapshot follow."""
    return message.get("type") == "snapshot" and message.get("done") is False


def joined_pages(first: Message, second: Message) -> Message:
    """The pages of one snapshot as one message."""
    return {**first, **second, "reset": first.get("reset"), "rows": [*first.get("rows", ()), *second.get("rows", ())]}
