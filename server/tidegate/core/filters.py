"""Filters as the protocol means them: terms that must all hold, asked of one wire row.

It trusts its input: names and values were checked against the resource's filter schema before. The SQL reading of the
same terms lives in `store`; both must answer alike on every row.
Invariant: a term is false on null unless it asks for null; `true` never equals 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tidegate.core.ports import Row, Term

Terms = tuple[Term, ...]


def compile_filters(filters: Mapping[str, Any] | None) -> Terms:
    """`{"status": "active", "harbour": null}` as terms, in an order that does not depend on the client's."""
    terms = (
        Term(name, "null", True) if value is None else Term(name, "eq", value)
        for name, value in (filters or {}).items()
    )
    return tuple(sorted(terms, key=lambda term: term.property))


def matches(terms: Iterable[Term], row: Row | None) -> bool:
    """Whether all `terms` hold for `row`; a row that does not exist matches nothing."""
    if row is None:
        return False
    return all(holds(term, row.get(term.property)) for term in terms)


def holds(term: Term, value: Any) -> bool:
    """Whether one term holds for one value; a property that the row leaves out is null."""
    if term.operator == "null":
        return (value is None) is term.value
    return value is not None and token(value) == token(term.value)


def token(value: Any) -> tuple[bool, Any]:
    """A hashable stand-in for a scalar, equal exactly where the protocol calls two values equal."""
    return isinstance(value, bool), value
