"""An existing database is shared: introspect, check, generate, migrate and serve, on SQLite and PostgreSQL.

The tests compare the whole database (Chinook) before and after: Tidegate may add only the change log and triggers.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_rooms_live import bearer, token
from tests.support import chinook
from tests.support.gateway import ROOT, GatewayProcess, tidegate
from tests.support.postgres import PostgresGateway, PostgresServer
from tests.support.wire import Wire, wire

ADDED = (
    "create table tidegate_", "give the change log", "install trigger tidegate_", "create schema _tidegate",
    "create _tidegate.", "install function _tidegate.", "install trigger 00_tidegate_",
    "install trigger number_change", "note schema", "note table",
)  # fmt: skip
"""The beginnings of the steps that a migration may do to an existing database."""
Content = dict[str, list[tuple[Any, ...]]]


class SqliteShop(GatewayProcess):
    """Chinook in a file, with the names of SQLite's dialect."""

    url_of_database = "sqlite:///chinook.db"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "--dev", "--schema", "schema", "--database", self.url_of_database)
        chinook.sqlite_file(self.database_file)

    @property
    def database_file(self) -> Path:
        return self.folder / "chinook.db"

    def spelled(self, name: str) -> str:
        return name

    def content(self) -> Content:
        """All definitions and rows, without those of Tidegate and SQLite."""
        definitions = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE tbl_name NOT LIKE 'tidegate%'"
        definitions += " AND name <> 'sqlite_sequence'"
        found = {"definitions": self.select(f"{definitions} AND name NOT LIKE 'tidegate%' ORDER BY type, name")}
        return found | {table: self.select(f'SELECT rowid, * FROM "{table}" ORDER BY 1') for table in chinook.TABLES}

    def added(self) -> set[str]:
        """The triggers on one of the tables, by their names."""
        sql = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'Album'"
        return {str(name).removeprefix("tidegate_Album_") for (name,) in self.select(sql)}


class PostgresShop(PostgresGateway):
    """Chinook on a server, with the names of PostgreSQL's dialect."""

    def __init__(self, folder: Path, url: str) -> None:
        super().__init__(folder, url, "--dev", "--schema", "schema")
        self.url_of_database = url
        chinook.postgres_database(url)

    def spelled(self, name: str) -> str:
        return chinook.snake(name)

    def content(self) -> Content:
        asked = {
            "columns": "SELECT attrelid::regclass::text, attname, atttypid::regtype::text, atttypmod, attnotnull,"
            " atthasdef FROM pg_attribute JOIN pg_class c ON c.oid = attrelid"
            " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND attnum > 0 ORDER BY 1, attnum",
            "constraints": "SELECT conname, conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
            "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
            "relations": "SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1",
            **{
                name: f"SELECT ctid::text, xmin::text, * FROM {chinook.snake(name)} ORDER BY 1"
                for name in chinook.TABLES
            },
        }
        return {name: self.select(sql) for name, sql in asked.items()}

    def added(self) -> set[str]:
        """The triggers on one of the tables, by their names."""
        sql = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = 'album'::regclass"
        return {str(name) for (name,) in self.select(sql)}


Shop = SqliteShop | PostgresShop


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    """Chinook, and a gateway that was not started."""
    with ExitStack() as until_the_end:
        if request.param == "sqlite":
            process: Shop = SqliteShop(tmp_path)
        else:
            server: PostgresServer = request.getfixturevalue("postgres")
            process = PostgresShop(tmp_path, until_the_end.enter_context(server.lent()))
        yield process
        process.stop()


def command(shop: Shop, *arguments: str) -> str:
    """Run a command of docs/how-to/existing-database.md. Returns its output."""
    done = tidegate(*arguments, cwd=shop.folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def allow(shop: Shop, table: str) -> None:
    """Edit the schema files as a user does: authenticated users may do everything."""
    file = shop.folder / "schema" / "resources" / f"{shop.spelled(table)}.schema.json"
    schema = json.loads(file.read_text())
    assert schema["x-access"] == {"read": "authenticated"}
    schema["x-access"] = dict.fromkeys(("read", "create", "update", "delete"), "authenticated")
    file.write_text(json.dumps(schema))


def ready(shop: Shop, *writable: str) -> None:
    """Run all commands from the database to a running gateway."""
    url = shop.url_of_database
    command(shop, "introspect", "--database", url, "--access", "read=authenticated")
    for table in writable:
        allow(shop, table)
    command(shop, "migrate", "--database", url)
    shop.start()


def names(shop: Shop, row: dict[str, Any]) -> dict[str, Any]:
    return {shop.spelled(name): value for name, value in row.items()}


def selected(shop: Shop, table: str, where: str = "true", *values: object) -> list[dict[str, Any]]:
    """The table's rows as the wire should have them, by SELECT."""
    columns = [column.name for column in chinook.TABLES[table]]
    order = ", ".join(shop.spelled(name) for name in chinook.key(table))
    listed = ", ".join(shop.spelled(name) for name in columns)
    found = shop.select(f"SELECT {listed} FROM {shop.spelled(table)} WHERE {where} ORDER BY {order}", *values)
    return [{shop.spelled(name): _wire(value) for name, value in zip(columns, row, strict=True)} for row in found]


def _wire(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return value if value is None or isinstance(value, int | float | str) else value.isoformat(sep=" ")


async def rows(client: Wire, resource: str, **fields: Any) -> list[dict[str, Any]]:
    reply = await client.ask({"type": "list", "resource": resource, **fields})
    assert reply["type"] == "rows", reply
    found: list[dict[str, Any]] = reply["rows"]
    return found


async def updates(client: Wire, count: int) -> list[tuple[str, dict[str, Any]]]:
    """The first `count` updates on this connection. An update may come before the reply to its request."""
    while len(found := [one for one in client.heard if one["type"] == "update"]) < count:
        await client.hear("update")
    return [(update["action"], update["data"]) for update in found]


def guided(shop: Shop) -> list[list[str]]:
    """The commands of docs/how-to/existing-database.md, for this database."""
    text = (ROOT / "docs" / "how-to" / "existing-database.md").read_text()
    block = re.search(r"```sh\n(.*?)```", text, re.DOTALL)
    assert block is not None
    lines = block[1].replace(SqliteShop.url_of_database, shop.url_of_database).splitlines()
    return [shlex.split(line.removeprefix("tidegate ")) for line in lines]


def test_existing_tables_stay_unchanged(shop: Shop) -> None:
    before = shop.content()
    introspect, generate, plan, migrate, serve = guided(shop)
    written = command(shop, *introspect).splitlines()
    files = sorted(f"{shop.spelled(table)}.schema.json" for table in chinook.TABLES)
    assert [Path(line).name for line in written] == files
    assert "11 resources" in command(shop, "check")
    command(shop, *generate)
    planned = command(shop, *plan).splitlines()
    assert [step for step in planned if not step.startswith(ADDED)] == []
    assert shop.content() == before
    command(shop, *migrate)
    assert shop.content() == before
    after = {"before_insert", "after_insert", "before_update", "after_update", "after_delete"}
    assert shop.added() == (after if isinstance(shop, SqliteShop) else {"00_tidegate_rows", "00_tidegate_truncate"})
    assert command(shop, *plan) == "nothing to do\n"
    assert serve == ["serve", "--dev", "--database", shop.url_of_database]
    shop.start()
    assert shop.content() == before


async def test_subscribers_get_changes_of_another_program_and_rows_equal_a_select(shop: Shop) -> None:
    ready(shop)
    track, genre, track_id, name = (shop.spelled(word) for word in ("Track", "GenreId", "TrackId", "Name"))
    async with wire(shop.url, **bearer(token(shop, "1"))) as client:
        for table in chinook.TABLES:
            assert await rows(client, shop.spelled(table)) == selected(shop, table)
        filters = {genre: 3, shop.spelled("UnitPrice"): {"gte": 1}}
        reply = await client.ask({"type": "subscribe", "resource": track, "filters": filters, "snapshot": True})
        assert reply["type"] == "subscribed", reply
        copy = {row[track_id]: row for row in (await client.hear("snapshot"))["rows"]}
        assert list(copy) == [row[track_id] for row in selected(shop, "Track", f"{genre} = 3 AND {_price(shop)} >= 1")]
        assert copy

        leaving = next(iter(copy))
        media, length, price = (shop.spelled(word) for word in ("MediaTypeId", "Milliseconds", "UnitPrice"))
        insert = f"INSERT INTO {track} ({track_id}, {name}, {media}, {length}, {price}, {genre})"
        shop.execute(f"{insert} VALUES (901, 'Enter', 1, 1000, 1.29, 3)")
        shop.execute(f"{insert} VALUES (902, 'Stay away', 1, 1000, 1.29, 4)")
        shop.execute(f"UPDATE {track} SET {name} = 'Renamed' WHERE {track_id} = 901")
        shop.execute(f"UPDATE {track} SET {genre} = 4 WHERE {track_id} = ?", leaving)
        shop.execute(f"UPDATE {track} SET {price} = 0.5 WHERE {track_id} = 902")
        shop.execute(f"DELETE FROM {track} WHERE {track_id} = 901")
        shop.execute(f"UPDATE {track} SET {genre} = 3, {price} = 2.5 WHERE {track_id} = 902")
        heard = await updates(client, 5)
        for action, row in heard:
            copy.pop(row[track_id], None)
            if action != "delete":
                copy[row[track_id]] = row
        expected = [("create", 901), ("update", 901), ("delete", leaving), ("delete", 901), ("create", 902)]
        assert [(action, row[track_id]) for action, row in heard] == expected
        now = selected(shop, "Track", f"{genre} = 3 AND {_price(shop)} >= 1")
        assert sorted(copy.values(), key=lambda row: row[track_id]) == now


def _price(shop: Shop) -> str:
    return shop.spelled("UnitPrice")


async def test_clients_write_only_where_rules_allow_it(shop: Shop) -> None:
    ready(shop, "Invoice", "PlaylistTrack")
    invoice = names(shop, {"CustomerId": 1, "InvoiceDate": "2026-01-02 03:04:05", "Total": 9.9})
    if isinstance(shop, PostgresShop):
        invoice["invoice_id"] = 77  # nothing counts it there
    async with wire(shop.url, **bearer(token(shop, "1"))) as client, wire(shop.url) as stranger:
        reply = await client.ask({"type": "create", "resource": shop.spelled("Invoice"), "data": invoice})
        assert reply["type"] == "rows", reply
        (row,) = reply["rows"]
        key = row[shop.spelled("InvoiceId")]
        assert selected(shop, "Invoice", f"{shop.spelled('InvoiceId')} = ?", key) == [row]
        assert row[shop.spelled("Total")] == 9.9
        assert row[shop.spelled("InvoiceDate")] == "2026-01-02 03:04:05"

        wrong = invoice | names(shop, {"CustomerId": 4711}) | ({"invoice_id": 78} if "invoice_id" in invoice else {})
        refused = await client.ask({"type": "create", "resource": shop.spelled("Invoice"), "data": wrong})
        assert (refused["code"], refused["pointer"]) == ("conflict", f"/data/{shop.spelled('CustomerId')}")
        long = invoice | names(shop, {"BillingPostalCode": "longer than ten"})
        refused = await client.ask({"type": "create", "resource": shop.spelled("Invoice"), "data": long})
        assert (refused["code"], refused["keyword"]) == ("invalid_data", "maxLength")
        for asked in (
            {"type": "create", "resource": shop.spelled("Genre"), "data": names(shop, {"GenreId": 99, "Name": "x"})},
            {"type": "delete", "resource": shop.spelled("Genre"), "id": 1},
        ):
            if isinstance(shop, SqliteShop) and asked["type"] == "create":
                asked["data"] = {"Name": "x"}
            assert (await client.ask(asked))["code"] == "forbidden"
        assert (await stranger.ask({"type": "list", "resource": shop.spelled("Genre")}))["type"] == "error"


async def test_subscribers_get_rows_with_a_key_of_two_columns(shop: Shop) -> None:
    ready(shop, "PlaylistTrack")
    resource = shop.spelled("PlaylistTrack")

    def pair(one: int, two: int) -> dict[str, Any]:
        return names(shop, {"PlaylistId": one, "TrackId": two})

    async with wire(shop.url, **bearer(token(shop, "1"))) as client:
        filters = names(shop, {"PlaylistId": 5})
        reply = await client.ask({"type": "subscribe", "resource": resource, "filters": filters})
        assert reply["type"] == "subscribed", reply
        created = await client.ask({"type": "create", "resource": resource, "data": pair(5, 50)})
        assert created["rows"] == [pair(5, 50)]
        two = shop.spelled("TrackId")
        shop.execute(f"UPDATE {resource} SET {two} = 51 WHERE {two} = 50")
        assert await updates(client, 3) == [
            ("create", pair(5, 50)),
            ("delete", pair(5, 50)),
            ("create", pair(5, 51)),
        ]
        again = await client.ask({"type": "create", "resource": resource, "data": pair(5, 51)})
        assert again["code"] == "conflict"
        gone = await client.ask({"type": "delete", "resource": resource, "id": pair(5, 51)})
        assert gone["rows"] == [pair(5, 51)]
        assert await rows(client, resource) == selected(shop, "PlaylistTrack")
