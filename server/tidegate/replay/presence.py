"""The recorded client's own entry among the members of a room, as a recording shows it and as it is now.

Others come and go for reasons that are not in the recording, so that only the own entry can be the same. The gateway
gathers changes of presence over time: not how many messages told it is compared, but what the last one told.
Invariant: an entry is compared only where no later request of the recording can have changed it before it was told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tidegate.replay.recording import Message

CHANGING = frozenset({"join", "leave", "presence", "authenticate"})
"""Requests that change what others see of the client."""
OF_THE_ROOM = {"joined": ("users",), "presence": ("users",), "presence_diff": ("joined", "changed")}
"""Where messages about members have entries."""
OF_THE_MOMENT = frozenset({"since"})
"""Members of an entry that are new in each run."""


def entries(message: Message) -> Iterator[tuple[str, Message]]:
    """The entries of members in a message of a gateway, with their pointers."""
    for name in OF_THE_ROOM.get(str(message.get("type")), ()):
        listed = message.get(name)
        for index, entry in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(entry, dict):
                yield f"/{name}/{index}", entry


def is_shared(entry: Message) -> bool:
    """Whether another program of the user has a part in it: status and info are those of all together."""
    return int(entry.get("connections", 1)) > 1


class Own:
    """Who the recorded client is on its connection, and which entries of it must come back."""

    def __init__(self) -> None:
        self.user: str | None = None
        self._unanswered: set[str] = set()

    def sent(self, request: Message) -> None:
        if request.get("type") in CHANGING:
            self._unanswered.add(str(request.get("ref")))

    def told(self, message: Message) -> tuple[str, Message] | None:
        """The entry in a recorded message of the gateway that must be the same now, with its pointer.

        None for an entry that another program of the user shares, and for one of which it is not certain that it tells
        what the requests before it have changed.
        """
        self._unanswered.discard(str(message.get("ref")))
        user = message.get("user")
        if isinstance(user, dict) and message.get("type") in {"welcome", "authenticated"}:
            self.user = str(user.get("id"))
        if self._unanswered:
            return None
        own = [(pointer, entry) for pointer, entry in entries(message) if entry.get("id") == self.user]
        return own[-1] if own and not is_shared(own[-1][1]) else None


class Members:
    """The members of the rooms of one connection, as the gateway has told them."""

    def __init__(self) -> None:
        self._rooms: dict[str, dict[str, Message]] = {}

    def told(self, message: Message) -> None:
        room = str(message.get("room"))
        if message.get("type") in {"presence", "joined"} and "users" in message:
            self._rooms[room] = {}
        for each in message.get("left", ()) if message.get("type") == "presence_diff" else ():
            self._rooms.setdefault(room, {}).pop(str(each.get("id")), None)
        for _, entry in entries(message):
            self._rooms.setdefault(room, {})[str(entry.get("id"))] = entry

    def entry(self, room: Any, user: Any) -> Message:
        """Empty where the gateway has not told the user as a member of the room."""
        return self._rooms.get(str(room), {}).get(str(user), {})
