"""Tables with as many columns as the database allows, and rows with long values."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tests.twin.statements import Episode, Family, Statement

POSTGRES_COLUMNS, SQLITE_COLUMNS = 1590, 1000
"""PostgreSQL has at most 1,600 columns. SQLite has 2,000, where each statement compiles triggers of two megabytes."""


def table(name: str, columns: int) -> str:
    listed = ", ".join(f"c{number} integer" for number in range(columns))
    return f"create table {name} (id integer primary key, {listed})"


def episodes(chance: Random, tables: dict[str, int]) -> Iterator[Episode]:
    number = 0
    while True:
        number += 1
        name, columns = chance.choice(list(tables.items()))
        one, other = chance.randrange(columns), chance.randrange(columns)
        every = ", ".join(str(chance.randrange(100)) for _ in range(columns))
        yield [
            Statement(f"insert into {name} (id, c{one}) values ({number}, 1)"),
            Statement(f"insert into {name} values ({1000 + number}, {every})"),
            Statement(f"update {name} set c{other} = {number} where id = {number} returning c{other}"),
            Statement(f"delete from {name} where id = {1000 + number - 1}"),
            Statement(f"insert into {name} (id) values ({number}) on conflict (id) do update set c{one} = 7"),
        ]


def family(name: str, database: str, tables: dict[str, int]) -> Family:
    made = tuple(table(name, columns) for name, columns in tables.items())
    return Family(name, database, made, lambda chance: episodes(chance, tables))


FAMILIES = [
    family("wide", "postgresql", {"broad": 1000, "many": 300}),
    family("wide", "sqlite", {"many": 300}),
    family("widest", "postgresql", {"widest": POSTGRES_COLUMNS}),
    family("widest", "sqlite", {"widest": SQLITE_COLUMNS}),
]
