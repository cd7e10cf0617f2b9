"""Sees that a program made a table again and put Tidegate's triggers back, as SQLite's own recipe for ALTER TABLE does.

The copy of the rows may have other values, which no trigger sees. A table that is made again is the last one of the
catalogue; VACUUM keeps the order. So a table that was there before the change log, as those of other programs are, and
now comes after it, was made again. Tidegate's own tables come after the log from the start.
Invariant: a migration that put the triggers back made subscribers read the rows again, and is no matter of this module.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import apsw

from tidegate.contract import Resource
from tidegate.store.sqlite.changelog import LOG

_OLDER = """SELECT name FROM sqlite_master WHERE type = 'table' AND rowid < (
  SELECT rowid FROM sqlite_master WHERE type = 'table' AND name = ?) ORDER BY name"""
_THERE = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
_RESET = f"SELECT 1 FROM {LOG} WHERE seq > ? AND resource = ? AND action = 'reset'"


def older_tables(connection: apsw.Connection) -> tuple[str, ...]:
    """The tables that were there before the change log."""
    return tuple(name for (name,) in connection.execute(_OLDER, (LOG,)))


def remade(
    connection: apsw.Connection, resources: Iterable[Resource], before: Collection[str], seq: int
) -> list[Resource]:
    """The resources whose table was made again since the log had `seq`. `before`: the older tables at that time."""
    now = older_tables(connection)
    return [
        resource
        for resource in resources
        if resource.table in before
        and resource.table not in now
        and connection.execute(_THERE, (resource.table,)).fetchall()
        and not connection.execute(_RESET, (seq, resource.name)).fetchall()
    ]
