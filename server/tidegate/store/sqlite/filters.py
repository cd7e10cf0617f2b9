"""How SQLite spells conditions on a column: the `Dialect` of `store.sql.filters`.

No LIKE: it needs escapes, stops at a NUL, and a foreign build may fold more than ASCII. A column keeps what a foreign
program puts there, also when its type says otherwise, so that each comparison checks the kind of the value first. The
resource's table is called `t` in every query.
Invariant: a condition is 0 or 1, and in parentheses.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tidegate.contract import Property
from tidegate.core.filters.tree import SAFE_INTEGER
from tidegate.int64 import number
from tidegate.store.sql.filters import Condition, Dialect, joined
from tidegate.store.sql.json_values import JSON_TYPES
from tidegate.store.sql.names import quoted

ALIAS = "t"
_LARGEST = "1.7976931348623157e308"
_NUMBERS = "'integer', 'real'"
_DIGITS = re.compile(r"[ \t-\r]*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d*)?[ \t-\r]*", re.ASCII).fullmatch
"""Texts that SQLite converts to numbers where it compares them with numbers."""


class SqliteDialect:
    """Has no state: one object serves every resource."""

    def absent(self, prop: Property) -> Condition:
        column = _column(prop)
        if prop.type in JSON_TYPES:
            return Condition(f"({_json_kind(column)} = 'null')", [])
        if prop.type == "number":  # JSON has no infinity
            return Condition(f"({column} IS NULL OR (typeof({column}) = 'real' AND NOT {_finite(column)}))", [])
        return Condition(f"({column} IS NULL)", [])

    def one_of(self, prop: Property, values: tuple[Any, ...]) -> Condition:
        column = _column(prop)
        if prop.type in JSON_TYPES:
            return _json_is(_json_kind(column), _json_value(column), values)
        if prop.is_int64:
            return _int64(column, _among(values), [number(value) for value in values])
        bound = [int(value) if isinstance(value, bool) else value for value in values]
        compared = _exact(column, values[0])
        if any(isinstance(value, float) and abs(value) > SAFE_INTEGER for value in values):
            compared = f"CAST({column} AS REAL)"  # a foreign program's column may have integers of that size
        return Condition(f"({_is_like(column, values[0])} AND {compared} {_among(values)})", bound)

    def ordered(self, prop: Property, sign: str, value: Any) -> Condition:
        column = _column(prop)
        if prop.is_int64:
            return _int64(column, f"{sign} {_MARK}", [number(value)])
        finite = "" if isinstance(value, str) else f" AND {_finite(column)}"
        compared = Condition(f"{_exact(column, value)} {sign} {_MARK}{finite}", [value])
        if _is_a_number(value):
            compared = _as_text(column, sign, value)
        return Condition(f"({_is_like(column, value)} AND {compared.sql})", compared.values)

    def holds_all(self, prop: Property, values: tuple[Any, ...]) -> Condition:
        column = _column(prop)
        every = _all_in_array(column, values)
        return Condition(f"(CASE WHEN {_json_kind(column)} = 'array' THEN {every.sql} ELSE 0 END)", every.values)

    def contains(self, prop: Property, text: str, *, folded: bool) -> Condition:
        column = _column(prop)
        return Condition(f"({_is_like(column, text)} AND instr({_folded(column, folded)}, {_MARK}) > 0)", [text])

    def starts(self, prop: Property, text: str, *, folded: bool) -> Condition:
        column, wanted = _column(prop), text.encode()
        start = f"substr({_bytes(_folded(column, folded))}, 1, {_MARK})"
        return Condition(f"({_is_like(column, text)} AND {_same_bytes(start)})", [len(wanted), wanted])

    def ends(self, prop: Property, text: str, *, folded: bool) -> Condition:
        column, wanted = _column(prop), text.encode()
        end = f"substr({_bytes(_folded(column, folded))}, {_MARK}, {_MARK})"
        return Condition(f"({_is_like(column, text)} AND {_same_bytes(end)})", [-len(wanted), len(wanted), wanted])


SQLITE: Dialect = SqliteDialect()
_MARK = "?"


def _column(prop: Property) -> str:
    """With the table's name before it: json_each has columns with the names `key`, `value` and `type`."""
    return f"{ALIAS}.{quoted(prop.name)}"


def _is_like(column: str, value: Any) -> str:
    """The column has a value of the same kind as `value`."""
    return f"typeof({column}) = 'text'" if isinstance(value, str) else f"typeof({column}) IN ({_NUMBERS})"


def _int64(column: str, compared: str, values: list[Any]) -> Condition:
    return Condition(f"(typeof({column}) = 'integer' AND {column} {compared})", values)


def _is_a_number(value: Any) -> bool:
    """Whether a column of DATETIME, DECIMAL and the like takes this text for a number, before which no text comes."""
    return isinstance(value, str) and _DIGITS(value) is not None


def _as_text(column: str, sign: str, value: str) -> Condition:
    """A column with a plus has no type, but no index serves it. So the column itself is compared first, with a bound
    that keeps all that is asked for also where it becomes a number, or that never becomes one.
    """
    bound = f"{value}!" if sign.startswith("<") else value
    sql = f"{_exact(column, value)} {sign} {_MARK} AND {_exact(f'+{column}', value)} {sign} {_MARK}"
    return Condition(sql, [bound, value])


def _exact(column: str, value: Any) -> str:
    """A foreign program's column may have a collation that takes `a` for `A`."""
    return f"{column} COLLATE BINARY" if isinstance(value, str) else column


def _finite(column: str) -> str:
    return f"{column} BETWEEN -{_LARGEST} AND {_LARGEST}"


def _folded(column: str, folded: bool) -> str:
    """SQLite's lower() folds ASCII alone, as the protocol wants it."""
    return f"lower({column})" if folded else column


def _bytes(text: str) -> str:
    """substr() of text ends at a NUL; that of bytes does not, and in UTF-8 equal bytes are equal characters."""
    return f"CAST({text} AS BLOB)"


def _same_bytes(part: str) -> str:
    """substr() of an empty BLOB is NULL."""
    return f"ifnull({part}, x'') = {_MARK}"


def _json_kind(column: str) -> str:
    """Foreign programs spell the same JSON differently; what is no JSON is read as text."""
    return f"CASE WHEN json_valid({column}) THEN json_type({column}) WHEN {column} IS NULL THEN 'null' ELSE 'text' END"


def _json_value(column: str) -> str:
    return f"CASE WHEN json_valid({column}) THEN json_extract({column}, '$') ELSE {column} END"


def _json_is(kind: str, value: str, wanted: Sequence[Any]) -> Condition:
    """What is of this kind and has this value is one of `wanted`. It is computed once, however many they are."""
    parts = [Condition(f"({kind} = {word})", []) for word in _words(wanted)]
    for kinds, spelled, some in _by_kind(value, wanted):
        parts.append(Condition(f"({kind} IN ({kinds}) AND {spelled} {_among(some)})", some))
    return joined("OR", parts) or Condition("(0)", [])


def _all_in_array(column: str, wanted: Sequence[Any]) -> Condition:
    """The array holds as many different values of `wanted` as there are. It is read once for each kind of them."""
    items = f"FROM json_each({column}) AS item WHERE item.type"
    parts = [Condition(f"EXISTS (SELECT 1 {items} = {word})", []) for word in _words(wanted)]
    for kinds, spelled, some in _by_kind("item.atom", wanted):
        found = f"SELECT count(DISTINCT {spelled}) {items} IN ({kinds}) AND {spelled} {_among(some)}"
        parts.append(Condition(f"(({found}) = {len(some)})", some))
    return joined("AND", parts) or Condition("(1)", [])


def _words(wanted: Sequence[Any]) -> list[str]:
    """The booleans among them, as JSON's types of the same name."""
    return [f"'{str(value).lower()}'" for value in wanted if isinstance(value, bool)]


def _by_kind(value: str, wanted: Sequence[Any]) -> list[tuple[str, str, list[Any]]]:
    """The types that JSON has for the others, how `value` is compared with them, and each of them once."""
    texts = {each for each in wanted if isinstance(each, str)}
    numbers = {float(each) for each in wanted if not isinstance(each, str | bool)}
    both = (("'text'", value, texts), (_NUMBERS, f"CAST({value} AS REAL)", numbers))
    return [(kinds, spelled, sorted(some)) for kinds, spelled, some in both if some]


def _among(values: Sequence[Any]) -> str:
    return f"= {_MARK}" if len(values) == 1 else f"IN ({', '.join([_MARK] * len(values))})"
