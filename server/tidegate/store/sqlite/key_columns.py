"""What SQLite's tables make of the columns of a key: how keys are looked up, and whether a row may lack its key.

It asks the database once a resource. Invariant: it writes nothing.
"""

from __future__ import annotations

from typing import Any

import apsw

from tidegate.contract import Resource
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.filters import ALIAS
from tidegate.store.sqlite.program_needs import compiled, lacks_program


class KeyColumns:
    """Of the tables of one database."""

    def __init__(self) -> None:
        self._collated: dict[str, bool] = {}
        self._weak: dict[str, tuple[str, ...]] = {}

    def by_collation(self, connection: apsw.Connection, resource: Resource) -> bool:
        """Whether keys can be looked up by the collation of their columns, which their index has.

        For a collation of the owner's program only the exact comparison is left, which reads the whole table.
        """
        known = self._collated.get(resource.name)
        if known is None:
            equal = " AND ".join(f"{ALIAS}.{quoted(name)} = ''" for name in resource.key)
            error = compiled(connection, f"SELECT 1 FROM {quoted(resource.table)} {ALIAS} WHERE {equal}")
            known = self._collated[resource.name] = error is None or not lacks_program(error)
        return known

    def may_lack(self, connection: apsw.Connection, resource: Resource) -> tuple[str, ...]:
        """The properties of the key that a row may lack: NULL, and infinity, which JSON does not have.

        SQLite lets NULL into every PRIMARY KEY that is not the number of the row.
        """
        known = self._weak.get(resource.name)
        if known is None:
            known = self._weak[resource.name] = tuple(
                name
                for name in resource.key
                if resource.properties[name].type == "number" or name.lower() not in _never_null(connection, resource)
            )
        return known


def _never_null(connection: apsw.Connection, resource: Resource) -> set[str]:
    """The columns, in lower case, that hold no NULL."""
    table = quoted(resource.table)
    found: list[tuple[Any, ...]] = connection.execute(f"PRAGMA table_xinfo({table})").fetchall()
    never = {name.lower() for _, name, _, not_null, *_ in found if not_null}
    key = [(name.lower(), kind.upper()) for _, name, kind, _, _, place, _ in found if place]
    # The number of the row has no index.
    if [kind for _, kind in key] == ["INTEGER"] and not any(
        origin == "pk" for _, _, _, origin, _ in connection.execute(f"PRAGMA index_list({table})")
    ):
        never.add(key[0][0])
    return never
