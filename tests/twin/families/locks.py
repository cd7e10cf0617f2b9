"""Locks that an owner's program holds: on tables, on rows, on the file, advisory ones."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tests.twin.families import dml
from tests.twin.statements import Episode, Family, Statement

MODES = ("access share", "row share", "row exclusive", "share update exclusive", "share", "share row exclusive",
         "exclusive", "access exclusive")  # fmt: skip
OWNERS = (
    "select pg_advisory_lock(1)",
    "select pg_try_advisory_lock(7, 8)",
    "select pg_advisory_unlock_all()",
    "select pg_advisory_xact_lock(5)",
    "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()",
    "select id from things order by id for update",
    "select id from things order by id for no key update skip locked",
    "select id from things order by id for key share nowait",
    "lock table audit in share mode",
)


def postgres(chance: Random) -> Iterator[Episode]:
    yield [Statement("set lock_timeout = '80ms'", "owner/2")]
    while True:
        waiting = [Statement(dml.statement(chance, dml.BOTH), "owner/2") for _ in range(chance.randrange(2))]
        yield [
            Statement("begin"),
            Statement(f"lock table {chance.choice(('things', 'tags', 'audit'))} in {chance.choice(MODES)} mode"),
            Statement(chance.choice(OWNERS)),
            *(Statement(dml.statement(chance, dml.BOTH)) for _ in range(3)),
            *waiting,
            Statement(chance.choice(("commit", "commit", "rollback"))),
            *(Statement(dml.statement(chance, dml.BOTH), "owner/2") for _ in range(2)),
        ]


def sqlite(chance: Random) -> Iterator[Episode]:
    while True:
        yield [
            Statement(chance.choice(("begin exclusive", "begin immediate", "begin"))),
            *(Statement(dml.statement(chance, dml.BOTH)) for _ in range(3)),
            Statement("select count(*) from things", "owner/2"),
            *([Statement("insert into things (name) values ('busy')", "owner/2")] if chance.random() < 0.3 else []),
            Statement(chance.choice(("commit", "rollback"))),
            Statement("rollback"),
            Statement("update things set n = n + 1", "owner/2"),
        ]


FAMILIES = [
    Family("locks", "postgresql", dml.POSTGRES, postgres),
    Family("locks", "sqlite", dml.SQLITE, sqlite),
]
