"""The locks of a migration: writers wait for it for a moment only, and it waits for them until its limit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.store.postgres.notes import NOTES, RESOURCES, TABLE, Owner, owned
from tests.support.cases import every_case
from tests.support.deadlines import DEADLINE_S
from tests.support.driver import psycopg
from tests.support.postgres import PostgresServer
from tidegate.schema.resource import Resource, read_resource
from tidegate.store import StoreError
from tidegate.store.migration.plan import Step
from tidegate.store.postgres.changelog import MIGRATION_LOCK
from tidegate.store.postgres.connection import Connection
from tidegate.store.postgres.migration import locks, migrate
from tidegate.store.postgres.migration.locks import EXCLUSIVE, WRITES, exclusive, together, writes
from tidegate.store.sql.names import quoted


@pytest.fixture
def owner(postgres: PostgresServer) -> Iterator[Owner]:
    with owned(postgres) as owner:
        owner.execute(TABLE.format("notes"), "INSERT INTO notes VALUES (1, 'a')")
        yield owner


PEOPLE: dict[str, Any] = {
    "title": "Person",
    "type": "object",
    "x-resource": {"key": "id"},
    "properties": {"id": {"type": "integer"}, "name": {"type": "string"}},
    "required": ["id"],
}
PLAIN: dict[str, Any] = {
    **PEOPLE,
    "title": "Pet",
    "properties": {
        "id": {"type": "integer"},
        "name": {"type": "string"},
        "age": {"type": "integer"},
        "owner": {"type": "integer"},
    },
}
STRICT: dict[str, Any] = {
    **PLAIN,
    "x-resource": {"key": "id", "unique": [["name"]], "indexes": [["age"]], "references": {"owner": "people.id"}},
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "name": {"type": "string", "maxLength": 9},
        "age": {"type": "integer", "default": 3},
        "owner": {"type": "integer"},
        "colour": {"type": "string"},
    },
    "required": ["id", "name"],
}
HELD = {
    "ShareLock": WRITES,
    "ShareRowExclusiveLock": WRITES,
    "ExclusiveLock": EXCLUSIVE,
    "AccessExclusiveLock": EXCLUSIVE,
}
"""Modes that writers wait for, as the lock that a migration takes for them."""


def pets(schema: dict[str, Any]) -> dict[str, Resource]:
    return {"people": read_resource("people", PEOPLE, {}), "pets": read_resource("pets", schema, {})}


@pytest.mark.parametrize("made_by", ["tidegate", "another program"])
def test_a_step_names_every_lock_that_makes_a_writer_wait(owner: Owner, made_by: str) -> None:
    """PostgreSQL is asked which locks each step has taken."""
    if made_by == "another program":
        owner.execute("CREATE TABLE people (id bigint PRIMARY KEY, name text)")
        owner.execute("CREATE TABLE pets (id bigint PRIMARY KEY, name text, age bigint, owner bigint)")
    migrate.apply(owner.url, pets(PLAIN))
    kinds: set[str] = set()
    with every_case() as case:
        for resources in (pets(STRICT), pets(PLAIN)):
            for number in range(99):  # a transaction for each step, so that none hides the locks of the next
                with migrate._transaction(owner.url, keep=True) as (database, connection):
                    steps = migrate._plan(database, connection, resources, None)
                    if not steps:
                        break
                    steps[0].run()
                    with case(f"{number}. {steps[0].name}"):
                        assert held(connection) == dict(steps[0].locks)
                    kinds.add(" ".join(steps[0].name.split()[:2]))
    assert kinds >= KINDS[made_by]


KINDS = {
    "tidegate": {
        "add column", "count pets.id", "do not", "set the", "drop the", "set not", "drop not", "add check",
        "add unique", "add reference", "add index", "drop constraint", "drop index", "replace function",
    },
    "another program": {"add column", "add unique", "add index", "replace function"},
}  # fmt: skip
"""The steps that the two changes of the schema need, by their first two words."""


def test_a_trigger_names_the_lock_that_it_needs(owner: Owner) -> None:
    migrate.apply(owner.url, RESOURCES)
    owner.execute('DROP TRIGGER "00_tidegate_rows" ON notes')
    owner.execute('ALTER TABLE notes DISABLE TRIGGER "00_tidegate_truncate"')
    with migrate._transaction(owner.url, keep=False) as (database, connection):
        for step in migrate._plan(database, connection, RESOURCES, None):
            step.run()
            assert held(connection) == dict(step.locks) == writes("notes")


def held(connection: Connection) -> dict[str, str]:
    """The strongest lock that this transaction has on each table of the application."""
    found: dict[str, str] = {}
    for table, mode in connection.execute(
        "SELECT c.relname::text, l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation "
        "WHERE l.pid = pg_backend_pid() AND c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"
    ):
        if mode in HELD:
            name = quoted(table)
            found[name] = EXCLUSIVE if found.get(name) == EXCLUSIVE else HELD[mode]
    return found


def test_the_strongest_lock_counts() -> None:
    steps = [Step("", "", lambda: None, locks=wanted) for wanted in (writes("a", "b"), exclusive("a"), writes("a"))]
    assert together(steps) == {'"a"': EXCLUSIVE, '"b"': WRITES}


def test_steps_that_lock_tables_come_last(owner: Owner) -> None:
    migrate.apply(owner.url, RESOURCES)
    owner.execute('DROP TRIGGER "00_tidegate_rows" ON notes', "DROP FUNCTION _tidegate.log_notes CASCADE")
    done = migrate.apply(owner.url, RESOURCES)
    assert done[0] == 'install function _tidegate."log_notes"'
    assert all(name.startswith("install trigger") for name in done[1:])


def test_a_migration_gives_up_and_names_who_holds_the_lock(owner: Owner) -> None:
    with psycopg.connect(owner.url, application_name="their program") as other:
        other.execute("UPDATE notes SET body = 'secret'")
        pid = other.info.backend_pid
        with pytest.raises(StoreError) as caught:
            migrate.apply(owner.url, RESOURCES, lock_timeout=0.1)
        other.rollback()
    text = str(caught.value)
    assert f"process {pid} (user tidegate, application their program, idle in transaction" in text
    assert "on notes" in text
    assert "secret" not in text
    assert owner.rows("SELECT to_regnamespace('_tidegate')") == [(None,)]
    migrate.apply(owner.url, RESOURCES)


def test_a_writer_goes_on_while_a_migration_waits(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    """The migration holds `notes` and waits for `busy`; a writer of `notes` waits for an attempt, not for the end."""
    owner.execute(TABLE.format("zz_busy"))
    both = RESOURCES | {"busy": read_resource("busy", NOTES | {"x-resource": {"key": "id", "table": "zz_busy"}}, {})}
    attempts, failed = locks._attempt, threading.Event()

    def noted(*asked: object) -> bool:
        taken = attempts(*asked)  # type: ignore[arg-type]
        if not taken:
            failed.set()
        return taken

    monkeypatch.setattr(locks, "_attempt", noted)
    done: list[str] = []
    with psycopg.connect(owner.url) as other:
        other.execute("INSERT INTO zz_busy VALUES (1)")
        thread = threading.Thread(
            target=lambda: done.extend(migrate.apply(owner.url, both, lock_timeout=DEADLINE_S)), daemon=True
        )
        thread.start()
        assert failed.wait(DEADLINE_S)
        owner.execute("UPDATE notes SET body = 'b'")  # would wait for ever for a migration that keeps its locks
        assert thread.is_alive()
        other.commit()
        thread.join(DEADLINE_S)
    assert 'install trigger 00_tidegate_rows on "zz_busy"' in done


def test_a_prepared_transaction_is_named(owner: Owner) -> None:
    ((allowed,),) = owner.rows("SHOW max_prepared_transactions")
    if allowed == "0":
        pytest.skip("the server has no prepared transactions")
    owner.execute("BEGIN", "UPDATE notes SET body = 'p'", "PREPARE TRANSACTION 'theirs'")
    try:
        with pytest.raises(StoreError, match="the prepared transaction theirs, on notes"):
            migrate.apply(owner.url, RESOURCES, lock_timeout=0.1)
    finally:
        owner.execute("ROLLBACK PREPARED 'theirs'")


def test_another_migration_that_does_not_end_is_named(owner: Owner) -> None:
    with psycopg.connect(owner.url) as other:
        other.execute(f"SELECT pg_advisory_lock({MIGRATION_LOCK})".encode())
        pid = other.info.backend_pid
        with pytest.raises(StoreError, match=rf"another migration of this database does not end: process {pid} "):
            migrate.apply(owner.url, RESOURCES, lock_timeout=0.1)


def test_a_migration_of_many_tables_plans_twice_and_tells_its_steps(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once before the log is there, once after: the number of plans does not grow with the tables."""
    names = [f"n{number}" for number in range(12)]
    owner.execute(*(TABLE.format(name) for name in names))
    plan, plans = migrate._plan, list[int]()

    def counted(*args: Any, **options: Any) -> Any:
        plans.append(1)
        return plan(*args, **options)

    monkeypatch.setattr(migrate, "_plan", counted)
    told: list[tuple[str, int, int]] = []
    resources = {name: read_resource(name, NOTES, {}) for name in names}
    done = migrate.apply(owner.url, resources, progress=lambda *step: told.append(step))
    assert len(plans) == 2
    assert told[-1] == ("", len(done), len(done))
    assert migrate.planned(owner.url, resources) == []
