"""The order of rows: the terms of a `sort`, and for each row what it is compared by.

It orders as the gateway does in `list`: null first, and last where descending; text by code point; equal rows by their
key. It knows neither queries nor windows. Invariant: any two rows can be compared, whatever a program wrote into them.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .errors import InvalidOption
from .forms import INT64, integer

__all__ = ["Ordering", "Sort", "sort_terms"]

Sort = str | Mapping[str, str]
"""A property's name, with a "-" before it for descending, or {"field": ..., "order": "asc" | "desc"}."""


def sort_terms(sort: Iterable[Sort]) -> list[dict[str, str]]:
    """The terms as they go over the wire."""
    if isinstance(sort, str | Mapping):
        raise InvalidOption("sort is a list of terms, such as ['-created_at', 'name']")
    return [_term(term) for term in sort]


def _term(term: Sort) -> dict[str, str]:
    if isinstance(term, str):
        return {"field": term.removeprefix("-"), "order": "desc" if term.startswith("-") else "asc"}
    if not (isinstance(term, Mapping) and isinstance(term.get("field"), str)):
        raise InvalidOption(f"{term!r} is no term of a sort: a property's name, or an object with `field` and `order`")
    return dict(term)


@functools.total_ordering
class _Descending:
    """Compares the other way round."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and bool(self.value == other.value)

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.value < self.value)

    __hash__ = None  # type: ignore[assignment]  # only compared


class Ordering:
    """One order of the rows of a resource."""

    def __init__(self, sort: Iterable[Sort], key: Sequence[str], types: Mapping[str, str]) -> None:
        """`key`: the key's properties; `types`: the type or format of properties."""
        terms = [(term["field"], term.get("order") == "desc") for term in sort_terms(sort)]
        self.fields = frozenset(name for name, _ in terms)
        self._terms = terms + [(name, False) for name in key if name not in self.fields]
        self._types = types

    def of(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """What `row` is compared by."""
        found = ((_comparable(row.get(name), self._types.get(name, "")), down) for name, down in self._terms)
        return tuple(_Descending(value) if down else value for value, down in found)


def _comparable(value: Any, kind: str) -> tuple[int, Any]:
    if value is None:
        return 0, 0
    if isinstance(value, int | float):
        return 1, value
    if kind == INT64 and (number := integer(value)) is not None:
        return 1, number
    if isinstance(value, str):
        return 2, value
    return 3, json.dumps(value, sort_keys=True)
