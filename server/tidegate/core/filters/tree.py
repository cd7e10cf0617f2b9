"""Compiled filters: a small immutable tree in one canonical form.

`{"status": "active"}` and `{"and": [{"status": {"in": ["active"]}}]}` become the same tree, so that equal subscriptions
are recognized. Two modules evaluate it and must agree on every row: `core.filters.predicate` in Python and the
`filters` modules of `store` in SQL. Names, operators and values were checked against the resource's filter schema.
Invariant: filters that differ only in order, notation or repetition have the same `identity`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NoReturn, assert_never

import msgspec

from tidegate.core.errors import Refused

Operator = Literal[
    "eq", "ne", "lt", "lte", "gt", "gte", "in", "nin", "ina", "nina", "null",
    "contains", "ncontains", "containss", "ncontainss",
    "startswith", "nstartswith", "startswiths", "nstartswiths",
    "endswith", "nendswith", "endswiths", "nendswiths",
]  # fmt: skip
"""The operators of a compiled filter. The others become these: `eqs` is `eq`, `between` is `gte` and `lte`."""

DEPTH = 8
"""Levels of `and` and `or` inside each other, at most."""
CONDITIONS = 100
"""Operators in one filter, at most: each change is tested against each of them."""
VALUES = 1000
"""Values in one filter, at most; each item of a list counts."""

SAFE_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader keeps exact (RFC 8259, section 6)."""
_SAME = {"eqs": "eq", "nes": "ne"}
_FOLDED = frozenset({"contains", "ncontains", "startswith", "nstartswith", "endswith", "nendswith"})
_CONTAINERS = (dict, list)
_LISTS = frozenset({"in", "nin", "ina", "nina"})
_OF_ONE = {"in": "eq", "nin": "ne"}
_ASCII_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
LOOKS_INTO = frozenset(
    f"{negated}{name}{case}"
    for negated in ("", "n")
    for name, cases in (("contains", ("", "s")), ("startswith", ("", "s")), ("endswith", ("", "s")), ("ina", ("",)))
    for case in cases
)
"""The operators that look into a text or an array. No index answers them."""


class Term(msgspec.Struct, frozen=True):
    """One condition on one property. `value` is a scalar; for in, nin, ina and nina a tuple of scalars.

    `null` with True holds for rows without the property, with False for rows that have it. An operator that ignores
    case has a value that is folded already.
    """

    property: str
    operator: Operator
    value: Any


class And(msgspec.Struct, frozen=True):
    """All parts must hold; without parts, every row meets it."""

    parts: tuple[Filter, ...]


class Or(msgspec.Struct, frozen=True):
    """At least one part must hold."""

    parts: tuple[Filter, ...]


Filter = Term | And | Or

_encode = msgspec.json.Encoder(enc_hook=int).encode
"""`int`: integers of 64 bits are of a class that the encoder does not know."""

EVERYTHING = And(())
"""The filter that every row matches."""
NOTHING = Or(())
"""The filter that no row matches."""


def compile_filters(filters: Mapping[str, Any] | None) -> Filter:
    """The `filters` of a client's request as a tree. Raises Refused for a filter that is too large."""
    if not filters:
        return EVERYTHING
    check_size(filters)
    return tree(filters)


def check_size(filters: Mapping[str, Any]) -> None:
    """Raises Refused for a filter that is too large."""
    if not names_values(filters):
        _Size().measure(filters, DEPTH)


def names_values(filters: Mapping[str, Any]) -> bool:
    """Whether `filters` only ask for values of properties, as most do. Such a filter passes no limit."""
    for asked in filters.values():
        if isinstance(asked, _CONTAINERS):
            return False
    return len(filters) <= CONDITIONS


def tree(filters: Mapping[str, Any]) -> Filter:
    """The tree of `filters` from a trusted source, without the limits on size. `{"or": []}` holds for no row."""
    parts: list[Filter] = []
    for name, asked in filters.items():
        if name == "and":
            parts += map(tree, asked)
        elif name == "or":
            parts.append(_either(map(tree, asked)))
        elif isinstance(asked, dict):
            parts += (_condition(name, operator, value) for operator, value in asked.items())
        elif asked is None:
            parts.append(Term(name, "null", True))
        else:
            parts.append(Term(name, "eq", _plain(asked) if type(asked) is float else asked))
    return parts[0] if len(parts) == 1 else _all(parts)


def identity(part: Filter) -> str:
    """A text that is equal exactly for equal filters. (Python compares `true` and 1 as equal.)"""
    match part:
        case Term():
            return _encode((part.property, part.operator, part.value)).decode()
        case And(parts=()):
            return "and()"
        case And():
            return f"and({','.join(map(identity, part.parts))})"
        case Or():
            return f"or({','.join(map(identity, part.parts))})"
        case _:
            assert_never(part)


OF_EVERYTHING = identity(EVERYTHING)


def both(one: Filter, other: Filter) -> Filter:
    """The filter that holds where both hold."""
    return one if other is EVERYTHING else _all((one, other))


def any_of(filters: Iterable[Filter]) -> Filter:
    """The filter that holds where at least one of `filters` holds."""
    return _either(filters)


def fold(text: str) -> str:
    """`text` for comparisons that ignore case: only ASCII letters are folded, which every database can do."""
    return text.lower() if text.isascii() else text.translate(_ASCII_LOWER)


def _condition(name: str, operator: Any, value: Any) -> Filter:
    """One operator as clients write it."""
    operator = _SAME.get(operator, operator)
    if operator == "nnull":
        return Term(name, "null", not value)
    if operator == "between":
        return _all([_condition(name, "gte", value[0]), _condition(name, "lte", value[1])])
    if operator == "nbetween":
        return _either([_condition(name, "lt", value[0]), _condition(name, "gt", value[1])])
    if operator in _LISTS:
        values = {_encode(plain): plain for plain in map(_plain, value)}
        if len(values) == 1 and operator in _OF_ONE:
            return Term(name, _OF_ONE[operator], *values.values())  # type: ignore[arg-type]  # keys of a table
        return Term(name, operator, tuple(values[text] for text in sorted(values)))
    return Term(name, operator, fold(value) if operator in _FOLDED else _plain(value))


def _all(parts: Iterable[Filter]) -> Filter:
    flat = _ordered(inner for part in parts for inner in (part.parts if isinstance(part, And) else (part,)))
    if NOTHING in flat:
        return NOTHING
    return flat[0] if len(flat) == 1 else And(flat)


def _either(parts: Iterable[Filter]) -> Filter:
    flat = _ordered(inner for part in parts for inner in (part.parts if isinstance(part, Or) else (part,)))
    if EVERYTHING in flat:
        return EVERYTHING
    return flat[0] if len(flat) == 1 else Or(flat)


def _ordered(parts: Iterable[Filter]) -> tuple[Filter, ...]:
    """Each part once, in an order that does not depend on the client."""
    given = tuple(parts)
    if len(given) < 2:
        return given
    by_identity = {identity(part): part for part in given}
    return tuple(by_identity[text] for text in sorted(by_identity))


def _plain(value: Any) -> Any:
    """One notation for equal numbers: 1.0 becomes 1, and -0.0 becomes 0."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) <= SAFE_INTEGER else value


class _Size:
    """Measures a filter, and refuses one that is too large."""

    def __init__(self) -> None:
        self._conditions = 0
        self._values = 0

    def measure(self, filters: Mapping[str, Any], depth: int) -> None:
        """Raises Refused."""
        for name, asked in filters.items():
            if name in {"and", "or"}:
                if not depth:
                    _too_big(f"nested deeper than {DEPTH} levels")
                for inner in asked:
                    self.measure(inner, depth - 1)
                continue
            values = asked.values() if isinstance(asked, dict) else (asked,)
            self._conditions += len(values)
            self._values += sum(len(value) if isinstance(value, list) else 1 for value in values)
            if self._conditions > CONDITIONS:
                _too_big(f"more than {CONDITIONS} conditions")
            if self._values > VALUES:
                _too_big(f"more than {VALUES} values")


def _too_big(what: str) -> NoReturn:
    raise Refused("invalid_message", f"{what}: ask for less", pointer="/filters")
