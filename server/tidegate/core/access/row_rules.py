"""Row rules: the filter of an `x-access` rule `{"where": ...}`, with a user's claims for `$user.id` and such.

A claim becomes a value of the property's type. A claim that is missing, or cannot become such a value, makes its
condition hold for no row, negative operators included: a missing claim must never widen access.
Invariant: a rule without claims in it is the filter that a client would have sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tidegate.core.access.claims import Claims, Known
from tidegate.core.errors import Refused
from tidegate.core.filters.tree import VALUES, Filter, tree
from tidegate_protocol import Principal

_FALSE: Mapping[str, Any] = {"or": []}
_LISTS = frozenset({"in", "nin", "ina", "nina"})

Convert = Callable[[Any], Any]
"""Turns a claim into a value of a property. Raises ValueError for a claim that cannot be one."""


def bind(
    where: Mapping[str, Any],
    user: Principal,
    claims: Claims,
    convert: Mapping[str, Convert],
    parameters: Mapping[str, str] | None = None,
) -> Filter:
    """The filter that `where` means for this user. `convert`: by property, for those that filters can name.
    `parameters`: those of the room that the rule is about, where it is about one.

    Raises Refused for a claim that has more values than a client's filter may have.
    """
    return tree(_bound(where, Known(user, claims, parameters), convert))


def _bound(where: Mapping[str, Any], known: Known, convert: Mapping[str, Convert]) -> dict[str, Any]:
    conditions: list[Mapping[str, Any]] = []
    for name, asked in where.items():
        if name in {"and", "or"}:
            conditions.append({name: [_bound(inner, known, convert) for inner in asked]})
        else:
            operators = asked if isinstance(asked, dict) else {"eq": asked} if asked is not None else {"null": True}
            conditions += _conditions(name, operators, known, convert[name])
    return {"and": conditions}


def _conditions(name: str, operators: Mapping[str, Any], known: Known, convert: Convert) -> Iterator[Mapping[str, Any]]:
    for operator, value in operators.items():
        try:
            yield {name: {operator: _operand(operator, value, known, convert)}}
        except ValueError:
            yield _FALSE


def _operand(operator: str, value: Any, known: Known, convert: Convert) -> Any:
    """The operand with claims replaced. Raises ValueError for a claim that cannot be a value of the property."""
    if isinstance(value, list):
        return [_single(item, known, convert) for item in value]
    if operator in _LISTS:  # "$user.teams" stands for a whole list
        found = known.value(value)
        items = found if isinstance(found, list) else [found]
        if not items:
            raise ValueError("an empty list")
        if len(items) > VALUES:
            raise Refused("forbidden", f"{value!r} of the token has more than {VALUES} values")
        return [_converted(item, convert) for item in items]
    return _single(value, known, convert)


def _single(value: Any, known: Known, convert: Convert) -> Any:
    return _converted(known.value(value), convert) if known.stands(value) else value


def _converted(claim: Any, convert: Convert) -> Any:
    if claim is None:
        raise ValueError("no such claim")
    return convert(claim)
