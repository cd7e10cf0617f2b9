"""The columns of a table as PostgreSQL's catalogue has them, domains as the types that they are made of.

Invariant: `type` is a name without length, as format_type gives it to every session.
"""

from __future__ import annotations

from typing import NamedTuple

from tidegate.store.postgres.connection import Connection
from tidegate.store.sql.names import quoted


class ColumnThere(NamedTuple):
    """A column of a table that exists."""

    declared: str
    type: str
    """Of a domain, the type that it is made of; of an array, `text[]` and the like."""
    modifier: int
    """The type's own coding of lengths; -1 is none."""
    labels: list[str] | None
    """The values of an enumerated type."""
    enumerates: bool
    """It, or an array's item, has an enumerated type."""
    not_null: bool
    default: str | None
    identity: str
    """a: always, d: by default; empty: none."""
    generated: str
    """s: stored, v: virtual; empty: none."""
    comment: str | None

    @property
    def is_virtual(self) -> bool:
        """It is computed when it is read, and triggers see NULL there."""
        return self.generated == "v"

    @property
    def needs_a_value(self) -> bool:
        """No row can be inserted without a value for it."""
        return self.not_null and self.default is None and not self.identity and not self.generated


def columns(connection: Connection, number: int) -> dict[str, ColumnThere]:
    """The columns of the relation with this number (oid), in their order."""
    found = connection.execute(_COLUMNS, [number])
    return {name: ColumnThere(*rest) for name, *rest in found}


def column_names(connection: Connection, schema: str, table: str) -> set[str]:
    """The names of a table's columns; none without a table."""
    found = connection.execute(
        "SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped",
        [f"{quoted(schema)}.{quoted(table)}"],
    )
    return {name for (name,) in found}


_COLUMNS = """SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), format_type(base.type, NULL), base.modifier,
  CASE base.kind WHEN 'e' THEN ARRAY(
    SELECT enumlabel::text FROM pg_enum WHERE enumtypid = base.type ORDER BY enumsortorder) END,
  base.kind = 'e' OR EXISTS (SELECT FROM pg_type i WHERE i.oid = base.item AND i.typtype = 'e'),
  a.attnotnull OR base.strict, pg_get_expr(d.adbin, d.adrelid), a.attidentity::text, a.attgenerated::text,
  col_description(a.attrelid, a.attnum)
FROM pg_attribute a
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
CROSS JOIN LATERAL (
  WITH RECURSIVE made_of AS (
    SELECT a.atttypid AS type, a.atttypmod AS modifier, false AS strict
    UNION ALL
    SELECT t.typbasetype, CASE t.typtypmod WHEN -1 THEN m.modifier ELSE t.typtypmod END, m.strict OR t.typnotnull
    FROM made_of m JOIN pg_type t ON t.oid = m.type AND t.typtype = 'd')
  SELECT m.type, m.modifier, m.strict, t.typtype AS kind, t.typelem AS item
  FROM made_of m JOIN pg_type t ON t.oid = m.type AND t.typtype <> 'd'
) base
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""
