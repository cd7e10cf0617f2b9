"""A write of this client that is shown before the gateway has answered, row by row. Pure state.

It does not know which live queries show it. Invariant: a step stands for one row, so that a write of several rows can
be confirmed row by row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .forms import canonical
from .models import Key, Row
from .positions import Position

__all__ = ["PendingWrite", "Step", "key_from"]


@dataclass(slots=True)
class Step:
    """What a write does to one row."""

    id: Any
    """The key as the request names it; None for `create`."""
    data: Row
    """The properties that are written, in the forms of the wire."""
    provisional: str
    """The key of a created row until the gateway names it."""
    row: Row | None = None
    """A created row as the gateway answered it."""


@dataclass(slots=True, eq=False)
class PendingWrite:
    """One `create`, `update` or `delete`."""

    action: str
    resource: str
    origin: str
    """Its idempotency key, which the gateway names in what it sends about the write."""
    expect: Mapping[str, Any]
    steps: list[Step] = field(default_factory=list)
    position: Position | None = None
    """A position at which all of it is in the database; None until the gateway answered."""

    @classmethod
    def of(cls, message: Mapping[str, Any], types: Mapping[str, str]) -> PendingWrite:
        """The write that a request asks for. `types`: the types and formats of properties."""
        action, origin = str(message["type"]), str(message["key"])
        write = cls(action, str(message["resource"]), origin, _forms(message.get("if") or {}, types))
        data = message.get("data", {})
        if action == "create":
            rows = data if isinstance(data, list) else [data]
            names = [origin] if len(rows) == 1 else [f"{origin}/{number}" for number in range(len(rows))]
            write.steps = [Step(None, _forms(row, types), name) for row, name in zip(rows, names, strict=True)]
        else:
            ids = message["ids"] if "ids" in message else [message["id"]]
            write.steps = [Step(one, _forms(data, types), "") for one in ids]
        return write

    def settle(self, reply: Mapping[str, Any]) -> None:
        """Take the gateway's answer. Created rows that this user may not read are shown no more."""
        self.position = reply.get("position")
        if self.action == "create":
            rows: Sequence[Row] = reply.get("rows") or ()
            if len(rows) == len(self.steps):
                for step, row in zip(self.steps, rows, strict=True):
                    step.row = row
            else:
                self.steps = []


def key_from(id: Any, properties: tuple[str, ...]) -> Key:
    """The key of a row in a copy, from its key as requests name it: an object if it has several properties."""
    if isinstance(id, Mapping):
        values = tuple(id.get(name) for name in properties)
        return values[0] if len(values) == 1 else values
    return id


def _forms(row: Mapping[str, Any], types: Mapping[str, str]) -> Row:
    return {name: canonical(value, types.get(name, "")) for name, value in row.items()}
