"""Which rows OR REPLACE replaces because of unique indexes that the schema does not name.

Such an index is over expressions, over some rows only, with a collation, or over columns that are not shared.
The terms of an index are SQL over the bare columns of its table. The condition compares them for the row in the table,
which a trigger's query calls `t`, and for the row that arrives. This module reads SQLite's catalogue, and changes
nothing.
"""

from __future__ import annotations

import re

from playhouse.apsw_ext import APSWDatabase

from tidegate.contract import Resource
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.catalogue import definition

_TOKENS = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|/\*.*?(?:\*/|$)|\w+|\s+|.""", re.DOTALL
).findall


def by_unnamed_indexes(database: APSWDatabase, resource: Resource) -> list[str]:
    """For each such index a condition on `t`: NEW cannot be in the table beside it."""
    if definition(database, resource.table) is None:
        return []
    table = quoted(resource.table)
    columns = [name for _, name, *_ in database.execute_sql(f"PRAGMA table_xinfo({table})").fetchall()]
    arriving = ", ".join(f"NEW.{quoted(name)} AS {quoted(name)}" for name in columns)
    found = []
    for _, index, unique, _, partial in database.execute_sql(f"PRAGMA index_list({table})").fetchall():
        if unique and (parts := _parts(database, resource, index, bool(partial))) is not None:
            terms, where = parts
            listed = ", ".join(terms)
            found.append(f"(({listed}) = (SELECT {listed} FROM (SELECT {arriving})) AND {where})")
    return sorted(found)


def _parts(database: APSWDatabase, resource: Resource, index: str, partial: bool) -> tuple[list[str], str] | None:
    """The index's terms, and which rows are in it; None where the schema names it."""
    rows = database.execute_sql(f"PRAGMA index_xinfo({quoted(index)})").fetchall()
    keys = [(name, collation) for *_, name, _, collation, is_key in rows if is_key]
    if partial or any(name is None for name, _ in keys):
        ((sql,),) = database.execute_sql("SELECT sql FROM sqlite_master WHERE type = 'index' AND name = ?", (index,))
        return parsed(sql)
    names = {name for name, _ in keys}
    if all(collation == "BINARY" for _, collation in keys) and names in map(set, (resource.key, *resource.unique)):
        return None
    return [f"{quoted(name)} COLLATE {quoted(collation)}" for name, collation in keys], "1"


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


def _without_order(term: str) -> str:
    return re.sub(r"(?i)\s+(ASC|DESC)$", "", term)
