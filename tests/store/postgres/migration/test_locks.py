"""The locks of a migration: writers wait for it for a moment only, and it waits for them until its limit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.store.postgres.notes import NOTES, RESOURCES, TABLE, Owner, owned
from tests.support.deadlines import DEADLINE_S
from tests.support.driver import psycopg
from tests.support.postgres import PostgresServer
from tidegate.schema.resource import read_resource
from tidegate.store import StoreError
from tidegate.store.postgres.changelog import MIGRATION_LOCK
from tidegate.store.postgres.migration import locks, migrate
from tidegate.store.postgres.migration.locks import EXCLUSIVE, WRITES, locked


@pytest.fixture
def owner(postgres: PostgresServer) -> Iterator[Owner]:
    with owned(postgres) as owner:
        owner.execute(TABLE.format("notes"), "INSERT INTO notes VALUES (1, 'a')")
        yield owner


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ('ALTER TABLE "a b" ENABLE ALWAYS TRIGGER "t"', {'"a b"': WRITES}),
        ('ALTER TABLE "a""b" ADD COLUMN "c" text', {'"a""b"': EXCLUSIVE}),
        ('ALTER TABLE "a" ADD CONSTRAINT "f" FOREIGN KEY ("b") REFERENCES "p" ("id")', {'"a"': WRITES, '"p"': WRITES}),
        ('CREATE UNIQUE INDEX "i" ON "a" ("b")', {'"a"': WRITES}),
        ('CREATE TRIGGER "t" AFTER TRUNCATE ON "a" FOR EACH STATEMENT EXECUTE FUNCTION f()', {'"a"': WRITES}),
        ('DROP TRIGGER "t" ON "a"', {'"a"': EXCLUSIVE}),
        ('CREATE TABLE "a" ("id" bigint)', {}),
        ("CREATE INDEX i ON _tidegate.log (seq)", {}),
        ("ALTER TABLE _tidegate.log ADD PRIMARY KEY (seq)", {}),
        ("INSERT INTO _tidegate.meta VALUES (1)", {}),
    ],
)
def test_the_tables_that_a_statement_locks(statement: str, found: dict[str, str]) -> None:
    assert locked([statement]) == found


def test_the_strongest_lock_counts() -> None:
    trigger, column = 'ALTER TABLE "a" ENABLE ALWAYS TRIGGER "t"', 'ALTER TABLE "a" ADD COLUMN "c" text'
    assert locked([trigger, column]) == locked([column, trigger]) == {'"a"': EXCLUSIVE}


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
