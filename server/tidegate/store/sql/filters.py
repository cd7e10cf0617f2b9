"""A compiled filter as SQL: a condition that selects the rows for which `core.filters.predicate` is true.

A `Dialect` spells what differs between databases. Names come only from the schema, values are only bound.
Invariant: a condition is never NULL, neither for NULL nor for a value of a foreign program, so that it can be negated.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol, assert_never

from tidegate.contract import Property, Resource
from tidegate.core.filters.tree import And, Filter, Or, Term

CHAIN = 100
"""Conditions in a chain, at most; more become a tree. A chain is as deep as it is long, and SQLite allows 1000."""


class Condition(NamedTuple):
    """An SQL expression and the values bound in it, in their order."""

    sql: str
    values: list[Any]


class Dialect(Protocol):
    """How a database spells the positive conditions on one column. `value` is as the wire has it.

    The columns of integers of 64 bits hold integers, which the wire has as text.

    `folded`: upper and lower case are equal; the text is folded already.
    """

    def absent(self, prop: Property) -> Condition:
        """On the wire the row lacks the property, or has null there."""

    def one_of(self, prop: Property, values: tuple[Any, ...]) -> Condition: ...

    def ordered(self, prop: Property, sign: str, value: Any) -> Condition:
        """`sign` is <, <=, > or >=."""

    def holds_all(self, prop: Property, values: tuple[Any, ...]) -> Condition:
        """The value is an array that holds each of `values`."""

    def contains(self, prop: Property, text: str, *, folded: bool) -> Condition: ...

    def starts(self, prop: Property, text: str, *, folded: bool) -> Condition: ...

    def ends(self, prop: Property, text: str, *, folded: bool) -> Condition: ...


def condition(dialect: Dialect, resource: Resource, part: Filter) -> Condition:
    """The rows of `resource` that meet `part`."""
    match part:
        case Term():
            return _term(dialect, resource.properties[part.property], part)
        case And():
            return joined("AND", (condition(dialect, resource, inner) for inner in part.parts)) or Condition(
                "(1 = 1)", []
            )
        case Or():
            return joined("OR", (condition(dialect, resource, inner) for inner in part.parts)) or Condition(
                "(1 = 0)", []
            )
        case _:
            assert_never(part)


def joined(word: str, conditions: Iterable[Condition]) -> Condition | None:
    """All of them with `word` between them; None when there are none."""
    parts = list(conditions)
    if not parts:
        return None
    if len(parts) > CHAIN:
        half = len(parts) // 2
        parts = [part for some in (parts[:half], parts[half:]) if (part := joined(word, some)) is not None]
    sql = f" {word} ".join(part.sql for part in parts)
    return Condition(f"({sql})", [value for part in parts for value in part.values])


def _term(dialect: Dialect, prop: Property, term: Term) -> Condition:
    if term.operator == "null":
        absent = dialect.absent(prop)
        return absent if term.value else _not(absent)
    positive = term.operator if term.operator in _POSITIVE else _NEGATIVE[term.operator]
    found = _positive(dialect, prop, positive, term.value)
    if positive == term.operator:
        return found
    present, not_found = _not(dialect.absent(prop)), _not(found)
    return Condition(f"({present.sql} AND {not_found.sql})", present.values + not_found.values)


def _positive(dialect: Dialect, prop: Property, operator: str, value: Any) -> Condition:
    match operator:
        case "eq":
            return dialect.one_of(prop, (value,))
        case "in":
            return dialect.one_of(prop, value)
        case "ina":
            return dialect.holds_all(prop, value)
        case "contains" | "containss":
            return dialect.contains(prop, value, folded=operator == "contains")
        case "startswith" | "startswiths":
            return dialect.starts(prop, value, folded=operator == "startswith")
        case "endswith" | "endswiths":
            return dialect.ends(prop, value, folded=operator == "endswith")
        case _:
            return dialect.ordered(prop, _SIGNS[operator], value)


def _not(found: Condition) -> Condition:
    return Condition(f"NOT {found.sql}", found.values)


_SIGNS = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_TEXTS = ("contains", "containss", "startswith", "startswiths", "endswith", "endswiths")
_POSITIVE = frozenset({"eq", "in", "ina", *_TEXTS, *_SIGNS})
_NEGATIVE = {"ne": "eq"} | {f"n{name}": name for name in ("in", "ina", *_TEXTS)}
