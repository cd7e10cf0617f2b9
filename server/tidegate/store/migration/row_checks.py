"""Rows that do not keep a rule that a table is about to get: how many, one of them, and what to do.

It reads; the migration that asked fails by what it raises, so that nothing is changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from tidegate.contract import Resource
from tidegate.store.errors import NeedsWrittenMigration
from tidegate.store.sql.names import quoted

Ask = Callable[[str], Sequence[Sequence[Any]]]
"""Runs a query on the database and returns its rows."""


class Rule(NamedTuple):
    """A rule: what is wrong with a row that breaks it, and SQL that is true for such rows."""

    wrong: str
    sql: str


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
        raise NeedsWrittenMigration(
            f"the migration failed and nothing was changed: {'; '.join(found)}. Correct these rows and migrate again, "
            f"or let a written migration correct them: {advice}"
        )


def uniqueness(table: str, columns: tuple[str, ...]) -> Rule:
    """Rows that share what an index is about to hold unique; NULLs are never equal."""
    names = ", ".join(map(quoted, columns))
    shared = f"SELECT {names} FROM {quoted(table)} GROUP BY {names} HAVING count(*) > 1"
    return Rule(f"({', '.join(columns)}) is not unique", f"({names}) IN ({shared})")


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
