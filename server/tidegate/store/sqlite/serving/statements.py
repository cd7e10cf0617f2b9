"""Statements that several files here make: rows of a resource, the head of the change log, a query of one value.

They are made within the caller's transaction. Names come only from the schema, values are only bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import apsw

from tidegate.contract import Resource
from tidegate.core.rows.ports import Row
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.changelog import LOG, image
from tidegate.store.sqlite.filters import ALIAS
from tidegate.store.sqlite.rows import RowReader
from tidegate.store.sqlite.serving.clauses import listed

NEWEST = f"SELECT max(seq) FROM {LOG}"
# Images as bytes: a foreign program may have written text that is not UTF-8.
COLUMNS = "seq, time, resource, CAST(key AS BLOB), action, CAST(old AS BLOB), CAST(new AS BLOB), origin, actor"

Statements = apsw.Connection | apsw.Cursor
"""Carries out one statement after the other. A cursor is faster, and forgets a statement's rows with the next one."""


def select(
    connection: Statements, resource: Resource, reader: RowReader, rest: str, values: Sequence[Any]
) -> list[Row]:
    """Wire rows of `resource`. `rest` is the SQL from WHERE on, in which the table is called ALIAS."""
    table = f"{quoted(resource.table)} {ALIAS}"
    try:
        found = connection.execute(f"SELECT {listed(reader.columns)} FROM {table}{rest}", values)
        return [reader.row(row) for row in found]
    except UnicodeDecodeError:  # text of a foreign program: read as images, like the change log, where it does no harm
        found = connection.execute(f"SELECT CAST({image(ALIAS, reader.columns)} AS BLOB) FROM {table}{rest}", values)
        return [reader.image(text) or {} for (text,) in found]


def each(
    connection: apsw.Connection, resource: Resource, reader: RowReader, rest: str, values: Sequence[Any]
) -> Iterator[Row]:
    """As `select`, one row after the other. `rest` ends in an ORDER BY that orders all rows."""
    table = f"{quoted(resource.table)} {ALIAS}"
    cursor = connection.cursor()
    seen = 0
    try:
        try:
            for row in cursor.execute(f"SELECT {listed(reader.columns)} FROM {table}{rest}", values):
                seen += 1
                yield reader.row(row)
        except UnicodeDecodeError:  # as in `select`, from the row on that could not be read
            found = f"SELECT CAST({image(ALIAS, reader.columns)} AS BLOB) FROM {table}{rest} LIMIT -1 OFFSET ?"
            for (text,) in cursor.execute(found, [*values, seen]):
                yield reader.image(text) or {}
    finally:
        cursor.close(True)  # an unfinished statement would keep the transaction open


def head(connection: Statements) -> int:
    """The newest seq ever given, also when everything was deleted; 0 for a new log.

    The log itself comes first. A statement that ends with OR FAIL leaves its changes, but SQLite does not note their
    numbers in sqlite_sequence. And Tidegate never prunes the newest change. In one statement the two take twice the
    time, and each mutation asks twice.
    """
    newest: int | None = connection.execute(NEWEST).get
    if newest is not None:
        return newest
    counted: int = one_value(connection, "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = ?", LOG)
    return counted


def one_value(connection: Statements, sql: str, *values: Any) -> Any:
    """The one value of a query that always has one."""
    return connection.execute(sql, values).get
