"""Savepoints in each other, transactions that are prepared and committed later, constraints that are checked early."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tests.twin.families import dml
from tests.twin.statements import Episode, Family, Statement

WORK = tuple(text for text in dml.BOTH if not text.startswith(("update things set n = n + 1", "select")))


def savepoints(chance: Random, number: int) -> Episode:
    found, depth = [Statement("begin")], 0
    for _ in range(12):
        kind = chance.random()
        if kind < 0.3:
            depth += 1
            found.append(Statement(f"savepoint s{depth}"))
        elif kind < 0.45 and depth:
            found.append(Statement(f"rollback to s{chance.randrange(1, depth + 1)}"))
        elif kind < 0.6 and depth:
            found.append(Statement(f"release s{depth}"))
            depth -= 1
        else:
            found.append(Statement(dml.statement(chance, WORK)))
    return [*found, Statement(chance.choice(("commit", "commit", "rollback"))), Statement("rollback")]


def prepared(chance: Random, number: int) -> Episode:
    """A prepared transaction, with another session's work before its end.

    That session commits later: commits wait for prepared transactions (docs/reference/owners-programs.md).
    """
    name = f"'{{database}} {number}'"
    inside = [Statement(dml.statement(chance, dml.BOTH)) for _ in range(3)]
    elsewhere = [
        Statement("begin", "owner/2"),
        Statement(f"insert into things (name) values ('elsewhere {number}')", "owner/2"),
        Statement("update audit set what = 'seen' where id = (select max(id) from audit)", "owner/2"),
    ]
    end = chance.choice((f"commit prepared {name}", f"commit prepared {name}", f"rollback prepared {name}"))
    return [
        Statement("begin"),
        *inside,
        Statement(f"prepare transaction {name}"),
        Statement("rollback"),
        *(elsewhere if chance.random() < 0.5 else ()),
        Statement(f"{end}", chance.choice(("owner", "owner/3"))),
        Statement("commit", "owner/2"),
    ]


def early(chance: Random, number: int) -> Episode:
    inside = [Statement(dml.statement(chance, dml.BOTH)) for _ in range(3)]
    return [
        Statement("begin"),
        *inside,
        Statement("set constraints all immediate"),
        Statement(f"insert into things (name) values ('early {number}')"),
        Statement("set constraints all deferred"),
        *(Statement(dml.statement(chance, dml.BOTH)) for _ in range(2)),
        Statement("commit"),
    ]


def postgres(chance: Random) -> Iterator[Episode]:
    yield [Statement("set lock_timeout = '300ms'", "owner/2")]
    number = 0
    while True:
        number += 1
        yield [savepoints, prepared, early][number % 3](chance, number)


def sqlite(chance: Random) -> Iterator[Episode]:
    number = 0
    while True:
        number += 1
        yield savepoints(chance, number)


FAMILIES = [
    Family("prepared", "postgresql", dml.POSTGRES, postgres),
    Family("prepared", "sqlite", dml.SQLITE, sqlite),
]
