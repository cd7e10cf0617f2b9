"""The keys of the rows that a request names, made as they are needed.

A thousand keys take a third of a megabyte, and requests for so many may wait in their hundreds; what the client sent
takes a tenth of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

from tidegate.core.rows.ports import Key


class NamedRows(Sequence[Key]):
    """`identifiers`: the `id` or `ids` of a message: scalars, or objects for a composite key. `name`: the property that
    the scalars are of.
    """

    __slots__ = ("_identifiers", "_name")

    def __init__(self, name: str, identifiers: Sequence[Any]) -> None:
        self._name = name
        self._identifiers = identifiers

    def __len__(self) -> int:
        return len(self._identifiers)

    @overload
    def __getitem__(self, place: int) -> Key: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Key]: ...
    def __getitem__(self, place: int | slice) -> Key | Sequence[Key]:
        found = self._identifiers[place]
        if isinstance(place, slice):
            return NamedRows(self._name, found)
        return found if isinstance(found, dict) else {self._name: found}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    def __hash__(self) -> int:
        return hash((self._name, len(self._identifiers)))
