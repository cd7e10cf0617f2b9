"""Makes a small excerpt of a large value, from which a refusal is explained.

A validator copies the value into each error, for some keywords once for each property: with 100,000 properties this
takes seconds and gigabytes. The excerpt has the first properties, and all properties that the schemas name.
Invariant: every fault of the excerpt, except at the places in `cut`, is a fault of the value.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Any

from tidegate.json_pointer import pointer

ITEMS = 1024
"""Items of an array in the excerpt: more than any `maxItems` of the protocol."""


@dataclass(frozen=True, slots=True)
class Size:
    """The limits of an excerpt."""

    members: int
    """Unknown properties of an object."""
    values: int
    """All values. Objects beyond this limit have their known properties only."""
    beyond: bool
    """Whether arrays beyond this limit have items."""


STEPS = (
    Size(members=128, values=1024, beyond=False),
    Size(members=320, values=4096, beyond=True),
    Size(members=2064, values=8192, beyond=True),
)
"""The sizes of the attempts, in their order. The validator explains 128 properties under `propertyNames`, which is
quadratic, or a thousand wrong values in milliseconds. 2064 properties are more than any `maxProperties` of the
protocol.
"""
SURE = frozenset({
    "additionalProperties", "maxItems", "maxProperties", "propertyNames", "required", "type", "unevaluatedProperties",
    "uniqueItems",
})  # fmt: skip
"""Keywords whose faults in an excerpt with all known names are faults of the whole array or object."""


class Excerpt:
    """The excerpt of `value`. `cut` has the pointers of the arrays and objects from which it leaves something out."""

    def __init__(self, value: Any, known: Set[str], size: Size) -> None:
        self._known = known
        self._size = size
        self._left = size.values
        self.cut: set[str] = set()
        self.value = self._part(value, [])

    def _part(self, value: Any, path: list[str | int]) -> Any:
        if type(value) is dict:
            return self._object(value, path)
        if type(value) is list:
            return self._array(value, path)
        return value

    def _object(self, value: dict[str, Any], path: list[str | int]) -> dict[str, Any]:
        names = [name for name in value if name in self._known]
        room = min(self._size.members, max(self._left, 0))
        if len(value) - len(names) > room:
            self.cut.add(pointer(path))
            kept = set(names)
            for name in value:
                if room == 0:
                    break
                if name not in kept:
                    kept.add(name)
                    room -= 1
            names = [name for name in value if name in kept]
        else:
            names = list(value)
        self._left -= len(names)
        return {name: self._part(value[name], [*path, name]) for name in names}

    def _array(self, value: list[Any], path: list[str | int]) -> list[Any]:
        found: list[Any] = []
        for index, item in enumerate(value):
            if len(found) == ITEMS or (self._left <= 0 and not self._size.beyond):
                self.cut.add(pointer(path))
                break
            self._left -= 1
            found.append(self._part(item, [*path, index]))
        return found
