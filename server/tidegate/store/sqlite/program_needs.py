"""What only the owner's program can do with a table, because it registers functions, collations or modules with SQLite.

Tidegate's connections do not have them. Rows can be read, and the program's own changes are logged: the triggers run in
the program. A statement whose indexes, checks, computed columns or triggers need them fails on Tidegate's connections.
SQLite compiles a statement to find out; nothing is executed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import apsw

from tidegate.contract import Resource
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.filters import ALIAS

LACKING = (
    "no such function",
    "unknown function",
    "no such collation",
    "no such module",
    "no such tokenizer",
    "unknown tokenizer",
)
"""How SQLite names what a connection lacks."""


def lacks_program(error: Exception) -> bool:
    """Whether a statement failed because only the owner's program has what it needs."""
    return any(words in str(error) for words in LACKING)


def unwritable(connection: apsw.Connection, table: str) -> str | None:
    """A sentence about what clients cannot do with the rows of `table`; None if they can do everything."""
    rows: list[tuple[Any, ...]] = connection.execute(f"PRAGMA table_xinfo({quoted(table)})").fetchall()
    sets = ", ".join(f"{quoted(name)} = {ALIAS}.{quoted(name)}" for _, name, *_, hidden in rows if not hidden)
    statements = {
        "create": f"INSERT INTO {quoted(table)} DEFAULT VALUES",
        "update": f"UPDATE {quoted(table)} AS {ALIAS} SET {sets}",
        "delete": f"DELETE FROM {quoted(table)} WHERE random() = 0",  # without a condition SQLite uses no index
    }
    failed: dict[str, str] = {}
    for action, sql in statements.items():
        if (error := compiled(connection, sql)) is not None and lacks_program(error):
            failed[action] = str(error)
    if not failed and connection.readonly("main") and (error := _checks_lack(connection, table)) is not None:
        failed = dict.fromkeys(("create", "update"), str(error))
    if not failed:
        return None
    words = {"create": "create rows", "delete": "delete rows", "update": "update some columns"}
    actions = [text for action, text in words.items() if action in failed]
    return (
        f"{table} needs what only its own program has ({next(iter(failed.values()))}): clients can read it and get the "
        f"program's changes, but they cannot {' or '.join(actions)}"
    )


def _checks_lack(connection: apsw.Connection, table: str) -> apsw.SQLError | None:
    """The error for what the table's CHECK constraints lack. SQLite drops them where it may only read."""
    memory = apsw.Connection(":memory:")
    try:
        for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)):
            memory.execute(str(sql))
    except apsw.SQLError as error:
        return error if lacks_program(error) else None
    finally:
        memory.close()
    return None


def compiled(connection: apsw.Connection, sql: str) -> apsw.SQLError | None:
    """The error with which the statement cannot be compiled. (EXPLAIN takes unknown functions.)"""
    cursor = connection.cursor()
    cursor.exec_trace = lambda *_: False
    try:
        cursor.execute(sql)
    except apsw.SQLError as error:
        return error
    except apsw.ExecTraceAbort:  # it is compiled, and was not begun
        return None
    return None


def all_unwritable(connection: apsw.Connection, resources: Mapping[str, Resource]) -> Iterator[str]:
    """The sentences about the tables of `resources` that have one."""
    for resource in resources.values():
        if (found := unwritable(connection, resource.table)) is not None:
            yield found
