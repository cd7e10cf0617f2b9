"""Values that are new in every run, and which recorded value each stands for: ids, positions, generated keys.

A recorded subscription id is bound to the id that the gateway gives now, and is translated where the client names it.
A value is bound as what it is: the key 5 of a row is another thing than the same key of another resource, or than the
position 5. Invariant: a value is translated to what it was bound to last, and the key of a row or of a user stands for
everything that it was ever bound to.
"""

from __future__ import annotations

from typing import Any

from tidegate.replay.recording import Message

Scalar = str | int | float | bool | None
OF_ROWS = ("id", "ids")
"""Where requests name rows by their keys."""
OF_PLACES = ("since", "before")
"""Where requests name positions that an earlier answer gave them."""
USER, SUBSCRIPTION = "user", "subscription"
"""What a value may be bound as, besides `row_of` and `place_in`."""


def row_of(resource: Any) -> str:
    """As what the key of a row is bound."""
    return f"row of {resource}"


def place_in(room: Any) -> str:
    """As what a position in a room is bound; without a room, in the change log."""
    return f"place in {room}"


class Names:
    def __init__(self) -> None:
        self._now: dict[tuple[str, type, Any], Any] = {}
        self._bound: set[tuple[type, Any, type, Any]] = set()
        self._sent: set[str] = set()

    def bind(self, recorded: Any, now: Any, of: str) -> None:
        """`of`: as what. Objects are bound member by member: a position is bound as its epoch and its number."""
        if isinstance(recorded, dict) and isinstance(now, dict):
            for name in recorded.keys() & now.keys():
                self.bind(recorded[name], now[name], of)
        elif isinstance(recorded, Scalar) and isinstance(now, Scalar):
            self._now[of, type(recorded), recorded] = now

    def bind_key(self, recorded: Any, now: Any, of: str) -> None:
        """Bind the key of a row or of a user, which other messages may contain anywhere."""
        self.bind(recorded, now, of)
        if isinstance(recorded, Scalar) and isinstance(now, Scalar):
            self._bound.add((type(recorded), recorded, type(now), now))

    def stands_for(self, recorded: Any, now: Any) -> bool:
        """Whether a recorded key was bound to this value. For objects and lists, False."""
        both = isinstance(recorded, Scalar) and isinstance(now, Scalar)
        return both and (type(recorded), recorded, type(now), now) in self._bound

    def now(self, recorded: Any, *of: str) -> Any:
        """What stands for a recorded value now: the value itself where it is bound as none of these."""
        if isinstance(recorded, dict):
            return {name: self.now(value, *of) for name, value in recorded.items()}
        if isinstance(recorded, list):
            return [self.now(value, *of) for value in recorded]
        bound = [(each, type(recorded), recorded) for each in of]
        return next((self._now[each] for each in bound if each in self._now), recorded)

    def translated(self, message: Message) -> Message:
        """A message of the client with the ids of this run."""
        row, place = row_of(message.get("resource")), place_in(message.get("room"))
        meant = {
            "subscription": (SUBSCRIPTION,),
            **dict.fromkeys(OF_ROWS, (row, USER)),
            **dict.fromkeys(OF_PLACES, (place,)),
        }
        return {name: self.now(value, *meant.get(name, ())) for name, value in message.items()}

    def note_sent(self, value: Any) -> None:
        """The client sent these texts: a time among them is not one that the gateway read from its clock."""
        if isinstance(value, dict):
            for each in value.values():
                self.note_sent(each)
        elif isinstance(value, list):
            for each in value:
                self.note_sent(each)
        elif isinstance(value, str):
            self._sent.add(value)

    def was_sent(self, text: str) -> bool:
        return text in self._sent
