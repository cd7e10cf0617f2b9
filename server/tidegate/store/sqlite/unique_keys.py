"""Whether SQLite lets two rows of a table have one key: clients would take them for one row. It only reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tidegate.contract import Resource
from tidegate.store.errors import no_unique_key
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.catalogue import Catalogue, columns_there, fold


def has_unique_key(database: Catalogue, table: str, key: Sequence[str]) -> bool:
    """Whether the table's primary key, or a unique index of all rows, has no other columns than `key`."""
    wanted = {fold(name) for name in key}
    primary = {fold(name) for name, column in columns_there(database, table).items() if column.key}
    if primary and primary <= wanted:
        return True
    for _, index, unique, _, partial in database.execute_sql(f"PRAGMA index_list({quoted(table)})").fetchall():
        # An index of an expression has a column without a name.
        names = [name for _, _, name in database.execute_sql(f"PRAGMA index_info({quoted(index)})").fetchall()]
        if unique and not partial and None not in names and {fold(name) for name in names} <= wanted:
            return True
    return False


def notes(database: Catalogue, resources: Iterable[Resource]) -> Iterator[str]:
    """A note for each of `resources` whose table, which exists, may have rows with equal keys."""
    for resource in resources:
        if not has_unique_key(database, resource.table, resource.key):
            yield no_unique_key(resource.table, resource.key)
