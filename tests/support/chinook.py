"""Chinook, the well-known sample database of a music shop, as others make it: SQLite's and PostgreSQL's dialect of it.

No package of the registries ships it, so its eleven tables are described here: names, types, lengths, keys, references
and indexes are those of the original. The rows are made up, a few for each table, always the same.
It knows nothing of Tidegate.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.sqlite import foreign


class Column(NamedTuple):
    name: str
    kind: str
    needed: bool
    target: str | None


def _table(text: str) -> list[Column]:
    """`Name 120` is a text of that length, `ArtistId >Artist` a reference; `!` may not be NULL."""
    found = []
    for line in text.split(","):
        words = line.strip().removesuffix("!").split()
        target = next((word[1:] for word in words if word.startswith(">")), None)
        kind = next((word for word in words[1:] if not word.startswith(">")), "int")
        found.append(Column(words[0], kind, line.strip().endswith("!"), target))
    return found


_ADDRESS = "Address 70, City 40, State 40, Country 40, PostalCode 10, Phone 24, Fax 24"
TABLES = {
    "Artist": _table("ArtistId!, Name 120"),
    "Album": _table("AlbumId!, Title 160!, ArtistId >Artist!"),
    "Employee": _table(
        "EmployeeId!, LastName 20!, FirstName 20!, Title 30, ReportsTo >Employee, BirthDate time, HireDate time, "
        f"{_ADDRESS}, Email 60"
    ),
    "Customer": _table(
        f"CustomerId!, FirstName 40!, LastName 20!, Company 80, {_ADDRESS}, Email 60!, SupportRepId >Employee"
    ),
    "Genre": _table("GenreId!, Name 120"),
    "MediaType": _table("MediaTypeId!, Name 120"),
    "Playlist": _table("PlaylistId!, Name 120"),
    "Track": _table(
        "TrackId!, Name 200!, AlbumId >Album, MediaTypeId >MediaType!, GenreId >Genre, Composer 220, Milliseconds!, "
        "Bytes, UnitPrice money!"
    ),
    "Invoice": _table(
        "InvoiceId!, CustomerId >Customer!, InvoiceDate time!, BillingAddress 70, BillingCity 40, BillingState 40, "
        "BillingCountry 40, BillingPostalCode 10, Total money!"
    ),
    "InvoiceLine": _table("InvoiceLineId!, InvoiceId >Invoice!, TrackId >Track!, UnitPrice money!, Quantity!"),
    "PlaylistTrack": _table("PlaylistId >Playlist!, TrackId >Track!"),
}
"""The tables in an order in which references lead to earlier tables."""
ROWS = {"Track": 60, "Invoice": 20, "InvoiceLine": 40, "PlaylistTrack": 30}
"""How many rows; other tables have ten."""


def key(table: str) -> list[str]:
    return ["PlaylistId", "TrackId"] if table == "PlaylistTrack" else [f"{table}Id"]


def snake(name: str) -> str:
    """How PostgreSQL's dialect spells a name."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def sqlite_file(path: Path) -> None:
    """Make the database."""
    with foreign(path) as connection:
        for table, columns in TABLES.items():
            connection.execute(_sqlite_table(table, columns))
            marks = ", ".join("?" * len(columns))
            connection.executemany(f"INSERT INTO [{table}] VALUES ({marks})", rows(table))
        for table, column in _references():
            connection.execute(f"CREATE INDEX [IFK_{table}{column.name}] ON [{table}] ([{column.name}])")


def postgres_database(url: str) -> None:
    """Make the tables in an empty database."""
    from tests.support.driver import psycopg

    with psycopg.connect(url) as connection:
        for table, columns in TABLES.items():
            connection.execute(_postgres_table(table, columns).encode())
            marks = ", ".join(["%s"] * len(columns))
            with connection.cursor() as cursor:
                cursor.executemany(f"INSERT INTO {snake(table)} VALUES ({marks})".encode(), list(rows(table)))
        for table, column in _references():
            name = f"{snake(table)}_{snake(column.name)}"
            target = f"{snake(str(column.target))} ({snake(str(column.target))}_id)"
            connection.execute(
                f"ALTER TABLE {snake(table)} ADD CONSTRAINT {name}_fkey FOREIGN KEY ({snake(column.name)}) "
                f"REFERENCES {target} ON DELETE NO ACTION ON UPDATE NO ACTION".encode()
            )
            connection.execute(f"CREATE INDEX {name}_idx ON {snake(table)} ({snake(column.name)})".encode())


def rows(table: str) -> Iterator[tuple[Any, ...]]:
    for number in range(1, ROWS.get(table, 10) + 1):
        yield tuple(_value(table, column, number) for column in TABLES[table])


def _value(table: str, column: Column, number: int) -> Any:
    if [column.name] == key(table):
        return number
    if table == "PlaylistTrack":
        return number % 5 + 1 if column.name == "PlaylistId" else number
    if column.target is not None:
        if column.target == table:
            return number - 1 or None
        return number % 10 + 1
    if not column.needed and number % 4 == 0:
        return None
    match column.kind:
        case "int":
            return number * 1000
        case "money":
            return 1.99 if number % 3 == 0 else 0.99
        case "time":
            return f"2009-01-{number % 28 + 1:02} 00:00:00"
        case length:
            return f"{column.name} {number}"[: int(length)]


def _references() -> Iterator[tuple[str, Column]]:
    for table, columns in TABLES.items():
        for column in columns:
            if column.target is not None:
                yield table, column


def _sqlite_table(table: str, columns: list[Column]) -> str:
    kinds = {"int": "INTEGER", "money": "NUMERIC(10,2)", "time": "DATETIME"}
    lines = [
        f"[{column.name}] {kinds.get(column.kind, f'NVARCHAR({column.kind})')}{'  NOT NULL' if column.needed else ''}"
        for column in columns
    ]
    lines.append(f"CONSTRAINT [PK_{table}] PRIMARY KEY  ({', '.join(f'[{name}]' for name in key(table))})")
    lines += [
        f"FOREIGN KEY ([{column.name}]) REFERENCES [{column.target}] ([{column.target}Id]) \n"
        "\t\tON DELETE NO ACTION ON UPDATE NO ACTION"
        for column in columns
        if column.target is not None
    ]
    return f"CREATE TABLE [{table}]\n(\n    " + ",\n    ".join(lines) + "\n)"


def _postgres_table(table: str, columns: list[Column]) -> str:
    kinds = {"int": "INT", "money": "NUMERIC(10,2)", "time": "TIMESTAMP"}
    lines = [
        f"{snake(column.name)} {kinds.get(column.kind, f'VARCHAR({column.kind})')}"
        + (" NOT NULL" if column.needed else "")
        for column in columns
    ]
    lines.append(f"CONSTRAINT {snake(table)}_pkey PRIMARY KEY ({', '.join(map(snake, key(table)))})")
    return f"CREATE TABLE {snake(table)} (\n    " + ",\n    ".join(lines) + "\n)"
