"""Tells whether PostgreSQL gave the rows of a table other values without a trigger: ALTER TABLE, ALTER TYPE.

A change of a column's type may compute each value (USING), and so may one that keeps the type: fewer digits, another
expression of a generated column. A column that was dropped and added has its default in each row. A value of an
enumerated type that is renamed is another text. No trigger sees any of it, and copies of clients would keep the old
values. After a crash PostgreSQL empties tables that are UNLOGGED. A dump of the tables alone makes them again and puts
the triggers back after the rows. The shapes are recorded in META, so that a gateway also sees what happened while none
ran. A migration that puts triggers back logs a reset, and forgets the shape.
Invariant: a table that was only copied into another file (VACUUM FULL, CLUSTER), altered without a rewrite, or lacks
its triggers has no other values here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tidegate.contract import Resource
from tidegate.store.postgres.changelog import META, ROWS_TRIGGER, TRUNCATE_TRIGGER
from tidegate.store.postgres.connection import Connection
from tidegate.store.postgres.home import qualified
from tidegate.store.sql.names import literal

ENTRY = "tables"
"""The name of the record in META."""
TEXT = {25, 1043}
"""text and varchar, as numbers of types: they are stored and read alike."""

SHAPE = f"""json_build_object('table', t.oid::bigint,
  'emptied', CASE t.relpersistence WHEN 'u' THEN (
    SELECT extract(epoch FROM stats_reset)::text FROM pg_stat_archiver) END,
  'triggers', (SELECT string_agg(concat_ws(' ', g.oid, g.xmin), ', ' ORDER BY g.oid) FROM pg_trigger g
    WHERE g.tgrelid = t.oid AND g.tgenabled = 'A'
    AND g.tgname IN ({literal(ROWS_TRIGGER)}, {literal(TRUNCATE_TRIGGER)}) HAVING count(*) = 2),
  'columns', (SELECT coalesce(json_object_agg(a.attname,
    json_build_array(a.attnum, a.atttypid::bigint, t.relfilenode::bigint, a.xmin::text,
      (SELECT json_object_agg(e.oid, e.enumlabel) FROM pg_enum e WHERE e.enumtypid IN (y.oid, y.typelem, y.typbasetype))
    )), '{{}}')
  FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
  WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped))"""
"""SQL: the shape of the table `t`, a row of pg_class."""


class ColumnShape(msgspec.Struct, frozen=True, array_like=True):
    """A column as the catalogue has it."""

    number: int
    """A column that is dropped and added again has another one."""
    type: int
    file: int
    """Of the table: another one after each statement that writes all rows again. It is kept for each column, because a
    gateway notes the columns of its schema only."""
    version: str
    """The transaction that wrote the column's entry in the catalogue."""
    labels: dict[str, str] | None = None
    """The values of an enumerated type, by their numbers."""


class TableShape(msgspec.Struct, frozen=True):
    """A table as the catalogue has it."""

    table: int
    """Its number. A table that is made again has another one."""
    columns: dict[str, ColumnShape]
    emptied: str | None = None
    """Of an UNLOGGED table: the time since when the server counts its work. A crash makes it forget its statistics."""
    triggers: str | None = None
    """The numbers and versions of Tidegate's triggers, where both of them are there and turned on."""

    def after(self, before: TableShape | None) -> TableShape:
        """With the columns and the triggers that are missing at the moment as they were `before`."""
        known = {} if before is None or before.table != self.table else before.columns
        triggers = self.triggers or (None if before is None else before.triggers)
        return TableShape(self.table, {**known, **self.columns}, self.emptied, triggers)


def shape(found: Any, names: Iterable[str]) -> TableShape:
    """What SHAPE returned, with these columns alone."""
    whole = msgspec.convert(found, TableShape)
    columns = {name: whole.columns[name] for name in names if name in whole.columns}
    return TableShape(whole.table, columns, whole.emptied, whole.triggers)


def rewritten(before: TableShape, now: TableShape) -> list[str]:
    """The columns of which the rows may have other values now."""
    if before.table != now.table:
        return []
    return [
        name
        for name, column in before.columns.items()
        if name in now.columns and _other_values(column, now.columns[name])
    ]


def _other_values(before: ColumnShape, now: ColumnShape) -> bool:
    if before.number != now.number or (before.file != now.file and before.version != now.version):
        return True
    if before.type != now.type:
        return not {before.type, now.type} <= TEXT
    labels = now.labels or {}
    return any(labels.get(number, label) != label for number, label in (before.labels or {}).items())


def recorded(connection: Connection) -> dict[str, TableShape]:
    """The shapes that gateways saw last, by table. Raises psycopg.Error."""
    found = connection.execute(f"SELECT value FROM {META} WHERE name = $1", [ENTRY]).fetchall()
    try:
        return msgspec.json.decode(found[0][0], type=dict[str, TableShape]) if found else {}
    except msgspec.MsgspecError:  # of another version of Tidegate
        return {}


def record(connection: Connection, shapes: Mapping[str, TableShape]) -> None:
    """Record these shapes and keep those of other tables. Without effect for a role that may only change entries of
    META, where no migration made this one. Raises psycopg.Error.
    """
    given = msgspec.json.encode(shapes).decode()
    noted = connection.execute(
        f"UPDATE {META} SET value = (value::jsonb || $2::jsonb)::text WHERE name = $1 RETURNING 1", [ENTRY, given]
    )
    may_insert = connection.execute(f"SELECT has_table_privilege('{META}', 'INSERT')")
    if not noted.fetchall() and may_insert.fetchall() == [(True,)]:  # a database of an older version
        connection.execute(f"INSERT INTO {META} (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING", [ENTRY, given])


def look(connection: Connection, home: str, resources: Iterable[Resource]) -> dict[str, TableShape]:
    """The tables of these resources that exist, as they are, by name. `home`: their schema.

    Raises psycopg.Error.
    """
    columns = {resource.table: tuple(resource.properties) for resource in resources}
    found = connection.execute(
        f"SELECT asked.name, {SHAPE} FROM unnest($1::text[], $2::text[]) asked (name, relation) "
        "JOIN pg_class t ON t.oid = to_regclass(asked.relation) AND t.relkind = 'r'",
        [list(columns), [qualified(home, table) for table in columns]],
    )
    return {table: shape(value, columns[table]) for table, value in found}


def changed(before: Mapping[str, TableShape], now: Mapping[str, TableShape]) -> list[str]:
    """The columns, each as `table.column`, of which the rows may have other values than `before`; the tables that were
    made again, or that a crash may have emptied.
    """
    found = []
    for table, shaped in now.items():
        if table in before:
            found += [table] if _lost_rows(before[table], shaped) or remade(before[table], shaped) else []
            found += [f"{table}.{name}" for name in rewritten(before[table], shaped)]
    return found


def remade(before: TableShape, now: TableShape) -> bool:
    """Whether Tidegate's triggers are others than `before`: they were put back, or turned off and on again."""
    return None not in (before.triggers, now.triggers) and before.triggers != now.triggers


def forgotten(table: str) -> str:
    """A statement for a migration that puts triggers on the table: it logs a reset where the log lacks changes."""
    return f"UPDATE {META} SET value = (value::jsonb - {literal(table)})::text WHERE name = {literal(ENTRY)}"


def _lost_rows(before: TableShape, now: TableShape) -> bool:
    """Whether the server crashed, and the table was UNLOGGED all the time."""
    return before.table == now.table and None not in (before.emptied, now.emptied) and before.emptied != now.emptied
