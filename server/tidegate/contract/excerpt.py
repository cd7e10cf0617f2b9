"""A small part of a large value that is refused for the same reasons: what a refusal is explained from.

A validator copies whatever it reports about, for some keywords once a property; told of 100,000 properties that costs
seconds and gigabytes. So a refusal is explained from the first of them, and from all that the schemas know by name.
Invariant: whatever is wrong with an excerpt, except at the places in `cut`, is wrong with the value itself.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Any

from tidegate.schema.subschemas import pointer

ITEMS = 1024
"""Items of one array: more than `maxItems` of anything in the protocol."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much an excerpt holds."""

    members: int
    """Unknown properties of one object."""
    values: int
    """In all. Objects beyond have their known properties only."""
    beyond: bool
    """Whether arrays beyond have items."""


STEPS = (Size(members=128, values=1024, beyond=False), Size(members=320, values=4096, beyond=True))
"""The first attempt, and the second. 128 properties are what `propertyNames` (quadratic) is told of in milliseconds, as
are a thousand wrong values; 320 properties are more than `maxProperties` of anything in the protocol."""
SURE = frozenset({
    "additionalProperties", "maxItems", "maxProperties", "propertyNames", "required", "type", "unevaluatedProperties",
    "uniqueItems",
})  # fmt: skip
"""Keywords that are true of an array or object when they are true of a part with all the known names."""


class Excerpt:
    """The excerpt of `value`; `cut` has the pointers of the arrays and objects in it that lack something."""

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
