"""The rules of SQLite tables, and references that lead nowhere, which SQLite enforces by connection only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import peewee
from playhouse.apsw_ext import APSWDatabase

from tidegate.store.errors import StoreError
from tidegate.store.migration.row_checks import Ask, Rule, wrong_by
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.migration.tables import Column


class Dangling(NamedTuple):
    """A row that refers to one that is not there."""

    table: str
    row: int | None
    parent: str
    columns: tuple[str, ...]


def rules_of(columns: Mapping[str, Column], before: Mapping[str, Column]) -> list[Rule]:
    """The rules of a table's columns; of references only those that `before` did not have.

    (Rows without the row that they refer to may have been there for long: SQLite enforces references by connection.)
    """
    rules = []
    for name, column in columns.items():
        place = quoted(name)
        if not column.null:
            rules.append(Rule(f"{name} is null", f"{place} IS NULL"))
        for word, check in column.checks.items():
            wrong = wrong_by(word, column.type, column.enum, column.max_length)
            rules.append(Rule(f"{name} {wrong}", f"NOT ({check})"))
        known = name in before and before[name].references == column.references
        if column.references is not None and not known:
            table, target = column.references
            there = f"SELECT {quoted(target)} FROM {quoted(table)} WHERE {quoted(target)} IS NOT NULL"
            rules.append(
                Rule(f"{name} refers to no row of {table}", f"{place} IS NOT NULL AND {place} NOT IN ({there})")
            )
    return rules


def dangling(database: APSWDatabase) -> set[Dangling]:
    """Every row whose reference leads nowhere, whoever's table it is in."""
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
            if "foreign key mismatch" not in str(error):
                raise
            # A reference to what is no key: wrong whatever the rows are.
            found.add(Dangling(table, None, str(error), ()))
            continue
        found |= {Dangling(table, row, parent, tuple(columns[number])) for _, row, parent, number in rows}
    return found


def asking(database: APSWDatabase) -> Ask:
    return lambda sql: list(database.execute_sql(sql).fetchall())


def check_references(database: APSWDatabase, before: set[Dangling]) -> None:
    """Raises StoreError for rows that lost, by this migration, the row that they refer to."""
    new = sorted(dangling(database) - before, key=str)
    if new:
        first = new[0]
        what = f"({', '.join(first.columns)}) refers to no row of {first.parent}" if first.columns else first.parent
        raise StoreError(
            f"the migration failed and nothing was changed: {len(new)} rows would refer to rows that are not there; "
            f"the first: {first.table}, row number {first.row}, {what}"
        )
