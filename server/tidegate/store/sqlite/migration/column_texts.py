"""The definitions of single columns in the text of a CREATE TABLE, as SQLite keeps it.

With them a table is compared with an older definition but for some columns, and rebuilt with columns that the schema
does not name. It knows no database and no schema.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from tidegate.store.sqlite.replaced_rows import parsed

CONSTRAINT = re.compile(r"(?i)(CONSTRAINT|PRIMARY|UNIQUE|CHECK|FOREIGN)\b").match
NAME = re.compile(r"""("(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|'(?:[^']|'')*'|[^\s,()"'`\[]+)""").match
NOT_NULL = re.compile(
    r"""('(?:[^']|'')*'|"(?:[^"]|"")*"|\([^()]*\))|\s+(?:CONSTRAINT\s+\w+\s+)?NOT\s+NULL(?:\s+ON\s+CONFLICT\s+\w+)?\b""",
    re.IGNORECASE,
)


def column_texts(sql: str) -> dict[str, str]:
    """The definition of each column, by its name, in the table's order."""
    return {name: term for name, term in _terms(sql) if name is not None}


def without(sql: str, names: Collection[str]) -> list[str]:
    """The terms of the definition but for these columns, to be compared."""
    return [term for name, term in _terms(sql) if name is None or name not in names]


def nullable(text: str) -> str:
    """A column's definition without NOT NULL. (What is in quotes or in parentheses stays.)"""
    return NOT_NULL.sub(lambda found: found[1] or "", text)


def with_columns(sql: str, texts: Collection[str]) -> str:
    """A CREATE TABLE with more columns, after its own ones."""
    if not texts:
        return sql
    head, _, _ = sql.partition("(")
    terms = _terms(sql)
    columns = [term for name, term in terms if name is not None]
    rules = [term for name, term in terms if name is None]
    return f"{head}({', '.join([*columns, *texts, *rules])})"


def _terms(sql: str) -> list[tuple[str | None, str]]:
    """The parts between the outer commas; the name of a column, and None for a rule of the table."""
    terms, _ = parsed(sql)
    return [(None if CONSTRAINT(term) else _name(term), term) for term in terms]


def _name(term: str) -> str:
    found = NAME(term)
    assert found is not None, term
    word = found[1]
    quote = word[0]
    if quote == "[":
        return word[1:-1]
    return word[1:-1].replace(quote * 2, quote) if quote in "\"`'" else word
