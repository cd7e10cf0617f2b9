"""Values that are new in every run, and which recorded value each stands for: ids, positions, generated keys.

A recorded subscription id is bound to the id that the gateway gives now, and is translated where the client names it.
Invariant: a value is translated to what it was bound to last, and stands for everything that it was ever bound to.
"""

from __future__ import annotations

from typing import Any

from tidegate.replay.recording import Message

Scalar = str | int | float | bool | None
OF_ROWS = ("id", "ids")
"""Where requests name rows by their keys."""
OF_PLACES = ("subscription", "since", "before", "after")
"""Where requests name what an earlier answer gave them."""


class Names:
    def __init__(self) -> None:
        self._now: dict[tuple[type, Any], Any] = {}
        self._bound: set[tuple[type, Any, type, Any]] = set()
        self._sent: set[str] = set()

    def bind(self, recorded: Any, now: Any) -> None:
        """Objects are bound member by member, so that a position is bound as its epoch and its number."""
        if isinstance(recorded, dict) and isinstance(now, dict):
            for name in recorded.keys() & now.keys():
                self.bind(recorded[name], now[name])
        elif isinstance(recorded, Scalar) and isinstance(now, Scalar):
            self._now[type(recorded), recorded] = now
            self._bound.add((type(recorded), recorded, type(now), now))

    def stands_for(self, recorded: Any, now: Any) -> bool:
        """Whether a recorded value was bound to this one. For objects and lists, False."""
        both = isinstance(recorded, Scalar) and isinstance(now, Scalar)
        return both and (type(recorded), recorded, type(now), now) in self._bound

    def now(self, recorded: Any) -> Any:
        """What stands for a recorded value now: the value itself where none is bound."""
        if isinstance(recorded, dict):
            return {name: self.now(value) for name, value in recorded.items()}
        if isinstance(recorded, list):
            return [self.now(value) for value in recorded]
        return self._now.get((type(recorded), recorded), recorded)

    def translated(self, message: Message) -> Message:
        """A message of the client with the ids of this run."""
        sent = dict(message)
        for name in (*OF_ROWS, *OF_PLACES):
            if name in sent:
                sent[name] = self.now(sent[name])
        return sent

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
