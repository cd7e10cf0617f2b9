"""Two schemas of one PostgreSQL database: a change log follows the tables of one of them, whatever the others have.

Rows of another schema never reach the log, and no migration touches what writers of another schema need.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.store.mutations import create
from tests.store.postgres.notes import ALL, NOTES, RESOURCES, TABLE, Owner, bodies, in_schema, owned
from tests.support.postgres import PostgresServer
from tidegate.core.errors import Refused
from tidegate.schema.resource import read_resource
from tidegate.store import StoreError, introspect, open_store
from tidegate.store.errors import CHANGED_TABLES
from tidegate.store.postgres import PostgresStore
from tidegate.store.postgres.migration import migrate


@pytest.fixture
def owner(postgres: PostgresServer) -> Iterator[Owner]:
    with owned(postgres) as owner:
        yield owner


@pytest.fixture
def tenants(owner: Owner) -> Owner:
    """Two schemas with equal tables, and the log of the first."""
    for schema in ("acme", "globex"):
        owner.execute(f"CREATE SCHEMA {schema}", TABLE.format(f"{schema}.notes"))
        owner.execute(f"INSERT INTO {schema}.notes VALUES (1, 'of {schema}')")
    migrate.apply(in_schema(owner.url, "acme"), RESOURCES)
    return owner


def refusal(url: str) -> str:
    """How every command refuses the database."""
    said = set()
    for command in (migrate.apply, migrate.planned, migrate.statements, migrate.check):
        with pytest.raises(StoreError) as caught:
            command(url, RESOURCES)
        said.add(str(caught.value))
    (text,) = said
    return text


def test_a_second_schema_is_refused(tenants: Owner) -> None:
    text = refusal(in_schema(tenants.url, "globex"))
    assert "follows the tables of the schema acme, and this URL leads to the schema globex" in text
    assert "?options=-csearch_path%3Dacme" in text
    tenants.execute("UPDATE acme.notes SET body = 'new'", "INSERT INTO globex.notes VALUES (2, 'x')")
    assert tenants.rows("SELECT key FROM _tidegate.log") == [('{"id":1}',)]


def test_a_log_without_a_record_of_its_schema_belongs_to_the_tables_with_triggers(tenants: Owner) -> None:
    tenants.execute("DELETE FROM _tidegate.meta WHERE name = 'schema'")
    assert "the tables of the schema acme" in refusal(in_schema(tenants.url, "globex"))
    assert "note schema acme" in migrate.apply(in_schema(tenants.url, "acme"), RESOURCES)


def test_introspect_names_the_schema_of_the_log(tenants: Owner) -> None:
    (note,) = introspect.read(in_schema(tenants.url, "globex")).warnings
    assert "the tables of the schema acme" in note
    assert introspect.read(in_schema(tenants.url, "acme")).warnings == []


def test_a_search_path_without_a_schema_is_refused(owner: Owner) -> None:
    assert "search_path leads to no schema" in refusal(in_schema(owner.url, "nowhere"))


async def test_a_copy_of_a_schema_with_its_triggers_reaches_no_subscriber(tenants: Owner) -> None:
    """Programs that clone a tenant copy the triggers, too."""
    tenants.execute(
        'CREATE TRIGGER "00_tidegate_rows" AFTER INSERT OR UPDATE OR DELETE ON globex.notes '
        "FOR EACH ROW EXECUTE FUNCTION _tidegate.log_notes()",
        "INSERT INTO globex.notes VALUES (7, 'secret of globex')",
        "DELETE FROM globex.notes WHERE id = 1",
        "INSERT INTO acme.notes VALUES (2, 'of acme')",
    )
    store = await open_store(in_schema(tenants.url, "acme"), RESOURCES)
    try:
        changes = await store.changes(0, await store.head(), 100)
    finally:
        await store.close()
    assert [(change.action, change.key) for change in changes] == [("create", {"id": 2})]


async def test_a_schema_that_hides_the_table_is_not_read(owner: Owner) -> None:
    """A schema of the role's name comes first in the search_path that PostgreSQL has by default."""
    owner.execute(TABLE.format("public.notes"), "INSERT INTO public.notes VALUES (1, 'right')")
    migrate.apply(owner.url, RESOURCES)
    store = await open_store(owner.url, RESOURCES)
    try:
        owner.execute("CREATE SCHEMA tidegate", TABLE.format("tidegate.notes"))
        owner.execute("INSERT INTO tidegate.notes VALUES (1, 'wrong')")
        assert [row["body"] for row in (await store.read(ALL)).rows] == ["right"]
        await store.write(create({"id": 2, "body": "new"}, resource="notes"))
    finally:
        await store.close()
    assert bodies(owner, "public.notes") == {1: "right", 2: "new"}
    assert bodies(owner, "tidegate.notes") == {1: "wrong"}
    assert "leads to the schema tidegate" in refusal(owner.url)
    migrate.check(in_schema(owner.url, "public"), RESOURCES)


async def test_a_temporary_table_of_a_trigger_hides_no_table(owner: Owner) -> None:
    owner.execute(
        TABLE.format("notes"),
        "CREATE FUNCTION work() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "CREATE TEMPORARY TABLE IF NOT EXISTS notes (id bigint, body text); RETURN NULL; END $$",
        "CREATE TRIGGER work BEFORE INSERT ON notes FOR EACH STATEMENT EXECUTE FUNCTION work()",
    )
    migrate.apply(owner.url, RESOURCES)
    store = await open_store(owner.url, RESOURCES)
    try:
        for number in range(4):
            await store.write(create({"id": number, "body": "b"}, resource="notes"))
    finally:
        await store.close()
    assert bodies(owner, "public.notes") == dict.fromkeys(range(4), "b")


def test_a_table_of_the_same_name_later_in_the_search_path_is_not_taken(owner: Owner) -> None:
    owner.execute("CREATE SCHEMA acme", TABLE.format("public.notes"))
    done = migrate.apply(in_schema(owner.url, "acme,public"), RESOURCES)
    assert "create table notes" in done
    owner.execute("INSERT INTO public.notes VALUES (1, 'x')", "INSERT INTO acme.notes VALUES (2, 'y')")
    assert owner.rows("SELECT key FROM _tidegate.log") == [('{"id":2}',)]


async def test_a_moved_table_cannot_be_read_and_is_not_created_again(
    owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    owner.execute(TABLE.format("notes"), "INSERT INTO notes VALUES (1, 'a')", "CREATE SCHEMA archive")
    migrate.apply(owner.url, RESOURCES)
    store = await PostgresStore.open(owner.url, RESOURCES)
    try:
        owner.execute("ALTER TABLE notes SET SCHEMA archive")
        store._guard.look()
        assert set(store.incomplete) == {"notes"}
        assert store.problem == CHANGED_TABLES
        assert await _read(store) == "unavailable"
        owner.execute("UPDATE archive.notes SET body = 'b'", "ALTER TABLE archive.notes SET SCHEMA public")
        store._guard.look()
        assert store.healthy
        assert await _read(store) == "read"
    finally:
        await store.close()
    assert "lacks the table notes of the schema" in caplog.text
    owner.execute("ALTER TABLE notes SET SCHEMA archive")
    text = refusal(owner.url)
    assert 'Move it back (ALTER TABLE "archive"."notes" SET SCHEMA "public")' in text


async def _read(store: PostgresStore) -> str:
    try:
        await store.read(ALL)
    except Refused as refused:
        return refused.code
    return "read"


def test_a_renamed_schema_is_taken_over_and_its_rows_are_read_again(tenants: Owner) -> None:
    tenants.execute("ALTER SCHEMA acme RENAME TO acme2")
    done = migrate.apply(in_schema(tenants.url, "acme2"), RESOURCES)
    assert "note schema acme2" in done
    assert tenants.rows("SELECT resource, action FROM _tidegate.log ORDER BY seq DESC LIMIT 1") == [("notes", "reset")]
    tenants.execute("INSERT INTO acme2.notes VALUES (2, 'x')")
    assert tenants.rows("SELECT key FROM _tidegate.log ORDER BY seq DESC LIMIT 1") == [('{"id":2}',)]


def test_equal_names_of_other_columns_do_not_break_the_other_schemas_writers(owner: Owner) -> None:
    other: dict[str, Any] = {**NOTES, "properties": {"id": {"type": "integer"}, "w": {"type": ["string", "null"]}}}
    owner.execute("CREATE SCHEMA sales", "CREATE SCHEMA hr", TABLE.format("sales.notes"))
    owner.execute("CREATE TABLE hr.notes (id bigint PRIMARY KEY, w text)")
    migrate.apply(in_schema(owner.url, "sales"), RESOURCES)
    with pytest.raises(StoreError, match="one database has one application"):
        migrate.apply(in_schema(owner.url, "hr"), {"notes": read_resource("notes", other | {"required": ["id"]}, {})})
    owner.execute("INSERT INTO sales.notes VALUES (1, 'a')", "INSERT INTO hr.notes VALUES (1, 'b')")
    assert owner.rows("SELECT new FROM _tidegate.log") == [('{"id":1,"body":"a"}',)]
