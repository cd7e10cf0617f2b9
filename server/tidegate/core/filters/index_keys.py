"""Index keys of filters: values of properties by which what concerns a changed row is found.

Invariant: every row that matches a filter has at least one key of each of the filter's candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tidegate.core.filters.predicate import token
from tidegate.core.filters.tree import And, Filter, Or, Term

IndexKey = tuple[str, tuple[bool, Any]]
"""A property, and the token of a value."""
IndexKeys = tuple[IndexKey, ...]
"""Of these, every row that matches the filter has at least one."""

INDEXED_VALUES = 8
"""What asks for one of several values is kept under each of them, if these are not more."""
INDEXED_KEYS = 16
"""A filter is kept under the index keys of all branches of an `or`, if these are not more."""


def least_crowded(filters: Filter, crowd: Callable[[IndexKeys], int]) -> IndexKeys | None:
    """The candidate that the fewest share. None if there is no candidate. `crowd`: how many share it."""
    if isinstance(filters, Term):
        return _of_term(filters)
    return min(_candidates(filters, crowd), key=crowd, default=None)


def _candidates(filters: Filter, crowd: Callable[[IndexKeys], int]) -> Iterator[IndexKeys]:
    """Candidate index keys: sets of (property, value) pairs of which every matching row has at least one.

    For an `or`, the least crowded candidates of each branch together.
    """
    for part in filters.parts if isinstance(filters, And) else (filters,):
        if isinstance(part, Or):
            branches = [least_crowded(branch, crowd) for branch in part.parts]
            keys = dict.fromkeys(key for branch in branches for key in branch or ())
            if None not in branches and len(keys) <= INDEXED_KEYS:
                yield tuple(keys)
        elif isinstance(part, Term) and (of_term := _of_term(part)) is not None:
            yield of_term


def _of_term(term: Term) -> IndexKeys | None:
    if term.operator == "eq":
        return ((term.property, token(term.value)),)
    if term.operator == "in" and len(term.value) <= INDEXED_VALUES:
        return tuple((term.property, token(value)) for value in term.value)
    return None
