"""The rules of SQLite tables for their rows, and the rows whose references lead nowhere.

SQLite enforces references only on connections that ask for it, so that such rows may be older than the migration.
It only reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import peewee
from playhouse.apsw_ext import APSWDatabase

from tidegate.store.errors import StoreError
from tidegate.store.migration.row_checks import Query, Rule, check_rule
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.migration.tables import Column
from tidegate.store.sqlite.program_needs import lacks_program


class Dangling(NamedTuple):
    """A row that refers to a missing row."""

    table: str
    row: int | None
    parent: str
    columns: tuple[str, ...]


def rules_of(columns: Mapping[str, Column], before: Mapping[str, Column]) -> list[Rule]:
    """The rules of these columns. A reference that `before` has as well is no new rule and is left out."""
    rules = []
    for name, column in columns.items():
        value = quoted(name)
        if not column.null:
            rules.append(Rule(f"{name} is null", f"{value} IS NULL"))
        rules += [check_rule(name, condition, keyword, column) for keyword, condition in column.checks.items()]
        known = name in before and before[name].references == column.references
        if column.references is not None and not known:
            table, target = column.references
            targets = f"SELECT {quoted(target)} FROM {quoted(table)} WHERE {quoted(target)} IS NOT NULL"
            rules.append(
                Rule(f"{name} refers to no row of {table}", f"{value} IS NOT NULL AND {value} NOT IN ({targets})")
            )
    return rules


def dangling(database: APSWDatabase) -> set[Dangling]:
    """Every row of the database whose reference leads nowhere, also in tables of other programs."""
    found: set[Dangling] = set()
    for table in database.get_tables():
        columns: dict[int, list[str]] = {}
        for number, _, _, column, *_ in database.execute_sql(f"PRAGMA foreign_key_list({quoted(table)})").fetchall():
            columns.setdefault(number, []).append(column)
        if not columns:
            continue
        try:
            rows = database.execute_sql(f"PRAGMA foreign_key_check({quoted(table)})").fetchall()
        except peewee.PeeweeException as error:
            if lacks_program(error):
                continue  # only the owner's program can compare the keys
            if "foreign key mismatch" not in str(error):
                raise
            # The reference leads to columns that are no key: it is wrong for all rows.
            found.add(Dangling(table, None, str(error), ()))
            continue
        found |= {Dangling(table, row, parent, tuple(columns[number])) for _, row, parent, number in rows}
    return found


def query_of(database: APSWDatabase) -> Query:
    """The database as `check_rows` asks it."""
    return lambda sql: list(database.execute_sql(sql).fetchall())


def check_references(database: APSWDatabase, before: set[Dangling]) -> None:
    """Raises StoreError for rows that refer to a missing row since this migration. `before`: those of before it."""
    new = sorted(dangling(database) - before, key=str)
    if new:
        first = new[0]
        what = f"({', '.join(first.columns)}) refers to no row of {first.parent}" if first.columns else first.parent
        raise StoreError(
            f"the migration failed and nothing was changed: {len(new)} rows would refer to rows that are not there; "
            f"the first: {first.table}, row number {first.row}, {what}"
        )
