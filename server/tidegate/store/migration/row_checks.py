"""Counts the rows that break a rule which a table is about to get, and says what to do about them.

It only reads. The migration that asked fails with the error, so that nothing changes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from tidegate.contract import Resource
from tidegate.store.errors import NeedsManualMigration
from tidegate.store.sql.names import quoted

Query = Callable[[str], Sequence[Sequence[Any]]]
"""Runs a query on the database and returns its rows."""

_EXAMPLES = {
    "date-time": "2026-01-31T12:00:00.000000Z",
    "date": "2026-01-31",
    "time": "12:00:00Z",
    "uuid": "6f1c2d3e-0000-4000-8000-00000000000f",
}


class ColumnFacts(Protocol):
    """What the schema says of a column's values."""

    @property
    def type(self) -> str:
        """The JSON type."""

    @property
    def enum(self) -> tuple[Any, ...] | None: ...

    @property
    def max_length(self) -> int | None: ...

    @property
    def format(self) -> str | None: ...


class Rule(NamedTuple):
    """A rule for rows: what is wrong with a row that breaks it, and SQL that is true for such rows."""

    violation: str
    sql: str


def check_rows(query: Query, resource: Resource, rules: Iterable[Rule], advice: str) -> None:
    """Raises NeedsManualMigration with all `rules` that rows break, and an example for each. Reads the table once."""
    rules = list(rules)
    if not rules:
        return
    table = quoted(resource.table)
    (counts,) = query(f"SELECT {', '.join(f'count(*) FILTER (WHERE {rule.sql})' for rule in rules)} FROM {table}")
    broken = []
    for rule, count in zip(rules, counts, strict=True):
        if count:
            broken.append(_with_example(query, resource, rule, count))
    if broken:
        raise rows_in_the_way("; ".join(broken), advice)


def count_of(query: Query, resource: Resource, rule: Rule) -> str | None:
    """How many rows break `rule`, in words, with an example. None if no row does."""
    ((count,),) = query(f"SELECT count(*) FROM {quoted(resource.table)} WHERE {rule.sql}")
    return _with_example(query, resource, rule, count) if count else None


def _with_example(query: Query, resource: Resource, rule: Rule, count: int) -> str:
    keys = ", ".join(map(quoted, resource.key))
    (values,) = query(f"SELECT {keys} FROM {quoted(resource.table)} WHERE {rule.sql} LIMIT 1")
    return _described(resource.table, count, rule.violation, dict(zip(resource.key, values, strict=True)))


def rows_in_the_way(violations: str, advice: str) -> NeedsManualMigration:
    """The error for rows that break rules. `advice` says how to write a manual migration."""
    return NeedsManualMigration(
        f"the migration failed and nothing was changed: {violations}. Correct these rows and migrate again, or let a "
        f"manual migration correct them: {advice}"
    )


def uniqueness(table: str, columns: tuple[str, ...]) -> Rule:
    """The rule that no two rows share the values of these columns. NULL is never equal to NULL."""
    names = ", ".join(map(quoted, columns))
    shared = f"SELECT {names} FROM {quoted(table)} GROUP BY {names} HAVING count(*) > 1"
    return Rule(f"({', '.join(columns)}) is not unique", f"({names}) IN ({shared})")


def _described(table: str, count: int, violation: str, key: dict[str, Any]) -> str:
    rows = "1 row" if count == 1 else f"{count} rows"
    return f"{rows} of {table}: {violation}, for example {json.dumps(key, ensure_ascii=False, default=_text)}"


def _text(value: Any) -> str:
    """The text of a key value that JSON cannot hold: bytes, a UUID, a time."""
    return value.hex() if isinstance(value, bytes) else str(value)


def check_rule(column: str, condition: str, keyword: str, facts: ColumnFacts) -> Rule:
    """The rule that `condition`, which stands for a schema `keyword`, is not false."""
    match keyword:
        case "enum":
            violation = f"is none of {json.dumps(facts.enum, ensure_ascii=False)}"
        case "maxLength":
            violation = f"is longer than {facts.max_length}"
        case "format":
            example = _EXAMPLES.get(facts.format or "")
            violation = f"is no {facts.format}" + (f" in the form {example}" if example else "")
        case _:
            violation = f"is no {facts.type}"
    return Rule(f"{column} {violation}", f"NOT ({condition})")
