"""Which rows OR REPLACE replaces because of unique indexes that the schema does not name.

Such an index is over expressions, over some rows only, with a collation, or over columns that are not shared.
The terms of an index are SQL over the bare columns of its table. The conditions repeat them twice: for the row in the
table, which a trigger's query calls `t`, and for NEW. They name no other column, so that the owner may drop the others.
This module reads SQLite's catalogue, and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import NamedTuple

from tidegate.contract import Resource
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.catalogue import Catalogue, definition, fold
from tidegate.store.sqlite.changelog import Replacing

_TOKENS = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|/\*.*?(?:\*/|$)|\w+|\s+|.""", re.DOTALL
).findall
BUILT_IN = {"BINARY", "NOCASE", "RTRIM"}
"""The collations that every SQLite has."""
_NO_COLUMN_AFTER = {"COLLATE", "AS"}
"""A name after one of these words is a collation or a type."""
_WORDS = frozenset(
    {"AND", "OR", "NOT", "IS", "NULL", "IN", "LIKE", "GLOB", "REGEXP", "MATCH", "BETWEEN"}
    | {"CASE", "WHEN", "THEN", "ELSE", "ESCAPE", "CAST"}
)
"""Words of expressions, which a column has for its name only in quotes."""


class _Index(NamedTuple):
    """A unique index that the schema does not name."""

    condition: str
    columns: frozenset[str]
    """The columns that its terms and its WHERE name."""
    collated: frozenset[str] | None
    """All its columns, if it compares them with a collation of a program and does nothing else."""


def by_unnamed_indexes(database: Catalogue, resource: Resource) -> Replacing:
    """For each such index a condition on `t`: NEW cannot be in the table beside it."""
    if definition(database, resource.table) is None:
        return Replacing()
    found = sorted(_unnamed(database, resource))
    named = frozenset[str]().union(*(index.columns for index in found))
    return Replacing(
        tuple(index.condition for index in found),
        tuple(sorted(_settable(database, resource.table, named))),
        frozenset(index.collated for index in found if index.collated is not None),
    )


def _unnamed(database: Catalogue, resource: Resource) -> Iterator[_Index]:
    table = quoted(resource.table)
    columns = {fold(name): name for _, name, *_ in database.execute_sql(f"PRAGMA table_xinfo({table})").fetchall()}
    for _, index, unique, _, partial in database.execute_sql(f"PRAGMA index_list({table})").fetchall():
        if not unique:
            continue
        rows = database.execute_sql(f"PRAGMA index_xinfo({quoted(index)})").fetchall()
        keys = [(name, collation) for *_, name, _, collation, is_key in rows if is_key]
        names = frozenset(name for name, _ in keys)
        if partial or None in names:
            ((sql,),) = database.execute_sql(
                "SELECT sql FROM sqlite_master WHERE type = 'index' AND name = ?", (index,)
            )
            terms, where = parsed(sql)
            equal = [f"{qualified(term, 't', columns)} = {qualified(term, 'NEW', columns)}" for term in terms]
            rows_in_it = () if where == "1" else (qualified(where, row, columns) for row in ("t", "NEW"))
            used = named_columns([*terms, where], columns)
            yield _Index(f"({' AND '.join([*equal, *rows_in_it])})", used, None)
            continue
        collations = {collation.upper() for _, collation in keys}
        if collations == {"BINARY"} and names in map(frozenset, (resource.key, *resource.unique)):
            continue
        equal = [f"t.{quoted(name)} COLLATE {quoted(collation)} = NEW.{quoted(name)}" for name, collation in keys]
        yield _Index(f"({' AND '.join(equal)})", names, None if collations <= BUILT_IN else names)


def _settable(database: Catalogue, table: str, named: Collection[str]) -> set[str]:
    """Columns of which an update has to set one so that one of `named` changes."""
    rows = database.execute_sql(f"PRAGMA table_xinfo({quoted(table)})").fetchall()
    computed = {name for _, name, *_, hidden in rows if hidden}
    return {name for _, name, *_ in rows} - computed if computed & set(named) else set(named)


def parsed(sql: str) -> tuple[list[str], str]:
    """The terms of a CREATE INDEX, and its WHERE."""
    terms, where = [""], ""
    depth, closed = 0, False
    for word in _TOKENS(sql):
        depth += {"(": 1, ")": -1}.get(word, 0)
        if word.startswith(("--", "/*")):
            continue
        if closed:
            where += word
        elif word == ")" and depth == 0:
            closed = True
        elif word == "," and depth == 1:
            terms.append("")
        elif depth > 1 or (depth == 1 and word != "("):
            terms[-1] += word
    return [_without_order(term.strip()) for term in terms], re.sub(r"(?i)^\s*WHERE\b(.*)$", r"(\1)", where) or "1"


def qualified(term: str, row: str, columns: dict[str, str]) -> str:
    """`term` over the columns of `row`. `columns`: the table's, by their names in lower case."""
    return "".join(word if name is None else f"{row}.{quoted(name)}" for word, name in _named(term, columns))


def named_columns(terms: Collection[str], columns: dict[str, str]) -> frozenset[str]:
    return frozenset(name for term in terms for _, name in _named(term, columns) if name is not None)


def _named(term: str, columns: dict[str, str]) -> Iterator[tuple[str, str | None]]:
    """The tokens of `term`; with each that names a column, the column."""
    words = _TOKENS(term)
    seen = [(number, word) for number, word in enumerate(words) if not word.isspace()]
    following = {number: after for (number, _), (_, after) in pairwise(seen)}
    before = ""
    for number, word in enumerate(words):
        name = columns.get(fold(_name(word)))
        after = following.get(number, "")
        if after == "(" or before in _NO_COLUMN_AFTER or word.upper() in _WORDS or (word in "xX" and after[:1] == "'"):
            name = None  # a function, a collation, a type, a word, a BLOB
        yield word, name
        if not word.isspace():
            before = word.upper()


def _name(word: str) -> str:
    """What a token names, if it is a name. A word in double quotes that is no column is text."""
    if word[:1] in {'"', "`"}:
        return word[1:-1].replace(word[0] * 2, word[0])
    return word[1:-1] if word.startswith("[") else word


def _without_order(term: str) -> str:
    return re.sub(r"(?i)\s+(ASC|DESC)$", "", term)
