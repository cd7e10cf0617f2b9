"""Rows that do not keep a rule that a table is about to get: how many, one of them, and what to do.

It reads; the migration that asked fails by what it raises, so that nothing is changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import peewee
from playhouse.apsw_ext import APSWDatabase

from tidegate.contract import Resource
from tidegate.store.database import quoted
from tidegate.store.errors import StoreError
from tidegate.store.tables import Column

Ask = Callable[[str], Sequence[Sequence[Any]]]
"""Runs a query on the database and returns its rows."""


class Rule(NamedTuple):
    """A rule: what is wrong with a row that breaks it, and SQL that is true for such rows."""

    wrong: str
    sql: str


class Dangling(NamedTuple):
    """A row that refers to one that is not there."""

    table: str
    row: int | None
    parent: str
    columns: tuple[str, ...]


def check_rows(ask: Ask, resource: Resource, rules: Iterable[Rule], advice: str) -> None:
    """Raises StoreError that tells of every rule that rows break. One pass over the table."""
    rules = list(rules)
    if not rules:
        return
    table = quoted(resource.table)
    (counts,) = ask(f"SELECT {', '.join(f'count(*) FILTER (WHERE {rule.sql})' for rule in rules)} FROM {table}")
    found = []
    for rule, count in zip(rules, counts, strict=True):
        if count:
            keys = ", ".join(map(quoted, resource.key))
            (values,) = ask(f"SELECT {keys} FROM {table} WHERE {rule.sql} LIMIT 1")
            found.append(_told(resource.table, count, rule.wrong, dict(zip(resource.key, values, strict=True))))
    if found:
        raise StoreError(
            f"the migration failed and nothing was changed: {'; '.join(found)}. Correct these rows and migrate again, "
            f"or let a written migration correct them: {advice}"
        )


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


def uniqueness(table: str, columns: tuple[str, ...]) -> Rule:
    """Rows that share what an index is about to hold unique; NULLs are never equal."""
    names = ", ".join(map(quoted, columns))
    shared = f"SELECT {names} FROM {quoted(table)} GROUP BY {names} HAVING count(*) > 1"
    return Rule(f"({', '.join(columns)}) is not unique", f"({names}) IN ({shared})")


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


def _told(table: str, count: int, wrong: str, key: dict[str, Any]) -> str:
    rows = "1 row" if count == 1 else f"{count} rows"
    return f"{rows} of {table}: {wrong}, for example {json.dumps(key, ensure_ascii=False, default=_text)}"


def _text(value: Any) -> str:
    """Of a key that JSON has no word for: bytes, a UUID, a time."""
    return value.hex() if isinstance(value, bytes) else str(value)


def wrong_by(word: str, kind: str, enum: Sequence[Any] | None, max_length: int | None) -> str:
    """What is wrong with a value that breaks the rule that this word of the schema makes."""
    match word:
        case "enum":
            return f"is none of {json.dumps(enum, ensure_ascii=False)}"
        case "maxLength":
            return f"is longer than {max_length}"
        case _:
            return f"is no {kind}"
