"""Dumps and copies with the databases' own tools, and loading them into the database that is served."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tests.twin.families import dml
from tests.twin.statements import Action, Episode, Family, Statement

DATA = ("--data-only", "-t", "things", "-t", "tags", "-t", "audit")
RELOAD = (
    ("--data-only", "--inserts", "-t", "tags"),
    ("--data-only", "--column-inserts", "--on-conflict-do-nothing", "-t", "things"),
    ("--data-only", "--rows-per-insert=10", "-t", "audit"),
    ("--data-only", "-t", "tags"),
)

# last_insert_rowid() is then a number of the schema's table, in which Tidegate's tables have numbers too.
VACUUM = (
    Statement("vacuum", "owner/tool", unequal="VACUUM changes last_insert_rowid()"),
    Action("leave", ("owner/tool",)),
)


def write(chance: Random) -> list[Statement]:
    return [Statement(dml.statement(chance, dml.BOTH)) for _ in range(4)]


def postgres(chance: Random) -> Iterator[Episode]:
    yield [Statement("insert into things (name, n) select 'row ' || i, i from generate_series(1, 30) i")]
    for _ in range(4):
        options = chance.choice(RELOAD)
        yield [*write(chance), Statement("delete from tags"), Action("load", options)]
    yield [Action("tool", ("vacuumdb", "--analyze")), *write(chance)]
    yield [Action("tool", ("reindexdb",)), *write(chance)]
    yield [
        *write(chance),
        Statement("truncate things, tags, audit"),
        Action("load_as_administrator", (*DATA, "--disable-triggers"), breaks=True),
        *write(chance),
    ]
    yield [Action("load_as_administrator", ("--clean", "--if-exists"), breaks=True), *write(chance)]


def sqlite(chance: Random) -> Iterator[Episode]:
    yield [Statement(f"insert into things (name, n) values ('row {n}', {n})") for n in range(5)]
    while True:
        action = chance.choice(
            (
                Action("backup"),
                Action("vacuum_into"),
                Action("dump_and_load", ("things",)),
                Action("dump_and_load", ("tags",)),
            )
        )
        yield [*write(chance), action, *write(chance), Statement("pragma integrity_check"), *VACUUM]


FAMILIES = [
    Family("dumps", "postgresql", dml.POSTGRES, postgres),
    Family("dumps", "sqlite", dml.SQLITE, sqlite),
]
