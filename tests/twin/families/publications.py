"""Publications and logical replication: the owner publishes shared tables, and receives rows from another database."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tests.twin.families import dml
from tests.twin.statements import Action, Episode, Family, Statement

TABLES = (
    *dml.POSTGRES,
    "create table received (id integer primary key, v text)",
    "create table nameless (a integer, b text)",
)
MADE = (
    "create publication p for all tables",
    "create publication p for tables in schema public",
    "create publication p for table things, tags",
    "create publication p for table things (id, name), tags with (publish = 'insert, update')",
    "create publication p for table things where (id > 2)",
    "create publication p for table only audit with (publish = 'truncate, insert')",
)
IDENTITIES = ("full", "default", "nothing", "using index things_code_key")


def write(chance: Random) -> list[Statement]:
    return [Statement(dml.statement(chance, dml.BOTH)) for _ in range(4)]


def postgres(chance: Random) -> Iterator[Episode]:
    yield [Statement("insert into things (name) values ('a'), ('b'), ('c')")]
    while True:
        made, identity = chance.choice(MADE), chance.choice(IDENTITIES)
        yield [
            # Without a publication wal_level stays logical; who may publish every table is an administrator.
            Statement(made, "tidegate/publish"),
            Statement(f"alter table things replica identity {identity}"),
            *write(chance),
            Statement("update nameless set b = 'x'"),
            Statement("update received set v = v || '.'"),
            Statement("delete from things where id = (select min(id) from things)"),
            Statement("truncate tags"),
            Statement("alter table things replica identity default"),
            Statement("drop publication p", "tidegate/publish"),
        ]


def replication(chance: Random) -> Iterator[Episode]:
    yield [Action("replicate", ("received",))]
    while True:
        yield [Statement("update received set v = v || '.'"), Statement("delete from received where id = 1")]


FAMILIES = [
    Family("publications", "postgresql", TABLES, postgres),
    Family("replication", "postgresql", TABLES[-2:], replication),
]
