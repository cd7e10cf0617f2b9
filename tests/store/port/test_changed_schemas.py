"""Gateways whose schema is older or newer than the database: code that was rolled back, updates one gateway at a time.

A column that a schema does not name stays, is named, and stops no gateway as long as rows can be created without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.store.application import ANYONE
from tests.store.mutations import create, refusal
from tests.store.port.conftest import Database
from tidegate.contract import Resource
from tidegate.core.rows.ports import ReadQuery, Row
from tidegate.schema.resource import read_resource
from tidegate.store import StoreError, backends
from tidegate.store.errors import NeedsManualMigration, Unmigrated
from tidegate.store.migration import files

INTEGER, TEXT = {"type": "integer"}, {"type": "string"}


def shifts(*required: str, rules: Mapping[str, Any] | None = None, **properties: Any) -> dict[str, Resource]:
    schema = {
        "title": "Shift",
        "type": "object",
        "x-resource": {"key": "id", **(rules or {})},
        "x-access": ANYONE,
        "properties": {"id": INTEGER, "title": TEXT, **properties},
        "required": ["id", "title", *required],
    }
    return {"shifts": read_resource("shifts", schema, {})}


OLD = shifts()
PLACES = shifts(places={**INTEGER, "default": 1, "minimum": 0, "enum": [1, 2, 3]}, note=TEXT)


def steps(database: Database, resources: dict[str, Resource], folder: Path | None = None) -> list[str]:
    """Migrate the tables of the application and these; returns the names of the steps."""
    everything = {**database.resources, **resources}
    return backends.migrations(database.url).apply(database.url, everything, folder)


def notes(database: Database, resources: dict[str, Resource]) -> list[str]:
    return backends.migrations(database.url).notes(database.url, {**database.resources, **resources})


async def served(database: Database, resources: dict[str, Resource], *rows: Row) -> list[Row]:
    """Serve these resources, create `rows`, and return all rows; the log must have the same rows."""
    store = await database.open(resources)
    try:
        before = await store.head()
        for row in rows:
            await store.write(create(row, resource="shifts"))
        found = (await store.read(ReadQuery(resource="shifts"))).rows
        logged = [change.new for change in await store.changes(before, before + 100, 100) if change.action == "create"]
        assert all(row in found for row in logged)
        assert len(logged) == len(rows)
        return found
    finally:
        await store.close()


async def test_an_older_gateway_serves_a_database_with_more_columns(database: Database) -> None:
    steps(database, OLD)
    database.foreign.execute("INSERT INTO shifts (id, title) VALUES (1, 'early')")
    steps(database, PLACES)
    assert await served(database, OLD, {"id": 2, "title": "late"}) == [
        {"id": 1, "title": "early"},
        {"id": 2, "title": "late"},
    ]
    assert await served(database, PLACES, {"id": 3, "title": "night", "places": 2}) == [
        {"id": 1, "title": "early", "places": 1},
        {"id": 2, "title": "late", "places": 1},
        {"id": 3, "title": "night", "places": 2},
    ]


async def test_a_newer_gateway_is_refused_until_the_database_is_migrated(database: Database) -> None:
    steps(database, OLD)
    with pytest.raises(Unmigrated, match=r"add column shifts\.places"):
        await database.open(PLACES)


async def test_the_migration_of_an_older_schema_drops_nothing_and_says_so(database: Database) -> None:
    steps(database, PLACES)
    database.foreign.execute("INSERT INTO shifts (id, title, places) VALUES (1, 'early', 3)")
    steps(database, OLD)
    (note,) = notes(database, OLD)
    assert note == (
        "left alone: the columns places, note of shifts, which the schema does not name; to drop one of them: "
        "tidegate migrate --new drop_shifts_places"
    )
    assert await served(database, OLD, {"id": 2, "title": "late"}) == [
        {"id": 1, "title": "early"},
        {"id": 2, "title": "late"},
    ]
    steps(database, PLACES)
    assert [row["places"] for row in await served(database, PLACES)] == [3, 1]
    with pytest.raises(StoreError) as caught:
        steps(database, shifts(places={**INTEGER, "default": 1, "enum": [1, 2]}, note=TEXT))
    assert "1 row of shifts: places is none of [1, 2]" in str(caught.value)


async def test_a_column_that_every_row_needs_stops_a_gateway_that_does_not_name_it(database: Database) -> None:
    steps(database, shifts("code", code=TEXT))
    database.foreign.execute("INSERT INTO shifts (id, title, code) VALUES (1, 'early', 'x')")
    with pytest.raises(Unmigrated, match="does not name it"):
        await database.open(OLD)
    steps(database, OLD)
    assert await served(database, OLD, {"id": 2, "title": "late"}) == [
        {"id": 1, "title": "early"},
        {"id": 2, "title": "late"},
    ]
    steps(database, shifts(code=TEXT))
    assert await served(database, shifts(code=TEXT), {"id": 3, "title": "night", "code": "y"}) == [
        {"id": 1, "title": "early", "code": "x"},
        {"id": 2, "title": "late"},
        {"id": 3, "title": "night", "code": "y"},
    ]


async def test_columns_that_the_owner_adds_stop_no_gateway_and_survive_every_migration(database: Database) -> None:
    steps(database, OLD)
    for column in (
        "extra text",
        "rank integer NOT NULL DEFAULT 5 CHECK (rank < 9)",
        "\"odd, name\" text DEFAULT 'a, (b' CHECK (\"odd, name\" <> ')')",
    ):
        database.foreign.execute(f"ALTER TABLE shifts ADD COLUMN {column}")
    database.foreign.execute("INSERT INTO shifts (id, title, extra, rank) VALUES (1, 'early', 'kept', 7)")
    assert await served(database, OLD) == [{"id": 1, "title": "early"}]
    assert steps(database, OLD) == []
    steps(database, shifts(title={**TEXT, "maxLength": 7}))
    assert await served(database, OLD | shifts(title={**TEXT, "maxLength": 7}), {"id": 2, "title": "late"}) == [
        {"id": 1, "title": "early"},
        {"id": 2, "title": "late"},
    ]
    named = shifts(
        "rank", title={**TEXT, "maxLength": 7}, extra=TEXT, rank={**INTEGER, "default": 5}, **{"odd, name": TEXT}
    )
    steps(database, named)
    assert await served(database, named) == [
        {"id": 1, "title": "early", "extra": "kept", "rank": 7, "odd, name": "a, (b"},
        {"id": 2, "title": "late", "rank": 5, "odd, name": "a, (b"},
    ]


async def test_rules_about_columns_that_the_schema_no_longer_names_stay_with_them(database: Database) -> None:
    steps(database, shifts(rules={"unique": [["badge"]], "indexes": [["title", "badge"]]}, badge=TEXT))
    database.foreign.execute("INSERT INTO shifts (id, title, badge) VALUES (1, 'early', 'x')")
    steps(database, OLD)
    assert await served(database, OLD, {"id": 2, "title": "late"}, {"id": 3, "title": "night"})
    assert steps(database, OLD) == []


async def test_a_probable_rename_is_asked_as_one(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    steps(database, shifts(places=INTEGER, note=TEXT))
    database.foreign.execute("INSERT INTO shifts (id, title, places, note) VALUES (1, 'early', 3, 'x')")
    renamed = shifts(seats=INTEGER, note=TEXT)
    with pytest.raises(NeedsManualMigration) as caught:
        steps(database, renamed, folder)
    assert str(caught.value) == (
        "the schema has seats instead of the column places of shifts: did you rename it to seats? If not, drop it: "
        "tidegate migrate --new drop_shifts_places. If so; type: tidegate migrate --new "
        f"rename_shifts_places_to_seats and fill in {folder / '0001_rename_shifts_places_to_seats.py'}"
    )
    everything = {**database.resources, **renamed}
    suggested = backends.migrations(database.url).suggestions(database.url, everything)
    assert suggested.keys() == {"rename_shifts_places_to_seats", "drop_shifts_places"}
    files.new(folder, "rename_shifts_places_to_seats", suggested["rename_shifts_places_to_seats"])
    steps(database, renamed, folder)
    assert await served(database, renamed) == [{"id": 1, "title": "early", "seats": 3, "note": "x"}]
    former = {**database.resources, **shifts(places=INTEGER, note=TEXT)}
    backends.migrations(database.url).down(database.url, former, folder)
    assert await served(database, shifts(places=INTEGER, note=TEXT)) == [
        {"id": 1, "title": "early", "places": 3, "note": "x"}
    ]


async def test_what_cannot_be_a_rename_is_not_asked(database: Database, tmp_path: Path) -> None:
    steps(database, shifts(places=INTEGER))
    steps(database, shifts(note=TEXT))  # of another type
    steps(database, shifts(note=TEXT, seats=INTEGER))  # `places` is gone since before
    steps(database, shifts(note=TEXT, seats=INTEGER, a=TEXT))
    steps(database, shifts(seats=INTEGER, b=TEXT, c=TEXT))  # which of the two would it be?
    folder = tmp_path / "migrations"
    files.new(folder, "no_rename")
    with pytest.raises(NeedsManualMigration):
        steps(database, shifts(berths=INTEGER, b=TEXT, c=TEXT))
    steps(database, shifts(berths=INTEGER, b=TEXT, c=TEXT), folder)  # a manual migration answers the question


async def test_a_dropped_column_takes_its_indexes_along(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    before = shifts(rules={"unique": [["title", "badge"]], "indexes": [["badge"]]}, badge=TEXT)
    steps(database, before)
    suggested = backends.migrations(database.url).suggestions(database.url, {**database.resources, **OLD})
    files.new(folder, "drop_shifts_badge", suggested["drop_shifts_badge"])
    steps(database, OLD, folder)
    assert notes(database, OLD) == []
    with pytest.raises(NeedsManualMigration, match="has a column badge that the schema does not: restore the schema"):
        backends.migrations(database.url).down(database.url, {**database.resources, **OLD}, folder)
    backends.migrations(database.url).down(database.url, {**database.resources, **before}, folder)
    assert (await refusal_of_two(database, before))[:2] == ("conflict", "/data/title")


async def refusal_of_two(database: Database, resources: dict[str, Resource]) -> tuple[Any, ...]:
    store = await database.open(resources)
    try:
        await store.write(create({"id": 1, "title": "early", "badge": "x"}, resource="shifts"))
        return await refusal(store, create({"id": 2, "title": "early", "badge": "x"}, resource="shifts"))
    finally:
        await store.close()


CONTACTS: dict[str, Any] = {
    "title": "Contact",
    "type": "object",
    "x-resource": {"key": "shift", "references": {"shift": "shifts.id"}, "unique": [["phone"]]},
    "x-access": ANYONE,
    "properties": {"shift": INTEGER, "phone": {**TEXT, "maxLength": 5}},
    "required": ["shift", "phone"],
}
SPLIT = {**OLD, "contacts": read_resource("contacts", CONTACTS, {})}


def write(folder: Path, name: str, *up: str) -> None:
    folder.mkdir(exist_ok=True)
    body = "".join(f"    db.execute_sql({sql!r})\n" for sql in up)
    (folder / f"{name}.py").write_text(f"def up(migrator, db):\n{body}")


async def test_a_manual_migration_finds_the_new_tables(database: Database, tmp_path: Path) -> None:
    """A table is split in two without a CREATE TABLE by hand."""
    folder = tmp_path / "migrations"
    steps(database, shifts("phone", phone=TEXT, rules={"unique": [["phone"]]}))
    database.foreign.execute("INSERT INTO shifts (id, title, phone) VALUES (1, 'early', '123'), (2, 'late', '456')")
    write(
        folder,
        "0001_split",
        "INSERT INTO contacts (shift, phone) SELECT id, phone FROM shifts",
        "ALTER TABLE shifts DROP COLUMN phone",
    )
    done = steps(database, SPLIT, folder)
    assert done.index("create table contacts") < done.index("run migration 0001_split")
    store = await database.open(SPLIT)
    try:
        assert [row["phone"] for row in (await store.read(ReadQuery(resource="contacts"))).rows] == ["123", "456"]
        for row, code in (
            ({"shift": 2, "phone": "9"}, "conflict"),
            ({"shift": 7, "phone": "9"}, "conflict"),
            ({"shift": 7, "phone": "123"}, "conflict"),
            ({"shift": 7, "phone": "123456"}, "invalid_data"),
        ):
            assert (await refusal(store, create(row, resource="contacts")))[0] == code
    finally:
        await store.close()


async def test_rows_that_a_manual_migration_puts_into_a_new_table_keep_its_rules(
    database: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "migrations"
    steps(database, OLD)
    database.foreign.execute("INSERT INTO shifts (id, title) VALUES (1, 'early')")
    write(folder, "0001_split", "INSERT INTO contacts (shift, phone) SELECT id, '123456' FROM shifts")
    with pytest.raises(StoreError, match=r"maxLength|longer than 5"):
        steps(database, SPLIT, folder)


@pytest.mark.parametrize("how", ["CREATE TABLE", "RENAME TO"])
async def test_a_manual_migration_may_make_the_new_table_itself(database: Database, tmp_path: Path, how: str) -> None:
    folder = tmp_path / "migrations"
    steps(database, {**OLD, "calls": read_resource("calls", CONTACTS, {})})
    database.foreign.execute("INSERT INTO shifts (id, title) VALUES (1, 'early')")
    database.foreign.execute("INSERT INTO calls (shift, phone) VALUES (1, '1')")
    if how == "RENAME TO":
        write(folder, "0001_own", "ALTER TABLE calls RENAME TO contacts")
    else:
        write(
            folder,
            "0001_own",
            'CREATE TABLE "contacts" (shift bigint PRIMARY KEY, phone text NOT NULL)'
            if database.kind == "postgresql"
            else 'CREATE TABLE "contacts" (shift INTEGER PRIMARY KEY, phone TEXT NOT NULL)',
            "INSERT INTO contacts SELECT shift, phone FROM calls",
            "DROP TABLE calls",
        )
    assert "create table contacts" not in steps(database, SPLIT, folder)
    store = await database.open(SPLIT)
    try:
        assert (await store.read(ReadQuery(resource="contacts"))).rows == [{"shift": 1, "phone": "1"}]
    finally:
        await store.close()


async def test_what_names_a_column_that_is_to_go_is_named(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    steps(database, shifts(badge=TEXT))
    database.foreign.execute("CREATE VIEW their_view AS SELECT badge FROM shifts")
    write(folder, "0001_drop", "ALTER TABLE shifts DROP COLUMN badge")
    with pytest.raises(StoreError) as caught:
        steps(database, OLD, folder)
    assert "their_view" in str(caught.value)
    if database.kind == "sqlite":
        assert "drop the view first: db.execute_sql('DROP VIEW \"their_view\"')" in str(caught.value)
        database.foreign.execute("DROP VIEW their_view")
        database.foreign.execute("CREATE INDEX their_index ON shifts (badge)")
        with pytest.raises(StoreError, match=r"error in index their_index .* drop the index first"):
            steps(database, OLD, folder)


async def test_a_down_that_leaves_a_table_behind_says_what_it_should_do(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    steps(database, OLD)
    write(folder, "0001_split", "INSERT INTO contacts (shift, phone) SELECT id, '1' FROM shifts")
    file = folder / "0001_split.py"
    file.write_text(f"{file.read_text()}def down(migrator, db):\n    pass\n")
    steps(database, SPLIT, folder)
    with pytest.raises(NeedsManualMigration) as caught:
        backends.migrations(database.url).down(database.url, {**database.resources, **OLD}, folder)
    assert str(caught.value) == (
        "after `down` of 0001_split: the schema has no resource for the table contacts any more: dropping it is what "
        "`down` has to do"
    )


async def test_a_gateway_says_that_a_column_it_names_is_not_logged_any_more(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """A migration with a schema that the database never had takes the column out while the gateway runs."""
    if database.kind == "sqlite":
        pytest.skip("SQLite has one gateway, which looks at the triggers themselves")
    steps(database, shifts(places=INTEGER, note=TEXT))
    store: Any = await database.open(shifts(places=INTEGER, note=TEXT))
    try:
        store._guard.look()
        assert store.healthy
        steps(database, shifts(places=INTEGER))
        store._guard.look()
        assert store.incomplete == {"shifts"}
        assert not store.healthy
        assert "does not log shifts.note any more" in caplog.text
        head = (await store.read(ReadQuery(resource="shifts"))).seq
        assert "replace function" in steps(database, shifts(places=INTEGER, note=TEXT))[0]
        store._guard.look()
        assert store.healthy
        (reset,) = await store.changes(head, head + 10, 10)
        assert reset.action == "reset"
    finally:
        await store.close()


async def test_the_migration_of_an_older_schema_takes_no_column_from_updated_gateways(database: Database) -> None:
    """Containers that run `migrate && serve` restart with the older schema in the middle of an update."""
    if database.kind == "sqlite":
        pytest.skip("SQLite has one gateway")
    steps(database, OLD)
    steps(database, PLACES)
    assert steps(database, OLD) == []
    assert await served(database, PLACES) == []


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_only_table_of_an_application_may_be_renamed(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'one.db'}"
    if kind == "postgresql":
        server = request.getfixturevalue("postgres")
        url = server.url(server.database())
    migrations = backends.migrations(url)
    migrations.apply(url, OLD)
    duties = {"duties": read_resource("duties", OLD["shifts"].schema, {})}
    folder = tmp_path / "migrations"
    write(folder, "0001_duties", "ALTER TABLE shifts RENAME TO duties")
    assert migrations.apply(url, duties, folder)[0] == "run migration 0001_duties"
    assert migrations.planned(url, duties, folder) == []
