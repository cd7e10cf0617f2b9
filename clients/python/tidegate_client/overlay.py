"""The rows of a subscription with the client's own pending writes on top, in the order in which they were made.

A write stays on top until the copy has it: row by row when an `update` names its origin, as a whole when the copy is at
the position of the answer. Invariant: what is shown is the copy, which is a prefix of the change feed, with exactly
those own writes applied that the copy does not have and that no answer refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .models import Change, Key, Row
from .pending import PendingWrite, Step, key_from
from .positions import Position, is_seen
from .rows import RowsState, key_of, same_row
from .shown import Shown

__all__ = ["Fit", "Overlay"]

Touched = dict[Key, tuple[Row | None, bool]]
"""The rows that writes touch, as they are then, and whether they belong to the query."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Which rows belong to a query, and which of their properties."""

    matches: Callable[[Mapping[str, Any]], bool]
    filtered: frozenset[str]
    """The properties that the filter looks at."""
    fields: frozenset[str] | None
    """The properties that the query has; None for all."""

    def cut(self, row: Mapping[str, Any]) -> Row:
        """The part of `row` that the query has."""
        return {name: value for name, value in row.items() if self.fields is None or name in self.fields}

    def takes(self, row: Row, written: Mapping[str, Any], before: bool) -> bool:
        """Whether a row belongs to the query now that `written` was; `before`: whether it did before."""
        if self.filtered.isdisjoint(written):
            return before
        known = self.fields is None or self.filtered <= self.fields | written.keys()
        return self.matches({**row, **written}) if known else before


class Overlay(Shown):
    """A copy of rows with own writes on top."""

    lenient = True

    def __init__(self, state: RowsState, fit: Fit, writes: Iterable[PendingWrite]) -> None:
        super().__init__(state)
        self._fit = fit
        self._writes = list(writes)
        self._had: dict[PendingWrite, set[int]] = {}
        """The steps that the copy has."""
        self._next_has: dict[PendingWrite, set[int]] = {}
        """The steps that a snapshot under way has, beside those that it was read with."""
        self._departed: dict[Key, Row] = {}
        """Rows that an own write moved out of the filter, while later own writes may bring them back."""
        self._top: dict[Key, Row | None] = {}
        self._rows: dict[Key, Row] = {}

    @property
    def rows(self) -> dict[Key, Row]:
        return self._rows

    def apply(self, message: Mapping[str, Any]) -> list[Change[Row]]:
        old = self.state.rows.get(key := key_of(message["data"], self.state.key))
        self._mark(message, key, old)
        changes = self.state.update(message)
        if self.state.replacing:
            return []
        self._drop_past()
        about = changes[0] if changes else None
        return self._settle([key], about, message.get("position"))

    def page(self, message: Mapping[str, Any], awaited: Iterable[str] = ()) -> list[Change[Row]]:
        if message.get("reset"):
            self._next_has = {}
        return self._replaced(self.state.snapshot(message, awaited))

    def moved(self) -> list[Change[Row]]:
        return self._settle((), None, self.state.position) if self._drop_past() else []

    def began(self, write: PendingWrite) -> list[Change[Row]]:
        self._writes.append(write)
        return self._settle((), None, None)

    def answered(self, write: PendingWrite) -> list[Change[Row]]:
        self._drop_past()
        return self._replaced(self.state.answered(write.origin)) or self._settle((), None, None)

    def failed(self, write: PendingWrite) -> list[Change[Row]]:
        self._forget([write])
        return self._replaced(self.state.answered(write.origin)) or self._settle((), None, None)

    def cut(self) -> None:
        super().cut()
        self._next_has = {}

    def forget(self) -> None:
        super().forget()
        self._forget(list(self._writes))
        self._rows, self._top, self._departed = {}, {}, {}

    # Which steps the copy has

    def _mark(self, message: Mapping[str, Any], key: Key, old: Row | None) -> None:
        """Note which own write the copy, or the snapshot under way, gets with the message."""
        write = next((one for one in self._writes if one.origin == message.get("origin")), None)
        if write is None:
            return
        has = (self._next_has if self.state.replacing else self._had).setdefault(write, set())
        number = self._number(write, key, message["data"], has)
        if number is None:
            return
        has.add(number)
        moved_out = message["action"] == "delete" and message.get("cause") == "update"
        if moved_out and old is not None and not self.state.replacing:
            self._departed[key] = {**old, **self._fit.cut(write.steps[number].data)}

    def _number(self, write: PendingWrite, key: Key, row: Row, has: set[int]) -> int | None:
        """The step of `write` about the row with this key; a created row may have got its key just now."""
        steps = [(number, step) for number, step in enumerate(write.steps) if number not in has]
        named = [number for number, step in steps if self._key(step) == key]
        nameless = [(number, step) for number, step in steps if step.invented]
        alike = [number for number, step in nameless if _is_alike(step.data, row, self.state.key)]
        return next(iter(named or alike or [number for number, _ in nameless]), None)

    def _drop_past(self) -> bool:
        """Forget the writes that the copy has as a whole, or that are of another epoch. False if there were none."""
        own = self.state.position
        past = [write for write in self._writes if is_seen(own, write.position) or _elsewhere(own, write.position)]
        for write in past:
            self._follow_departed(write)
        self._forget(past)
        return bool(past)

    def _follow_departed(self, write: PendingWrite) -> None:
        """Rows that are out of the copy get no updates: `write` changed them too."""
        for number, step in enumerate(write.steps):
            row = self._departed.get(key := self._key(step))
            if row is None or number in self._had.get(write, ()):
                continue
            if write.action == "update":
                self._departed[key] = {**row, **self._fit.cut(step.data)}
            else:
                del self._departed[key]

    def _forget(self, writes: list[PendingWrite]) -> None:
        for write in writes:
            if write in self._writes:
                self._writes.remove(write)
            self._had.pop(write, None)
            self._next_has.pop(write, None)

    def _replaced(self, reset: list[Change[Row]]) -> list[Change[Row]]:
        """A snapshot took the place of the copy, if there is a `reset`."""
        if not reset:
            return []
        for write, steps in self._next_has.items():
            self._had.setdefault(write, set()).update(steps)
        self._next_has, self._departed = {}, {}
        self._drop_past()
        before, self._rows, self._top = self._rows, {}, {}
        self._settle(self.state.rows, None, None)
        for key, row in self._rows.items():
            if key in before and same_row(before[key], row):
                self._rows[key] = before[key]
        return reset

    # What is shown

    def _settle(self, keys: Iterable[Key], about: Change[Row] | None, position: Any) -> list[Change[Row]]:
        """Show the copy and the writes on top of it; `keys`: rows of the copy that may have changed."""
        before, self._top = self._top, self._project()
        changes: list[Change[Row]] = []
        for key in dict.fromkeys([*keys, *before, *self._top]):
            row = self._top[key] if key in self._top else self.state.rows.get(key)
            change = self._show(key, row)
            if change is not None:
                of = about if about is not None and about.key == key else None
                cause, origin = (None, None) if of is None else (of.cause, of.origin)
                changes.append(Change(change.action, key, change.row, change.old, cause, origin, position))
        return changes

    def _show(self, key: Key, row: Row | None) -> Change[Row] | None:
        old = self._rows.get(key)
        if row is None:
            return None if self._rows.pop(key, None) is None else Change("delete", key, old=old)
        if old is not None and (old is row or same_row(old, row)):
            if key not in self._top:
                self.state.rows[key] = old
            return None
        self._rows[key] = row
        return Change("create" if old is None else "update", key, row, old)

    def _project(self) -> dict[Key, Row | None]:
        """The rows that pending writes touch, as they are after all of them; None for a row that is not shown."""
        if not self.state.complete:
            return {}
        touched: Touched = {}
        for write in self._writes:
            has = self._had.get(write, ())
            steps = [step for number, step in enumerate(write.steps) if number not in has]
            if not any(self._contradicts(write, step, touched) for step in steps):
                for step in steps:
                    self._step(write, step, touched)
        self._departed = {key: row for key, row in self._departed.items() if key in touched}
        return {key: row if shown else None for key, (row, shown) in touched.items()}

    def _contradicts(self, write: PendingWrite, step: Step, touched: Touched) -> bool:
        """Whether the gateway will refuse the write, since a row does not have the values that it expects."""
        row, _ = self._found(self._key(step), touched)
        expected = {} if row is None else {name: value for name, value in write.expect.items() if name in row}
        return not same_row(expected, {name: (row or {}).get(name) for name in expected})

    def _step(self, write: PendingWrite, step: Step, touched: Touched) -> None:
        """What the gateway will refuse has no effect: a new row that is there already, a change of one that is not."""
        key = self._key(step)
        row, shown = self._found(key, touched)
        if (write.action == "create") is (row is not None):
            return
        if write.action == "delete":
            touched[key] = None, False
        elif row is None:
            touched[key] = self._fit.cut(step.data), self._fit.matches(step.data)
        else:
            new = {**row, **self._fit.cut(step.data)}
            touched[key] = None, False
            touched[key_of(new, self.state.key)] = new, self._fit.takes(new, step.data, shown)

    def _found(self, key: Key, touched: Touched) -> tuple[Row | None, bool]:
        """A row below the next write, and whether it belongs to the query. An own write may have moved it out."""
        if key in touched:
            return touched[key]
        row = self.state.rows.get(key)
        return (self._departed.get(key), False) if row is None else (row, True)

    def _key(self, step: Step) -> Key:
        return key_from(step.id, self.state.key)


def _is_alike(created: Row, row: Row, key: tuple[str, ...]) -> bool:
    """Whether the gateway's row may be the one that the program created, under an invented key."""
    names = [name for name in created if name in row and name not in key]
    return same_row({name: created[name] for name in names}, {name: row[name] for name in names})


def _elsewhere(own: Position | None, other: Position | None) -> bool:
    """Whether the database of `other` is no more: it was restored from a backup."""
    return own is not None and other is not None and own["epoch"] != other["epoch"]
