"""What one live query shows of the rows of its subscription: in an order, and no more than `limit`.

Several live queries with other orders share the rows of one subscription. Invariants: after each change the window is
the first `limit` rows in the order, and the changes that it returns lead from what it showed before to what it shows.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Mapping, Sequence

from .models import Action, Change, Key, Row
from .ordering import Ordering

__all__ = ["Window"]


class Window:
    """`rows`: the rows of the subscription, which this window never changes."""

    def __init__(self, rows: Mapping[Key, Row], ordering: Ordering | None, limit: int | None) -> None:
        self._rows = rows
        self._ordering = ordering
        self._limit = limit
        self._sorted: list[tuple[tuple[object, ...], Key]] = []
        self._places: dict[Key, tuple[object, ...]] = {}
        """What each row was compared by when it got its place."""
        self._shown: dict[Key, Row] | None = None
        """Made when it is asked for, but with a limit at once: the next change is told by what it replaces."""
        self.reset(rows)

    @property
    def shown(self) -> Mapping[Key, Row]:
        """The rows by key, in order; the same object until something in it changed."""
        if self._shown is None:
            self._shown = self._first()
        return self._shown

    def _first(self) -> dict[Key, Row]:
        return {key: self._rows[key] for key in itertools.islice(self._keys(), self._limit)}

    @property
    def has_more(self) -> bool:
        """Whether more rows match than the window shows."""
        return self._limit is not None and len(self._rows) > self._limit

    def reset(self, rows: Mapping[Key, Row]) -> None:
        """The rows are others now."""
        self._rows = rows
        if self._ordering is not None:
            self._places = {key: self._ordering.of(row) for key, row in rows.items()}
            self._sorted = sorted(((place, key) for key, place in self._places.items()), key=lambda entry: entry[0])
        self._shown = None if self._limit is None else self._first()

    def apply(self, changes: Sequence[Change[Row]]) -> list[Change[Row]]:
        """Rows changed. Returns what changed in the window."""
        for change in changes:
            self._replace(change.key)
        if self._limit is None:
            self._shown = None
            return list(changes)
        before, self._shown = self.shown, self._first()
        return _steps(before, self._shown, changes)

    def _keys(self) -> Iterator[Key]:
        return iter(self._rows) if self._ordering is None else (key for _, key in self._sorted)

    def _replace(self, key: Key) -> None:
        if self._ordering is None:
            return
        old = self._places.pop(key, None)
        if old is not None:
            at = bisect.bisect_left(self._sorted, old, key=lambda entry: entry[0])
            while self._sorted[at][1] != key:  # a row without its key yet may compare equal to another one
                at += 1
            del self._sorted[at]
        row = self._rows.get(key)
        if row is not None:
            self._places[key] = place = self._ordering.of(row)
            bisect.insort_right(self._sorted, (place, key), key=lambda entry: entry[0])


def _steps(before: Mapping[Key, Row], after: Mapping[Key, Row], changes: Sequence[Change[Row]]) -> list[Change[Row]]:
    """How the window came from `before` to `after`: what left it, what changed in it, what entered it."""
    caused = {change.key: change for change in changes}
    position = changes[-1].position

    def step(action: Action, key: Key) -> Change[Row]:
        about = caused.get(key)
        cause, origin = ("update", None) if about is None else (about.cause, about.origin)
        return Change(action, key, after.get(key), before.get(key), cause, origin, position)

    left = [step("delete", key) for key in before if key not in after]
    changed = [step("update", key) for key, row in after.items() if key in before and before[key] is not row]
    entered = [step("create", key) for key in after if key not in before]
    return [*left, *changed, *entered]
