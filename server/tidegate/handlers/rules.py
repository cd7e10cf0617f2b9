"""Rules of the application about rows and rooms: what they are asked and may say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Literal

from tidegate.core.access.room_rules import RoomName
from tidegate_protocol import Principal

Action = Literal["read", "create", "update", "delete"]
Filter = Mapping[str, Any]
"""As clients write them (docs/reference/filters.md)."""
Rule = Callable[[Principal, Mapping[str, Any]], Filter | bool]
"""Of a user and its token's claims: the rows that it may do something with; True and False are all and none."""

asked: ContextVar[bool] = ContextVar("asked", default=False)
"""Whether this code is a rule, or was called by one."""
RoomAction = Literal["join", "send", "presence", "history"]
RoomRule = Callable[[Principal, Mapping[str, Any], RoomName], bool]
"""Of a user, its token's claims, and a room: whether the user may do something there."""
