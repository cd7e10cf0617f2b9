"""What one client has of one room: its position, and who is present. It finds gaps, duplicates and disorder itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Message = dict[str, Any]


class RoomView:
    def __init__(self, room: str, mode: str, wrong: Callable[[str], None]) -> None:
        """`wrong` is told what may not be."""
        self.room = room
        self.mode = mode
        self.status = "online"
        """What the client says of itself in the room."""
        self.position: Message | None = None
        """Of the newest message that it has; None before the first answer."""
        self.joined = False
        """The gateway has answered `join` on this line."""
        self.members: dict[str, tuple[int, str]] = {}
        """Connections and status of each user."""
        self._wrong = wrong

    def line_ended(self) -> None:
        self.joined = False

    def answered(self, reply: Message, asked: Message | None) -> None:
        """The reply to a `join` with `asked` as `since`."""
        head = reply["position"]
        recovered = reply["recovered"] and asked is not None
        if recovered:
            assert asked is not None
            if head["epoch"] != asked["epoch"] or head["offset"] - asked["offset"] != reply["replayed"]:
                self._wrong(f"{self.room}: recovered from {asked} to {head} with {reply['replayed']} messages")
            self.position = asked
        else:
            self.position = head
        self.joined = True
        if "users" in reply:
            self.list(reply["users"], more=False)

    def restarted(self, push: Message) -> None:
        """The gateway says that messages are lost."""
        if self.joined:
            self.position = push["position"]

    def heard(self, position: Message) -> None:
        """A message arrived."""
        before = self.position
        if not self.joined or before is None:
            self._wrong(f"{self.room}: {position} before the answer to join")
        elif position["epoch"] != before["epoch"] or position["offset"] != before["offset"] + 1:
            self._wrong(f"{self.room}: {position} after {before}")
        self.position = position

    def list(self, users: list[Message], *, more: bool) -> None:
        """The whole list of members arrived."""
        if not more:
            self.members = {}
        self.members |= {user["id"]: (user["connections"], user["status"]) for user in users}

    def differ(self, push: Message) -> None:
        for user in (*push["joined"], *push["changed"]):
            self.members[user["id"]] = (user["connections"], user["status"])
        for user in push["left"]:
            self.members.pop(user["id"], None)
