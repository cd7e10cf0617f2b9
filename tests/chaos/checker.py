"""The judge of a history: what each client applied against what the change log says, and the rows at last.

It reads the database with the standard library's SQLite and shares no code with the gateway. A client's history must
hold every change that concerns its filter, once, in order, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from tests.chaos.follower import Follower
from tests.chaos.wishes import Row, Wish
from tests.support.gateway import GatewayProcess

UNDONE = "undone"
"""What rows are called whose transaction was rolled back."""
HIDDEN = "password"
"""A property that no client may ever see."""


class Entry(NamedTuple):
    """One line of the change log; the images are raw columns."""

    seq: int
    key: Any
    old: Row | None
    new: Row | None


def violations(process: GatewayProcess, followers: Iterable[Follower]) -> list[str]:
    """Everything that is wrong with what the followers heard. To be asked once all of them have caught up."""
    logs = {resource: list(_log(process, resource)) for resource in ("users", "tasks")}
    found = []
    for follower in followers:
        found += follower.violations
        found += _history(follower, logs[follower.wish.resource])
        found += _rows(follower, process)
    return found


def _log(process: GatewayProcess, resource: str) -> Iterator[Entry]:
    sql = "select seq, key, old, new from tidegate_log where resource = ? order by seq"
    for seq, key, old, new in process.select(sql, resource):
        yield Entry(int(str(seq)), json.loads(str(key))["id"], _image(old), _image(new))


def _image(text: object) -> Row | None:
    image: Row | None = None if text is None else json.loads(str(text))
    return image


def _history(follower: Follower, log: list[Entry]) -> Iterator[str]:
    """Each run of updates against the log between its snapshot and where the client was when it ended."""
    for run in follower.runs:
        expected = [
            (entry.seq, action, entry.key)
            for entry in log
            if run.start < entry.seq <= run.reached and (action := _action(follower.wish, entry)) is not None
        ]
        if run.updates != expected:
            missing = sorted(set(expected) - set(run.updates))[:3]
            surplus = sorted(set(run.updates) - set(expected))[:3]
            yield f"{follower.name}: from {run.start} to {run.reached}: missing {missing}, surplus {surplus}"


def _action(wish: Wish, entry: Entry) -> str | None:
    """What `entry` means to a client that wishes `wish`; None for nothing."""
    was, is_now = (image is not None and wish.matches(image) for image in (entry.old, entry.new))
    if was and is_now:
        return "update" if _visible(entry.old) != _visible(entry.new) else None
    return "create" if is_now else "delete" if was else None


def _visible(image: Row | None) -> Row:
    return {name: value for name, value in (image or {}).items() if name != HIDDEN}


def _rows(follower: Follower, process: GatewayProcess) -> Iterator[str]:
    """The client's rows against `SELECT ... WHERE filter`."""
    wish = follower.wish
    columns = "id, name, status" if wish.resource == "users" else "id, title, done, priority"
    stored = process.select(f"select {columns} from {wish.resource} where {wish.where}")
    names = columns.split(", ")
    copy = sorted(tuple(row.get(name) for name in names) for row in follower.rows.values())
    if copy != sorted(stored):
        yield f"{follower.name}: {len(copy)} rows, but SELECT has {len(stored)}, or they differ"
    for row in follower.rows.values():
        if HIDDEN in row or UNDONE in row.values():
            yield f"{follower.name}: was shown {row}"
