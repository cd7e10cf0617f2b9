"""A write of this client that is shown before the gateway has answered, row by row. Pure state.

It does not know which live queries show it. Invariant: a step stands for one row, so that a write of several rows can
be confirmed row by row.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .catalogue import ResourceInfo
from .forms import canonical
from .models import Key, Row
from .positions import Position, position_of

__all__ = ["PendingWrite", "Step", "key_from"]

_numbers: Iterator[int] = itertools.count(-1, -1)
"""Of invented keys; no two rows of a process have the same one."""


@dataclass(slots=True)
class Step:
    """What a write does to one row."""

    id: Any
    """The key as requests name it; an invented one of a created row that the gateway has not named yet."""
    data: Row
    """A new row, or the properties that change, in the forms of the wire."""
    invented: bool = False


@dataclass(slots=True, eq=False)
class PendingWrite:
    """One `create`, `update` or `delete`."""

    action: str
    resource: str
    origin: str
    """Its idempotency key, which the gateway names in what it sends about the write."""
    expect: Row
    steps: list[Step] = field(default_factory=list)
    position: Position | None = None
    """A position at which all of it is in the database; None until the gateway answered."""

    @classmethod
    def of(cls, message: Mapping[str, Any], info: ResourceInfo, now: str) -> PendingWrite:
        """The write that a request asks for. `now`: the time that a new row gets."""
        action, data = str(message["type"]), message.get("data", {})
        expect = _forms(message.get("if") or {}, info)
        write = cls(action, str(message["resource"]), str(message["key"]), expect)
        if action == "create":
            write.steps = [_created(row, info, now) for row in (data if isinstance(data, list) else [data])]
        else:
            ids = message["ids"] if "ids" in message else [message["id"]]
            write.steps = [Step(one, _forms(data, info)) for one in ids]
        return write

    def has_plain_keys(self, key: Sequence[str]) -> bool:
        """Whether each value of the keys is one that a key can have."""
        ids = [list(one.id.values()) if isinstance(one.id, Mapping) else [one.id] for one in self.steps]
        written = [[step.data.get(name) for name in key] for step in self.steps]
        return not any(isinstance(value, list | dict) for values in (*ids, *written) for value in values)

    def settle(self, reply: Mapping[str, Any], key: Sequence[str]) -> None:
        """Take the gateway's answer, or raise what is `UNREADABLE`. New rows that this user may not read go."""
        self.position = position_of(reply)
        if self.action != "create":
            return
        rows: Sequence[Row] = reply.get("rows") or ()
        if len(rows) != len(self.steps):
            self.steps = []
        for step, row in zip(self.steps, rows, strict=False):
            step.id, step.data, step.invented = {name: row.get(name) for name in key}, row, False
        if not self.has_plain_keys(key):
            raise TypeError("the key of a row is a list or an object")


def key_from(id: Any, properties: tuple[str, ...]) -> Key:
    """The key of a row in a copy, from its key as requests name it: an object if it has several properties."""
    if isinstance(id, Mapping):
        values = tuple(id.get(name) for name in properties)
        return values[0] if len(values) == 1 else values
    return id


def _created(data: Mapping[str, Any], info: ResourceInfo, now: str) -> Step:
    """A new row as the database will make it, as far as the client knows that."""
    row = {**info.defaults, **dict.fromkeys(info.now, now), **_forms(data, info)}
    missing = [name for name in info.key if row.get(name) is None]
    row |= {name: _invented(info.types.get(name, "integer")) for name in missing}
    return Step({name: row[name] for name in info.key}, row, bool(missing))


def _invented(kind: str) -> Any:
    if kind == "uuid":
        return str(uuid.uuid4())
    number = next(_numbers)
    return number if kind in ("integer", "number") else str(number)


def _forms(row: Mapping[str, Any], info: ResourceInfo) -> Row:
    return {name: canonical(value, info.types.get(name, "")) for name, value in row.items()}
