"""What an owner's program does, and what the database answers.

A family of workloads yields episodes: lists of statements and actions. This module knows no database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any, NamedTuple

OWNER = "owner"
"""The session of the owner's program. `NAME/2` is another session of the same user."""


class Statement(NamedTuple):
    """One statement of a session. A session is opened when it is first used."""

    sql: str
    session: str = OWNER
    values: tuple[Any, ...] = ()
    """Bound to the `?` of SQLite's statements."""
    data: bytes | None = None
    """What `COPY ... FROM STDIN` reads."""
    unequal: str = ""
    """Why the answer may differ, as the page of differences says it (docs/reference/owners-programs.md)."""
    breaks: bool = False
    """Whether the gateway may say from here on that it cannot go on: the statement takes a table from it."""

    def __str__(self) -> str:
        shown = self.sql if len(self.sql) < 400 else f"{self.sql[:300]} ... ({len(self.sql)} characters)"
        values = f" -- {self.values!r}"[:200] if self.values else ""
        return f"{self.session}: {shown}{values}"


class Action(NamedTuple):
    """Something that is no statement: a method of a side, with its arguments."""

    name: str
    arguments: tuple[Any, ...] = ()
    breaks: bool = False

    def __str__(self) -> str:
        return f"{self.name}{self.arguments}"


Step = Statement | Action
Episode = list[Step]
"""Steps after which no transaction is open."""


class Outcome(NamedTuple):
    """Everything that a program can learn from an answer."""

    rows: list[tuple[Any, ...]] | None
    """Sorted, unless the statement says an order."""
    counted: str
    """The number of rows, in the database's words."""
    identity: str
    """`last_insert_rowid()` or `lastval()` after the statement."""
    error: str
    notices: tuple[str, ...] = ()


class Family(NamedTuple):
    """Statements of one kind."""

    name: str
    database: str
    tables: tuple[str, ...]
    """Statements that make the owner's tables."""
    episodes: Callable[[Random], Iterator[Episode]]

    def __str__(self) -> str:
        return f"{self.name} on {self.database}"


class Difference(AssertionError):
    """The two databases do not agree, or the live copy is not what the table has."""
