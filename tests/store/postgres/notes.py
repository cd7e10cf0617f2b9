"""A small table of an owner, `notes`, in a separate PostgreSQL database, and roles of few rights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.store.application import ANYONE
from tests.support.driver import psycopg, sql
from tests.support.postgres import PostgresServer
from tidegate.contract import Resource
from tidegate.core.rows.ports import ReadQuery
from tidegate.schema.resource import read_resource

NOTES: dict[str, Any] = {
    "title": "Note",
    "type": "object",
    "x-resource": {"key": "id"},
    "x-access": ANYONE,
    "properties": {"id": {"type": "integer"}, "body": {"type": ["string", "null"]}},
    "required": ["id", "body"],
}
RESOURCES: dict[str, Resource] = {"notes": read_resource("notes", NOTES, {})}
ALL = ReadQuery(resource="notes")
TABLE = "CREATE TABLE {} (id bigint PRIMARY KEY, body text)"


class Owner:
    """The administrator of one database: plain SQL, no setting of ours."""

    def __init__(self, server: PostgresServer, url: str) -> None:
        self.url = url
        self._server = server
        self.connection = psycopg.connect(url, autocommit=True)

    def execute(self, *statements: str) -> None:
        for statement in statements:
            self.connection.execute(statement.encode())

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(query.encode()).fetchall()

    def as_role(self, role: str) -> str:
        """The URL for another role."""
        return self._server.url(self.url.rpartition("/")[2], role)

    @contextmanager
    def role(self, name: str, options: str = "") -> Iterator[str]:
        """A role that can log in; returns its URL. It is dropped afterwards: roles belong to the whole server."""
        self.execute(f"CREATE ROLE {name} LOGIN {options}")
        try:
            yield self.as_role(name)
        finally:
            self.execute(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def in_schema(url: str, schema: str) -> str:
    """The URL that leads to the tables of `schema`."""
    return f"{url}?options=-csearch_path%3D{schema}"


@contextmanager
def owned(server: PostgresServer) -> Iterator[Owner]:
    """The owner of a new, empty database."""
    with server.lent() as url:
        owner = Owner(server, url)
        try:
            yield owner
        finally:
            owner.connection.close()


def bodies(owner: Owner, table: str = "notes") -> dict[int, str]:
    identifier = sql.Identifier(*table.split("."))
    found = owner.connection.execute(sql.SQL("SELECT id, body FROM {}").format(identifier))
    return {number: body for number, body in found}
