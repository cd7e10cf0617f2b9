"""The frames of room messages that a slow reader may miss, by the rule of their room.

It joins `transport`, which drops frames, with `core.rooms.slow_readers`, which says which ones.
Invariant: what it reads of a message it reads once, and only where a client is too slow.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import msgspec

from tidegate.core.rooms.slow_readers import SlowRule, gap
from tidegate.transport import Droppable, text_frame


class RoomFrame(Droppable):
    """A message of a room whose schema has a rule for slow readers."""

    def __new__(cls, text: bytes, *_: object) -> RoomFrame:
        return super().__new__(cls, text_frame(text))

    def __init__(self, text: bytes, room: str, rule: SlowRule, frame: Callable[[msgspec.Struct], bytes]) -> None:
        """`frame` makes a frame of a message."""
        self.stream = room
        self.conflated = rule.conflate
        self._text = text
        self._rule = rule
        self._frame = frame

    @cached_property
    def replaces(self) -> bytes | None:
        return self._rule.replaces(self._text)

    def notice(self, dropped: int) -> bytes:
        return self._frame(gap(self._text, dropped))
