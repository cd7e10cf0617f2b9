"""Databases of well-known programs, from introspection to a gateway that serves them while the program writes.

For each table the live copy of a subscriber, the rows of `list`, and a SELECT of the program must be equal.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.store.introspect.real import RealSchema, both, own
from tests.store.owner import executed
from tests.store.program import Program
from tests.support.deadlines import DEADLINE_S
from tests.support.postgres import PostgresServer
from tests.support.wire import Wire, wire
from tests.transport.inside import running
from tidegate import cli

CASES = [(schema, database) for schema in (*both.SCHEMAS, *own.SCHEMAS) for database in schema.databases]
Row = dict[str, Any]


class Owner:
    """The program that owns the database: its address, and a way to run its statements."""

    def __init__(
        self,
        schema: RealSchema,
        database: str,
        url: str,
        execute: Callable[[str], Any],
        run: Callable[..., None] | None = None,
    ) -> None:
        self.schema = schema
        self.database = database
        self.url = url
        self._execute = execute
        self._run = run

    def run(self, sql: str) -> None:
        statements = self.schema.statements(sql, self.database)
        if self._run is not None:
            self._run(*statements)
            return
        for statement in statements:
            self._execute(statement)

    def rows(self, resource: Row) -> list[Row]:
        """The table's rows as clients should have them, in the order of the key."""
        names = [name for name, prop in resource["properties"].items() if not prop.get("writeOnly")]
        listed = ", ".join(self._column(name, resource["properties"][name]) for name in names)
        found = self._execute(f"SELECT {listed} FROM {_quoted(resource['x-resource']['table'])}").fetchall()
        props = resource["properties"]
        return [
            {
                name: _wire(value, props[name])
                for name, value in zip(names, row, strict=True)
                # An infinite time is no date-time: the row goes out without it.
                if value is not None or "null" in props[name]["type"]
            }
            for row in found
        ]

    def _column(self, name: str, prop: Row) -> str:
        if self.database == "sqlite":
            return _quoted(name)
        if prop.get("format") == "date-time":
            return f"CASE WHEN isfinite({_quoted(name)}) THEN {_quoted(name)} END"
        kinds = prop["type"] if isinstance(prop["type"], list) else [prop["type"]]
        return f"{_quoted(name)}::text" if "object" not in kinds and "string" in kinds else _quoted(name)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _wire(value: Any, prop: Row) -> Any:
    kinds = prop["type"] if isinstance(prop["type"], list) else [prop["type"]]
    if value is None:
        return None
    if "object" in kinds and isinstance(value, str) and not isinstance(value, datetime):
        with contextlib.suppress(ValueError):
            return json.loads(value)
    if kinds[0] == "boolean":
        return bool(value)
    if prop.get("format") == "int64":
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return float(value) if kinds[0] == "number" else value


@pytest.fixture(params=CASES, ids=[f"{schema.name}-{database}" for schema, database in CASES])
def owner(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Owner]:
    schema, database = request.param
    with ExitStack() as until_the_end:
        if database == "sqlite":
            path = tmp_path / "theirs.db"
            program = Program(path)
            until_the_end.callback(program.close)
            run = partial(executed, path) if schema.by_owner else None
            found = Owner(schema, database, f"sqlite:///{path}", program.execute, run)
        else:
            server: PostgresServer = request.getfixturevalue("postgres")
            from tests.support.driver import psycopg

            url = until_the_end.enter_context(server.lent())
            connection = until_the_end.enter_context(psycopg.connect(url, autocommit=True))
            found = Owner(schema, database, url + schema.options, lambda sql: connection.execute(sql.encode()))
        found.run(schema.definition)
        if schema.options:
            found.run("SET search_path = sales")
        yield found


def tidegate(*arguments: str) -> tuple[int, str]:
    """Run a command in this process; returns its exit code and what it printed."""
    with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.redirect_stderr(printed):
        code = cli.main(list(arguments))
    return code, printed.getvalue()


def introspected(owner: Owner, folder: Path) -> dict[str, Row]:
    """The files that `tidegate introspect` writes, by their resources; they are as the schema's facts say."""
    access = ["--access", *(f"{action}=anyone" for action in ("read", "create", "update", "delete"))]
    code, printed = tidegate("introspect", "--database", owner.url, "--schema", str(folder), *access)
    assert code == 0, printed
    files = sorted((folder / "resources").iterdir())
    found = {path.name.removesuffix(".schema.json"): json.loads(path.read_text()) for path in files}
    schema = owner.schema
    shared = {table for part in schema.shared.split("|") for table in ([part] if part[:1].isupper() else part.split())}
    assert {resource["x-resource"]["table"] for resource in found.values()} == shared
    for note in schema.notes:
        assert f"\n  {note}" in printed
    for name, resource in found.items():
        key = resource["x-resource"]["key"]
        assert schema.keys.get(name) in (None, [key] if isinstance(key, str) else key)
        assert (resource["x-access"] == {}) is (name in schema.hidden.split())
    secrets = {
        f"{name}.{prop}"
        for name, resource in found.items()
        for prop, rules in resource["properties"].items()
        if rules.get("writeOnly")
    }
    assert secrets == set(schema.secrets.split())
    return found


def key_of(resource: Row, row: Row) -> str:
    key = resource["x-resource"]["key"]
    return json.dumps([row[name] for name in ([key] if isinstance(key, str) else key)])


class Copies:
    """A subscriber's copies of all tables, as a naive client keeps them."""

    def __init__(self, client: Wire, resources: dict[str, Row]) -> None:
        self._client = client
        self._resources = resources
        self._taken = 0
        self._subscriptions: dict[str, str] = {}
        self.rows: dict[str, dict[str, Row]] = {name: {} for name in resources}

    async def subscribe(self) -> None:
        for name in self._resources:
            reply = await self._client.ask({"type": "subscribe", "resource": name, "snapshot": True})
            assert reply["type"] == "subscribed", reply
            self._subscriptions[reply["subscription"]] = name
        while sum(message["type"] == "snapshot" for message in self._client.heard) < len(self._resources):
            await self._client.hear("snapshot")
        self.take()

    async def until(self, expected: dict[str, list[Row]]) -> None:
        """Return once the copies equal `expected`; fail with the difference after the deadline."""
        wanted = {name: self.sorted(name, rows) for name, rows in expected.items()}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DEADLINE_S):
                while self.now() != wanted:
                    await self._client.hear("update")
                    self.take()
        await self._client.settle()
        self.take()
        self.check(expected)

    def check(self, expected: dict[str, list[Row]]) -> None:
        """Fail with the first row that differs."""
        for name, rows in self.now().items():
            wanted = self.sorted(name, expected[name])
            assert [key_of(self._resources[name], row) for row in rows] == [
                key_of(self._resources[name], row) for row in wanted
            ]
            for row, other in zip(rows, wanted, strict=True):
                assert row == other

    def take(self) -> None:
        """Apply what was heard since the last time."""
        for message in self._client.heard[self._taken :]:
            if message["type"] == "snapshot":
                for row in message["rows"]:
                    self._put(message, row)
            elif message["type"] == "update" and message["action"] == "delete":
                self._copy(message).pop(self._key(message, message["data"]), None)
            elif message["type"] == "update":
                self._put(message, message["data"])
        self._taken = len(self._client.heard)

    def now(self) -> dict[str, list[Row]]:
        return {name: self.sorted(name, list(rows.values())) for name, rows in self.rows.items()}

    def sorted(self, name: str, rows: list[Row]) -> list[Row]:
        """Rows in the order of their keys, and moments as moments."""
        resource = self._resources[name]
        return sorted((_moments(resource, row) for row in rows), key=lambda row: key_of(resource, row))

    def _put(self, message: Row, row: Row) -> None:
        self._copy(message)[self._key(message, row)] = row

    def _copy(self, message: Row) -> dict[str, Row]:
        return self.rows[self._subscriptions[message["subscription"]]]

    def _key(self, message: Row, row: Row) -> str:
        return key_of(self._resources[self._subscriptions[message["subscription"]]], row)


def _moments(resource: Row, row: Row) -> Row:
    """The row with its date-times as moments: PostgreSQL's own program writes them with another offset."""
    times = {name for name, prop in resource["properties"].items() if prop.get("format") == "date-time"}
    return {
        name: datetime.fromisoformat(value) if name in times and isinstance(value, str) else value
        for name, value in row.items()
    }


@contextlib.asynccontextmanager
async def served(owner: Owner, folder: Path) -> AsyncIterator[Wire]:
    async with (
        running(folder, schema=str(folder), database=owner.url) as inside,
        wire(inside.url) as client,
    ):
        yield client


@pytest.mark.process
async def test_a_real_schema_is_introspected_migrated_and_served(owner: Owner, tmp_path: Path) -> None:
    folder = tmp_path / "schema"
    resources = introspected(owner, folder)
    code, printed = tidegate("check", "--schema", str(folder))
    assert code == 0, printed
    before = {name: owner.rows(resource) for name, resource in resources.items()}
    code, printed = tidegate("migrate", "--database", owner.url, "--schema", str(folder))
    assert code == 0, printed
    assert {name: owner.rows(resource) for name, resource in resources.items()} == before
    readable = {name: resource for name, resource in resources.items() if resource["x-access"]}
    async with served(owner, folder) as client:
        copies = Copies(client, readable)
        await copies.subscribe()
        copies.check(before)
        owner.run(owner.schema.work)
        now = {name: owner.rows(resource) for name, resource in readable.items()}
        assert [name for name in readable if now[name] == before[name]] == []
        await copies.until(now)
        for name in readable:
            reply = await client.ask({"type": "list", "resource": name})
            assert copies.sorted(name, reply["rows"]) == copies.now()[name]
        for name in resources.keys() - readable.keys():
            assert (await client.ask({"type": "list", "resource": name}))["code"] == "forbidden"
