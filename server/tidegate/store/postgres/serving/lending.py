"""The change log of PostgreSQL as the hub of workers lends it: records as they are, which each worker decodes.

The hub knows no schema, so that workers may be replaced by some with another one. Which rows policies hide it finds by
the triggers of the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tidegate.contract import Resource
from tidegate.core.rows.ports import Change
from tidegate.store.postgres.changelog import SCHEMA, log_name
from tidegate.store.postgres.connection import Connection
from tidegate.store.postgres.row_security import hiding_logged
from tidegate.store.serving.change_feed import EVERY_RESOURCE
from tidegate.store.serving.named_rows import is_named

Record = tuple[Any, ...]


def records(connection: Connection, found: Sequence[Record]) -> Sequence[Record]:
    """Rows of the log whose texts of JSON are bytes, as they cross to the workers."""
    return [
        (seq, time, resource, key.encode(), action, old and old.encode(), new and new.encode(), origin, actor)
        for seq, time, resource, key, action, old, new, origin, actor in visible(connection, found)
    ]


def visible(connection: Connection, found: Sequence[Record]) -> Sequence[Record]:
    """Rows of the log; in place of the changes that row level security hides there is one reset, as `Reader.decoded`
    has it.
    """
    functions = {log_name(resource): resource for resource in {record[2] for record in found}}
    hidden = {functions[name] for name in hiding_logged(connection, SCHEMA, functions)} if functions else set()
    if not hidden:
        return found
    last = {record[2]: record for record in found if record[2] in hidden}
    return [
        record if record[2] not in last else (*record[:3], "{}", "reset", None, None, None, None)
        for record in found
        if last.get(record[2], record) is record
    ]


def decoder(
    decoded: Callable[[Record], Change], resources: Mapping[str, Resource]
) -> Callable[[Sequence[Record]], list[Change]]:
    """Records that were lent as changes; those of resources that this schema does not have are left out."""

    def changes(lent: Sequence[Record]) -> list[Change]:
        found: list[Change] = []
        for record in lent:
            if record[2] in resources:
                seq, time, resource, key, action, old, new, origin, actor = record
                texts = key.decode(), action, old and old.decode(), new and new.decode()
                if is_named(change := decoded((seq, time, resource, *texts, origin, actor))):
                    found.append(change)
            elif record[2] == EVERY_RESOURCE:
                found += [Change(record[0], record[1], name, {}, "reset", None, None) for name in resources]
        return found

    return changes
