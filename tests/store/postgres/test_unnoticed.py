"""What a program sees of its database while Tidegate's triggers are there: exactly what it saw before.

`lastval()` and isolation levels, publications, prepared transactions.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.store.postgres.foreign import RESOURCES, ForeignPostgres, happened
from tests.support.driver import errors, psycopg
from tidegate.store.postgres.connection import connect
from tidegate.store.postgres.migration import migrate
from tidegate.store.postgres.serving.retention import prune_all

Connection = psycopg.Connection[tuple[object, ...]]
LEVELS = tuple(psycopg.IsolationLevel)
MOST = psycopg.IsolationLevel.SERIALIZABLE


@contextmanager
def connected(url: str, count: int, level: psycopg.IsolationLevel) -> Iterator[list[Connection]]:
    """Programs whose transactions have this isolation level."""
    with ExitStack() as stack:
        programs = [stack.enter_context(psycopg.connect(url)) for _ in range(count)]
        for program in programs:
            program.isolation_level = level
        yield programs


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
def test_lastval_is_the_programs_own(foreign: ForeignPostgres, url: str, level: psycopg.IsolationLevel) -> None:
    foreign.execute("CREATE SEQUENCE theirs START 1000")
    with connected(url, 1, level) as (program,), foreign.told():
        with pytest.raises(errors.ObjectNotInPrerequisiteState):
            program.execute("INSERT INTO boats (code) VALUES ('none')")
            program.execute("SELECT lastval()")
        program.rollback()
        program.execute("SELECT nextval('theirs')")
        asked = []
        for statement in (
            "INSERT INTO boats (code) VALUES ('a'), ('b')",
            "SAVEPOINT s",
            "UPDATE boats SET weight = 1",
            "ROLLBACK TO s",
            "DELETE FROM boats WHERE code = 'b'",
            "SET CONSTRAINTS ALL IMMEDIATE",
            "UPDATE boats SET code = 'c'",
            "COMMIT",
        ):
            program.execute(statement.encode())
            asked += program.execute("SELECT lastval(), currval('theirs')").fetchall()
    assert asked == [(1000, 1000)] * 8


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
def test_entries_have_the_order_of_the_statements(
    foreign: ForeignPostgres, url: str, level: psycopg.IsolationLevel
) -> None:
    """Also where savepoints are rolled back, where foreign triggers write, and after constraints were asked for."""
    # A serializable transaction gets a reset for what triggers write.
    inserted = "UPDATE boats SET sign = 100 WHERE code = NEW.code;" if level != MOST else ""
    foreign.execute(f"""CREATE FUNCTION counted() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN {inserted} RETURN NULL; END $$""")
    foreign.execute("CREATE TRIGGER b AFTER INSERT ON boats FOR EACH ROW EXECUTE FUNCTION counted()")
    with foreign.told() as entries, connected(url, 1, level) as (program,), program.transaction():
        program.execute("INSERT INTO boats (code) VALUES ('a')")
        program.execute("DELETE FROM boats")
        program.execute("SAVEPOINT s")
        program.execute("INSERT INTO boats (code) VALUES ('gone')")
        program.execute("ROLLBACK TO s")
        program.execute("INSERT INTO boats (code) VALUES ('b')")
        program.execute("UPDATE boats SET sign = 5")
        program.execute("SET CONSTRAINTS ALL IMMEDIATE")
        program.execute("UPDATE boats SET code = 'c'")
    a, b, c = ("a",), ("b",), ("c",)
    first = [("create", a), ("update", a), ("delete", a), ("create", b), ("update", b)]
    if level == MOST:
        first = [entry for entry in first if entry[0] != "update"]
    assert happened(entries) == [*first, ("update", b), ("delete", b), ("create", c)]


def test_a_foreign_trigger_that_overtakes_a_serializable_statement_leads_to_a_reset(
    foreign: ForeignPostgres, url: str
) -> None:
    foreign.execute("""CREATE FUNCTION others() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN UPDATE boats SET weight = NEW.sign WHERE sign = NEW.sign + 1; RETURN NULL; END $$""")
    foreign.execute("CREATE TRIGGER b AFTER INSERT ON boats FOR EACH ROW EXECUTE FUNCTION others()")
    mark = foreign.head()
    with connected(url, 1, MOST) as (program,):
        program.execute("INSERT INTO boats (code, name, sign) VALUES ('a', 'a', 1), ('b', 'b', 2), ('c', 'c', 3)")
        program.commit()
    entries = foreign.log(mark)
    assert happened(entries)[-1] == ("reset", (None,))
    assert happened(entries).count(("reset", (None,))) == 1


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
def test_programs_that_share_no_row_do_not_make_each_other_fail(
    foreign: ForeignPostgres, url: str, level: psycopg.IsolationLevel
) -> None:
    """PostgreSQL undoes one of two serializable transactions that each read what the other one writes."""
    with connected(url, 4, level) as programs, foreign.told() as entries:
        for number, program in enumerate(programs):
            program.execute("INSERT INTO boats (code) VALUES (%s)", [f"a{number}"])
        for number, program in enumerate(programs):
            program.execute("INSERT INTO boats (code) VALUES (%s)", [f"b{number}"])
        for program in reversed(programs):
            program.commit()
    assert happened(entries) == [("create", (f"{letter}{number}",)) for number in (3, 2, 1, 0) for letter in "ab"]


def test_a_database_that_is_serializable_by_default_can_be_served(foreign: ForeignPostgres, url: str) -> None:
    name = foreign.value("SELECT current_database()")
    foreign.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    with connect(url) as connection:
        assert connection.execute("SHOW transaction_isolation").fetchall() == [("read committed",)]


def test_a_server_that_ends_idle_sessions_keeps_the_gateway_s(foreign: ForeignPostgres, url: str) -> None:
    name = foreign.value("SELECT current_database()")
    foreign.execute(f"ALTER DATABASE {name} SET idle_session_timeout = '1min'")
    with connect(url) as connection:
        assert connection.execute("SHOW idle_session_timeout").fetchall() == [("0",)]


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
def test_prepared_transactions_are_logged(foreign: ForeignPostgres, url: str, level: psycopg.IsolationLevel) -> None:
    with foreign.told() as entries, connected(url, 1, level) as (program,):
        program.execute("INSERT INTO boats (code) VALUES ('a')")
        program.execute("UPDATE boats SET name = 'Ada'")
        program.execute("PREPARE TRANSACTION 'theirs'")
        program.commit()
        program.autocommit = True
        program.execute("COMMIT PREPARED 'theirs'")
    assert happened(entries) == [("create", ("a",)), ("update", ("a",))]
    assert foreign.value("SELECT count(*) FROM _tidegate.pending WHERE NOT serializable") == 0


@pytest.mark.parametrize("publication", ["FOR ALL TABLES", "FOR TABLES IN SCHEMA public, _tidegate"])
@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
def test_programs_write_where_everything_is_published(
    foreign: ForeignPostgres, url: str, level: psycopg.IsolationLevel, publication: str
) -> None:
    foreign.execute(f"CREATE PUBLICATION p {publication}")
    with foreign.told() as entries, connected(url, 1, level) as (program,):
        for statement in ("INSERT INTO boats (code) VALUES ('a')", "UPDATE boats SET sign = 1", "DELETE FROM boats"):
            program.execute(statement.encode())
            program.commit()
    assert [action for action, _ in happened(entries)] == ["create", "update", "delete"]


def test_every_table_that_is_published_has_a_primary_key(foreign: ForeignPostgres) -> None:
    """UPDATE and DELETE of a published table need one; unlogged tables are not published."""
    lacking = foreign.connection.execute(
        "SELECT relname FROM pg_class c WHERE relnamespace = '_tidegate'::regnamespace AND relkind = 'r' "
        "AND relpersistence = 'p' AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND indisprimary)"
    ).fetchall()
    assert lacking == []
    assert foreign.value("SELECT relpersistence FROM pg_class WHERE oid = '_tidegate.pending'::regclass") == "u"


def test_a_serializable_transaction_leaves_nothing_after_pruning(foreign: ForeignPostgres, url: str) -> None:
    with connected(url, 2, MOST) as (done, open_):
        for program in (done, open_):
            program.execute("INSERT INTO boats (code) VALUES (%s)", [str(id(program))])
        done.commit()
        prune_all(url)
        open_.commit()
        assert [entry.key for entry in foreign.log()] == [(str(id(done)),), (str(id(open_)),)]
    prune_all(url)
    assert foreign.value("SELECT count(*) FROM _tidegate.pending") == 0


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
@pytest.mark.parametrize(
    ("change", "back"),
    [
        ("RENAME COLUMN weight TO mass", "RENAME COLUMN mass TO weight"),
        ("DROP COLUMN weight", "ADD COLUMN weight double precision"),
    ],
)
def test_programs_write_although_the_owner_changed_a_column(
    foreign: ForeignPostgres, url: str, level: psycopg.IsolationLevel, change: str, back: str
) -> None:
    """Clients read the rows again, once a transaction, as soon as a migration or the owner mended it."""
    mark = foreign.head()
    with connected(url, 1, level) as (program,):
        program.execute("INSERT INTO boats (code) VALUES ('before')")
        program.commit()
        program.execute(f"ALTER TABLE boats {change}".encode())
        program.execute("INSERT INTO boats (code) VALUES ('a'), ('b')")
        program.execute("UPDATE boats SET harbour = 'x' || code")
        program.execute("DELETE FROM boats WHERE code = 'b'")
        program.commit()
        program.execute(f"ALTER TABLE boats {back}".encode())
        program.execute("INSERT INTO boats (code) VALUES ('after')")
        program.commit()
    found = [(entry.action, entry.key) for entry in foreign.log(mark)]
    assert found == [("create", ("before",)), ("reset", (None,)), ("create", ("after",))]
    assert set(foreign.tables()["boats"]) == {("before",), ("a",), ("after",)}


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
@pytest.mark.parametrize(
    ("change", "name", "back"),
    [
        ("boats RENAME TO ships", "ships", "ships RENAME TO boats"),
        ("boats SET SCHEMA attic", "attic.boats", "attic.boats SET SCHEMA public"),
    ],
)
def test_what_is_written_under_another_name_is_read_again(
    foreign: ForeignPostgres, url: str, level: psycopg.IsolationLevel, change: str, name: str, back: str
) -> None:
    foreign.execute("CREATE SCHEMA attic")
    foreign.execute("INSERT INTO boats (code) VALUES ('a'), ('b')")
    mark = foreign.head()
    with connected(url, 1, level) as (program,):
        for statement in (
            f"ALTER TABLE {change}",
            f"UPDATE {name} SET weight = 5",
            f"DELETE FROM {name} WHERE code = 'b'",
            f"ALTER TABLE {back}",
        ):
            program.execute(statement.encode())
            program.commit()
    assert [(entry.action, entry.key) for entry in foreign.log(mark)] == [("reset", (None,))] * 2


def test_a_migration_names_publications_with_surprises(foreign: ForeignPostgres, url: str) -> None:
    assert migrate.notes(url, RESOURCES) == []
    foreign.execute("CREATE PUBLICATION everything FOR ALL TABLES")
    foreign.execute("CREATE PUBLICATION one FOR TABLE boats")
    foreign.execute("ALTER TABLE boats REPLICA IDENTITY NOTHING")
    everything, boats = migrate.notes(url, RESOURCES)
    assert everything.startswith("the publication everything is FOR ALL TABLES")
    assert boats.endswith("type: ALTER TABLE boats REPLICA IDENTITY FULL")


def test_pending_rows_of_a_dump_are_not_logged(foreign: ForeignPostgres) -> None:
    """Serializable transactions leave such rows, and a restored dump has them, with numbers of future transactions."""
    copied = "INSERT INTO _tidegate.pending (xact, resource, key, action, serializable) "
    number = int(foreign.value("SELECT pg_current_xact_id()::text"))
    for later in range(1, 6):
        foreign.execute(f"{copied} VALUES ('{number + 20 + later}', 'boats', '{{}}', 'reset', true)")
    for code in range(30):
        foreign.run(f"INSERT INTO boats (code) VALUES ('{code}')")
    assert {entry.action for entry in foreign.log()} == {"create"}
