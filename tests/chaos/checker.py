"""The judge of a history: what each client applied against what the change log says, and the rows at last.

It shares no code with the gateway. A client's history must hold every change that concerns its wish, once, in order,
with the content that the client may see, and nothing else; and the log itself must lead to the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tests.chaos.follower import Follower, Run
from tests.chaos.places import Entry, Place
from tests.chaos.wishes import COLUMNS, Row, Wish
from tests.chaos.writers import UNDONE

Copy = dict[Any, Row]
Heard = tuple[int, str, Row]


def violations(place: Place, followers: Iterable[Follower]) -> list[str]:
    """Everything that is wrong with what the followers heard. The rows are those of who has caught up."""
    logs = {resource: place.log_of(resource) for resource in COLUMNS}
    found = [fault for resource, log in logs.items() for fault in _of_the_log(place, resource, log)]
    head = place.head()
    for follower in followers:
        log = logs[follower.wish.resource]
        found += follower.violations
        found += (f"{follower.name}: {fault}" for fault in _of_the_history(follower, log))
        if follower.seq >= head:
            found += (f"{follower.name}: {fault}" for fault in _of_the_rows(follower, place))
    return found


def _of_the_log(place: Place, resource: str, log: list[Entry]) -> Iterator[str]:
    """Each image follows from the one before, nothing is from a rollback, and in the end it is what SELECT says."""
    rows: Copy = {}
    for entry in log:
        if entry.action == "reset":
            rows.clear()
            continue
        if rows.get(entry.key) != entry.old:
            yield f"log {entry.seq}: row {entry.key} was {rows.get(entry.key)}, not {entry.old}"
        if entry.new is None:
            rows.pop(entry.key, None)
        else:
            rows[entry.key] = entry.new
            if UNDONE in entry.new.values():
                yield f"log {entry.seq}: {entry.new} was rolled back"
    columns = COLUMNS[resource]
    stored = place.select(f"select {', '.join(columns)} from {resource}")
    if sorted(stored, key=_key) != sorted(
        (tuple(row.get(name) for name in columns) for row in rows.values()), key=_key
    ):
        yield f"the log leads to {len(rows)} {resource}, but SELECT has {len(stored)}, or they differ"


def _of_the_history(follower: Follower, log: list[Entry]) -> Iterator[str]:
    """Each run begins with the rows of its position, and goes on with every change from there to where it ended."""
    wish = follower.wish
    begun = _copies(wish, log, {run.start for run in follower.runs})
    for run in follower.runs:
        if run.unasked_after is not None and not _is_reset(log, run.unasked_after, run.start):
            yield f"between {run.unasked_after} and {run.start}: a snapshot that no reset explains"
        if _filled(wish, run.rows) != begun[run.start]:
            yield f"a snapshot that is not of its position: {_difference(_filled(wish, run.rows), begun[run.start])}"
        expected = _expected(wish, log, run.start, run.reached)
        if expected is None:
            yield f"from {run.start} to {run.reached}, past a reset without a snapshot"
        elif (heard := _heard(wish, run)) != expected:
            missing = [update for update in expected if update not in heard][:3]
            surplus = [update for update in heard if update not in expected][:3]
            yield f"from {run.start} to {run.reached}: missing {missing}, surplus {surplus}"


def _is_reset(log: list[Entry], after: int, upto: int) -> bool:
    return any(entry.action == "reset" and after < entry.seq <= upto for entry in log)


def _copies(wish: Wish, log: list[Entry], positions: set[int]) -> dict[int, Copy]:
    """What a client with this wish has at each of `positions`."""
    copies, copy, due = {}, {}, sorted(positions)  # type: dict[int, Copy], Copy, list[int]
    for entry in log:
        while due and due[0] < entry.seq:
            copies[due.pop(0)] = dict(copy)
        _apply(wish, entry, copy)
    return copies | {position: copy for position in due}


def _apply(wish: Wish, entry: Entry, copy: Copy) -> None:
    if entry.action == "reset":
        copy.clear()
    elif entry.new is not None and wish.matches(entry.new):
        copy[entry.key] = wish.seen(entry.new)
    else:
        copy.pop(entry.key, None)


def _expected(wish: Wish, log: list[Entry], start: int, end: int) -> list[Heard] | None:
    """What is to be heard after `start` up to `end`; None where a reset is in between."""
    expected = []
    for entry in log:
        if not start < entry.seq <= end:
            continue
        if entry.action == "reset":
            return None
        was, is_now = (image is not None and wish.matches(image) for image in (entry.old, entry.new))
        if is_now:
            assert entry.new is not None
            new = wish.seen(entry.new)
            if not was or wish.seen(entry.old or {}) != new:
                expected.append((entry.seq, "update" if was else "create", new))
        elif was:
            expected.append((entry.seq, "delete", {"id": entry.key}))
    return expected


def _heard(wish: Wish, run: Run) -> list[Heard]:
    """A deleted row comes as its key alone; of others a property that is not there is null."""
    return [(seq, action, data if action == "delete" else wish.seen({}) | data) for seq, action, data in run.updates]


def _filled(wish: Wish, rows: Copy) -> Copy:
    return {key: wish.seen({}) | row for key, row in rows.items()}


def _of_the_rows(follower: Follower, place: Place) -> Iterator[str]:
    """The client's rows against `SELECT ... WHERE filter`."""
    wish = follower.wish
    stored = place.select(f"select {', '.join(wish.columns)} from {wish.resource} where {wish.where}")
    rows = {values[wish.columns.index("id")]: dict(zip(wish.columns, values, strict=True)) for values in stored}
    if (copy := _filled(wish, follower.rows)) != rows:
        yield f"the rows are not those of SELECT: {_difference(copy, rows)}"


def _difference(copy: Copy, rows: Copy) -> str:
    missing = [row for key, row in rows.items() if key not in copy][:2]
    surplus = [row for key, row in copy.items() if key not in rows][:2]
    other = [(row, rows[key]) for key, row in copy.items() if key in rows and row != rows[key]][:2]
    return f"{len(copy)} rows for {len(rows)}, missing {missing}, surplus {surplus}, other than they should be {other}"


def _key(row: tuple[Any, ...]) -> Any:
    return row[0]
