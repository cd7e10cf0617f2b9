"""Judges a history: compares the changes that each client applied with the change log, and the final rows with SELECT.

It shares no code with the gateway. A client's history must contain every change that concerns its query, once, in
order, with the content that its user may see, and nothing else. Every snapshot that restarts it must have a reason. The
log itself must lead to the rows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from tests.chaos.copies import Begun, Rows, Run
from tests.chaos.follower import Follower
from tests.chaos.places import Entry, Place
from tests.chaos.queries import COLUMNS, Query, Row
from tests.chaos.users import Right, User
from tests.chaos.writers import UNDONE

Heard = tuple[int, str, Row]
PRUNED, PRUNED_MEANWHILE, EMPTIED, OTHER_RIGHTS = (
    "the log was pruned",
    "the log was pruned during the replay",
    "the table was emptied",
    "the permissions changed",
)
"""The reasons for a snapshot that the client did not request."""


class Log:
    """The change log as it was written, with the changes that were pruned later."""

    def __init__(self, entries: list[Entry]) -> None:
        self._all = entries
        self._of = {name: [entry for entry in entries if entry.resource == name] for name in COLUMNS}
        self._seqs = {name: [entry.seq for entry in found] for name, found in self._of.items()}

    def of(self, resource: str) -> list[Entry]:
        return self._of[resource]

    def between(self, resource: str, after: int, upto: int) -> list[Entry]:
        seqs = self._seqs[resource]
        return self._of[resource][bisect_right(seqs, after) : bisect_right(seqs, upto)]

    def emptied(self, resource: str, after: int, upto: int) -> bool:
        return any(entry.action == "reset" for entry in self.between(resource, after, upto))

    def pruned(self, after: int, at: float) -> bool:
        """Whether a change after `after` was pruned by the time `at`. The oldest changes are pruned first."""
        first = bisect_right(self._all, after, key=lambda entry: entry.seq)
        gone_at = self._all[first].gone_at if first < len(self._all) else None
        return gone_at is not None and gone_at <= at * 1000


def judge(place: Place, followers: Iterable[Follower]) -> tuple[list[str], Counter[str]]:
    """All faults in the messages that the followers received, and the reasons for snapshots they did not request.

    It compares the rows only of followers that have caught up.
    """
    log = Log(place.log())
    found = [fault for resource in COLUMNS for fault in _of_the_log(place, resource, log.of(resource))]
    reasons: Counter[str] = Counter()
    head = place.head()
    scopes: dict[tuple[str, str], Right] = {}
    for follower in followers:
        of_one = [*follower.copy.violations, *_of_the_history(follower, log)]
        for run in follower.copy.runs:
            of_one += _of_the_scope(follower.query, run, scopes)
            of_one += _of_the_reason(follower.query, run, log, reasons)
        if follower.has_all(head):
            of_one += _of_the_rows(follower, place)
        found += [f"{follower.name}: {fault}" for fault in of_one]
    return found, reasons


def _of_the_log(place: Place, resource: str, log: list[Entry]) -> Iterator[str]:
    """Check the log: each image follows from the one before, none is from a rollback, and the last equals SELECT."""
    rows: Rows = {}
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


def _of_the_history(follower: Follower, log: Log) -> Iterator[str]:
    """Check that each run begins with the rows of its position and has every change from there to its end."""
    query, runs = follower.query, follower.copy.runs
    begun = {
        user: _copies(query, user, log, {run.start for run in runs if run.user is user})
        for user in {run.user for run in runs}
    }
    for run in runs:
        place = f"as {run.user.name}, from {run.start} to {run.reached}"
        rows = begun[run.user][run.start]
        if _filled(query, run.rows) != rows:
            yield f"{place}: a snapshot that is not of its position: {_difference(_filled(query, run.rows), rows)}"
        expected = _expected(query, run.user, log, run.start, run.reached)
        if expected is None:
            yield f"{place}: past a reset without a snapshot"
        elif (heard := _heard(query, run)) != expected:
            missing = [update for update in expected if update not in heard][:3]
            surplus = [update for update in heard if update not in expected][:3]
            yield f"{place}: missing {missing}, surplus {surplus}"


def _of_the_scope(query: Query, run: Run, scopes: dict[tuple[str, str], Right]) -> Iterator[str]:
    """Check scopes: a scope means one permission, and permission for all rows has none."""
    right = run.user.right(query.resource)
    if ("scope" in run.scope) != (right is not None):
        yield f"rows of {run.user.name} with {run.scope or 'no scope'}"
    elif right is not None and scopes.setdefault((query.resource, run.scope["scope"]), right) != right:
        yield f"rows of {run.user.name} with the scope of another right"


def _of_the_reason(query: Query, run: Run, log: Log, reasons: Counter[str]) -> Iterator[str]:
    """Check that a client that resumes gets the missed changes, unless there is a reason for a snapshot."""
    before = run.before
    if before is None or run.begun not in {Begun.INSTEAD, Begun.UNASKED}:
        return
    here = f"between {before.reached} and {run.start}"
    if run.epoch != before.epoch:
        yield f"{here}: another epoch"
    elif run.begun is Begun.INSTEAD and run.user.right(query.resource) != before.user.right(query.resource):
        reasons[OTHER_RIGHTS] += 1
    elif log.emptied(query.resource, before.reached, run.start):
        reasons[EMPTIED] += 1
    elif log.pruned(before.reached - 1, run.answered_at):  # also if the change that it was at is the last to be gone
        reasons[PRUNED if run.begun is Begun.INSTEAD else PRUNED_MEANWHILE] += 1
    else:
        yield f"{here}: a snapshot that nothing explains: {run.begun.value}"


def _copies(query: Query, user: User, log: Log, positions: set[int]) -> dict[int, Rows]:
    """The rows that a client with this query has at each of `positions`."""
    copies, copy, due = {}, {}, sorted(positions)  # type: dict[int, Rows], Rows, list[int]
    for entry in log.of(query.resource):
        while due and due[0] < entry.seq:
            copies[due.pop(0)] = dict(copy)
        if not due:
            break
        _apply(query, user, entry, copy)
    return copies | {position: copy for position in due}


def _apply(query: Query, user: User, entry: Entry, copy: Rows) -> None:
    if entry.action == "reset":
        copy.clear()
    elif _has(query, user, entry.new):
        copy[entry.key] = query.seen(entry.new or {})
    else:
        copy.pop(entry.key, None)


def _has(query: Query, user: User, image: Row | None) -> bool:
    return image is not None and user.may_see(query.resource, image) and query.matches(image)


def _expected(query: Query, user: User, log: Log, start: int, end: int) -> list[Heard] | None:
    """The updates that a client receives after `start` up to `end`. None if a reset is in between."""
    expected = []
    for entry in log.between(query.resource, start, end):
        if entry.action == "reset":
            return None
        was, is_now = (_has(query, user, image) for image in (entry.old, entry.new))
        if is_now:
            new = query.seen(entry.new or {})
            if not was or query.seen(entry.old or {}) != new:
                expected.append((entry.seq, "update" if was else "create", new))
        elif was:
            expected.append((entry.seq, "delete", {"id": entry.key}))
    return expected


def _heard(query: Query, run: Run) -> list[Heard]:
    """The data of an update: of a deleted row only its key; a missing property of another row is null."""
    return [(seq, action, data if action == "delete" else query.seen({}) | data) for seq, action, data in run.updates]


def _filled(query: Query, rows: Rows) -> Rows:
    return {key: query.seen({}) | row for key, row in rows.items()}


def _of_the_rows(follower: Follower, place: Place) -> Iterator[str]:
    """Compare the client's rows with `SELECT ... WHERE filter AND permission`."""
    query, user = follower.query, follower.copy.user
    where = f"({query.where}) and {user.where(query.resource)}"
    stored = place.select(f"select {', '.join(query.columns)} from {query.resource} where {where}")
    rows = {values[query.columns.index("id")]: dict(zip(query.columns, values, strict=True)) for values in stored}
    if (copy := _filled(query, follower.copy.rows)) != rows:
        yield f"as {user.name}, the rows are not those of SELECT: {_difference(copy, rows)}"


def _difference(copy: Rows, rows: Rows) -> str:
    missing = [row for key, row in rows.items() if key not in copy][:2]
    surplus = [row for key, row in copy.items() if key not in rows][:2]
    other = [(row, rows[key]) for key, row in copy.items() if key in rows and row != rows[key]][:2]
    return f"{len(copy)} rows for {len(rows)}, missing {missing}, surplus {surplus}, other than they should be {other}"


def _key(row: tuple[Any, ...]) -> Any:
    return row[0]
