"""The judge of a history: what each client applied against what the change log says, and the rows at last.

It reads the database with the standard library's SQLite and knows only equality filters; it shares no code with the
gateway. A client's history must hold every change that concerns its filter, once, in order, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from tests.chaos.follower import Follower, Row
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
        found += _history(follower, logs[follower.resource])
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
            if run.start < entry.seq <= run.reached and (action := _action(follower.filters, entry)) is not None
        ]
        if run.updates != expected:
            missing = [item for item in expected if item not in run.updates][:3]
            surplus = [item for item in run.updates if item not in expected][:3]
            yield f"{follower.name}: from {run.start} to {run.reached}: missing {missing}, surplus {surplus}"


def _action(filters: Row, entry: Entry) -> str | None:
    """What `entry` means to a client with `filters`; None for nothing."""
    was, is_now = (_matches(filters, image) for image in (entry.old, entry.new))
    if was and is_now:
        return "update" if _visible(entry.old) != _visible(entry.new) else None
    return "create" if is_now else "delete" if was else None


def _matches(filters: Row, image: Row | None) -> bool:
    return image is not None and all(image.get(name) == value for name, value in filters.items())


def _visible(image: Row | None) -> Row:
    return {name: value for name, value in (image or {}).items() if name != HIDDEN}


def _rows(follower: Follower, process: GatewayProcess) -> Iterator[str]:
    """The client's rows against `SELECT ... WHERE filter`."""
    where = " and ".join(f"{name} = ?" for name in follower.filters) or "1"
    columns = "id, name, status" if follower.resource == "users" else "id, title, done, priority"
    stored = process.select(f"select {columns} from {follower.resource} where {where}", *follower.filters.values())
    names = columns.split(", ")
    copy = sorted(tuple(row.get(name) for name in names) for row in follower.rows.values())
    if copy != sorted(stored):
        yield f"{follower.name}: {len(copy)} rows, but SELECT has {len(stored)}, or they differ"
    for row in follower.rows.values():
        if HIDDEN in row or UNDONE in row.values():
            yield f"{follower.name}: was shown {row}"
