"""The change log of PostgreSQL for rows that other programs write; `run` compares it with the rows in the tables."""

from __future__ import annotations

import pytest

from tests.store.postgres.foreign import ForeignPostgres, add, happened
from tests.support.driver import psycopg


def test_an_insert_an_update_and_a_delete_are_logged_with_the_whole_row(foreign: ForeignPostgres) -> None:
    (created,) = foreign.run("INSERT INTO boats (code, name, sign) VALUES ('a', 'Ada', 7)")
    assert (created.action, created.key, created.old) == ("create", ("a",), None)
    assert created.new == {
        "code": "a",
        "name": "Ada",
        "harbour": None,
        "sign": 7,
        "weight": None,
        "afloat": False,
        "tags": [],
        "papers": None,
        "extra": None,
    }
    (updated,) = foreign.run("UPDATE boats SET name = 'Eve'")
    assert (updated.action, updated.old) == ("update", created.new)
    (deleted,) = foreign.run("DELETE FROM boats")
    assert (deleted.action, deleted.old, deleted.new) == ("delete", updated.new, None)
    assert created.seq < updated.seq < deleted.seq


def test_foreign_entries_have_a_time_and_no_actor(foreign: ForeignPostgres) -> None:
    add(foreign, "a")
    found = foreign.connection.execute(
        "SELECT origin, actor, abs(time - extract(epoch FROM now()) * 1000) < 5000 FROM _tidegate.log"
    ).fetchall()
    assert found == [(None, None, True)]


def test_a_statement_of_many_rows_is_logged_row_by_row(foreign: ForeignPostgres) -> None:
    entries = foreign.run("INSERT INTO boats (code) VALUES ('a'), ('b'), ('c')")
    assert happened(entries) == [("create", ("a",)), ("create", ("b",)), ("create", ("c",))]
    assert (
        len(foreign.run("INSERT INTO boats (code, name) SELECT n::text, n::text FROM generate_series(1, 999) n")) == 999
    )
    assert len(foreign.run("DELETE FROM boats")) == 1002


def test_an_update_that_changes_nothing_is_not_logged(foreign: ForeignPostgres) -> None:
    add(foreign, "a", weight=1.5, papers='{"b": 1, "a": [2]}')
    assert foreign.run("""UPDATE boats SET weight = 1.5, name = name, papers = '{"a":[2], "b":1}'""") == []


def test_write_only_values_are_not_in_the_log(foreign: ForeignPostgres) -> None:
    add(foreign, "a", pin="1234")
    assert foreign.run("UPDATE boats SET pin = '5678'") == []
    foreign.run("UPDATE boats SET pin = '9999', weight = 1")
    text = foreign.value("SELECT string_agg(coalesce(old, '') || new, '') FROM _tidegate.log")
    assert "pin" not in text
    assert "1234" not in text


def test_a_row_that_gets_another_key_is_a_delete_and_a_create(foreign: ForeignPostgres) -> None:
    add(foreign, "a", sign=1)
    entries = foreign.run("UPDATE boats SET code = 'b', sign = 2")
    assert happened(entries) == [("delete", ("a",)), ("create", ("b",))]


def test_an_upsert_is_logged_as_what_it_did(foreign: ForeignPostgres) -> None:
    upsert = "INSERT INTO boats (code, sign) VALUES ('a', 1) ON CONFLICT (code) DO UPDATE SET sign = boats.sign + 1"
    assert happened(foreign.run(upsert)) == [("create", ("a",))]
    assert happened(foreign.run(upsert)) == [("update", ("a",))]
    merge = "MERGE INTO boats USING (VALUES ('a'), ('b')) v(c) ON c = code WHEN MATCHED THEN DELETE "
    entries = foreign.run(merge + "WHEN NOT MATCHED THEN INSERT (code) VALUES (c)")
    assert sorted(happened(entries)) == [("create", ("b",)), ("delete", ("a",))]


def test_copy_is_logged(foreign: ForeignPostgres) -> None:
    with foreign.told() as entries, foreign.connection.cursor().copy("COPY boats (code, name) FROM STDIN") as copy:
        copy.write_row(("a", "one"))
        copy.write_row(("b", "two"))
    assert happened(entries) == [("create", ("a",)), ("create", ("b",))]


def test_a_truncated_table_is_logged_as_a_reset(foreign: ForeignPostgres) -> None:
    add(foreign, "a")
    entries = foreign.run("TRUNCATE boats CASCADE")
    assert sorted((entry.resource, entry.action) for entry in entries) == [("berths", "reset"), ("boats", "reset")]


def test_what_is_rolled_back_is_not_logged(foreign: ForeignPostgres) -> None:
    with foreign.told() as entries, foreign.connection.transaction():
        foreign.execute("INSERT INTO boats (code, name) VALUES ('a', 'a')")
        with foreign.connection.transaction(force_rollback=True):
            foreign.execute("INSERT INTO boats (code, name) VALUES ('b', 'b')")
        foreign.execute("UPDATE boats SET sign = 1")
    assert happened(entries) == [("create", ("a",)), ("update", ("a",))]
    with foreign.told() as entries, foreign.connection.transaction():
        with foreign.connection.transaction(force_rollback=True):  # what notes the transaction is undone too
            foreign.execute("INSERT INTO boats (code, name) VALUES ('b', 'b')")
        foreign.execute("INSERT INTO boats (code, name) VALUES ('c', 'c')")
    assert happened(entries) == [("create", ("c",))]


def test_a_writer_may_ask_for_its_constraints_early(foreign: ForeignPostgres) -> None:
    with foreign.told() as entries, foreign.connection.transaction():
        foreign.execute("INSERT INTO boats (code, name) VALUES ('a', 'a')")
        foreign.execute("SET CONSTRAINTS ALL IMMEDIATE")
        foreign.execute("INSERT INTO boats (code, name) VALUES ('b', 'b')")
        foreign.execute("SET CONSTRAINTS ALL DEFERRED")
        foreign.execute("UPDATE boats SET sign = 1 WHERE code = 'a'")
    assert happened(entries) == [("create", ("a",)), ("create", ("b",)), ("update", ("a",))]
    assert foreign.value("SELECT count(*) FROM _tidegate.commits") == 0


def test_what_foreign_triggers_do_is_logged(foreign: ForeignPostgres) -> None:
    foreign.execute("""CREATE FUNCTION renamed() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN NEW.name := 'the ' || NEW.name; RETURN NEW; END $$""")
    foreign.execute("CREATE TRIGGER a BEFORE INSERT ON boats FOR EACH ROW EXECUTE FUNCTION renamed()")
    foreign.execute("""CREATE FUNCTION counted() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN UPDATE boats SET sign = 100 WHERE code = NEW.code; RETURN NULL; END $$""")
    foreign.execute("CREATE TRIGGER b AFTER INSERT ON boats FOR EACH ROW EXECUTE FUNCTION counted()")
    entries = foreign.run("INSERT INTO boats (code, name) VALUES ('a', 'Ada')")
    assert happened(entries) == [("create", ("a",)), ("update", ("a",))]


def test_a_foreign_trigger_that_overtakes_its_statement_leads_to_a_reset(foreign: ForeignPostgres) -> None:
    """It changes rows of the statement before these are logged: their changes have no order, and clients read again."""
    foreign.execute("""CREATE FUNCTION others() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN UPDATE boats SET weight = NEW.sign WHERE sign = NEW.sign + 1; RETURN NULL; END $$""")
    foreign.execute("CREATE TRIGGER b AFTER INSERT ON boats FOR EACH ROW EXECUTE FUNCTION others()")
    mark = foreign.head()
    foreign.execute("INSERT INTO boats (code, name, sign) VALUES ('a', 'a', 1), ('b', 'b', 2), ('c', 'c', 3)")
    entries = foreign.log(mark)
    assert happened(entries)[-1] == ("reset", (None,))
    assert entries[-1].resource == "boats"


def test_cascades_and_automatic_keys_are_logged(foreign: ForeignPostgres) -> None:
    foreign.execute("ALTER TABLE berths DROP CONSTRAINT " + foreign.value(
        "SELECT quote_ident(conname) FROM pg_constraint WHERE conrelid = 'berths'::regclass AND contype = 'f'"
    ))  # fmt: skip
    foreign.execute("ALTER TABLE berths ADD FOREIGN KEY (boat) REFERENCES boats ON DELETE CASCADE ON UPDATE CASCADE")
    add(foreign, "a")
    foreign.run("INSERT INTO berths (harbour, number, boat) VALUES ('Ost', 1, 'a'), ('Ost', 2, 'a')")
    entries = foreign.run("UPDATE boats SET code = 'b'")
    assert [entry.resource for entry in entries] == ["boats", "boats", "berths", "berths"]
    assert len(foreign.run("DELETE FROM boats")) == 3
    (person,) = foreign.run("INSERT INTO people (name) VALUES ('Ada')")
    assert person.key == (1,)


def test_values_have_one_spelling_under_all_session_settings(foreign: ForeignPostgres) -> None:
    with foreign.told() as entries:
        foreign.execute("SET TimeZone = 'America/St_Johns'")
        foreign.execute("SET DateStyle = 'German'")
        foreign.execute("SET extra_float_digits = -15")
        foreign.execute("SET search_path = pg_temp, public")
        foreign.execute(
            'INSERT INTO "Visits ""of"" \'26" (id, at, "image") VALUES '
            "('A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '01.07.2026 12:00:00.1+02', '[\"x\\u00e4\"]')"
        )
        foreign.execute("RESET DateStyle")  # psycopg reads times in one style only
    (visit,) = entries
    assert visit.new == {
        "id": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "at": "2026-07-01T10:00:00.100000Z",
        't."select" %': None,
        "image": ["xä"],
        "ä" * 31: None,
    }
    mark = foreign.head()
    foreign.execute(
        "INSERT INTO boats (code, name, weight, sign) VALUES ('a', '\"\\\n\u2028', 0.1::float8 + 0.2, 9007199254740993)"
    )
    ((image,),) = foreign.connection.execute("SELECT new FROM _tidegate.log WHERE seq > %s", (mark,))
    assert '"weight":0.30000000000000004,' in image
    assert '"sign":9007199254740993,' in image


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO boats (code, weight) VALUES ('a', 'NaN')",
        "INSERT INTO boats (code, weight) VALUES ('a', '-Infinity')",
        "INSERT INTO boats (code) VALUES (repeat('a', 41))",
        "INSERT INTO boats (code, tags) VALUES ('a', NULL)",
        "INSERT INTO berths (harbour, number, state) VALUES ('a', 1, 'sunk')",
        "INSERT INTO berths (harbour, number, boat) VALUES ('a', 1, 'none')",
        'INSERT INTO "Visits ""of"" \'26" (at) VALUES (\'infinity\')',
        'INSERT INTO "Visits ""of"" \'26" (at) VALUES (\'0044-03-15 BC\')',
    ],
)
def test_what_the_schema_does_not_allow_is_refused(foreign: ForeignPostgres, statement: str) -> None:
    with pytest.raises(psycopg.IntegrityError):
        foreign.run(statement)


def test_writes_of_a_role_with_rights_on_its_table_only_are_logged(foreign: ForeignPostgres, url: str) -> None:
    foreign.execute("CREATE ROLE clerk LOGIN")  # of the whole server; no other test has a role
    foreign.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON boats TO clerk")
    with psycopg.connect(url.replace("tidegate@", "clerk@"), autocommit=True) as connection, foreign.told() as entries:
        connection.execute("CREATE TEMP TABLE log (xact text)")
        connection.execute("SET search_path = pg_temp, public")
        connection.execute("INSERT INTO public.boats (code) VALUES ('a')")
        for table in ("log", "meta", "commits", "requests"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT * FROM _tidegate.{table}".encode())
    assert happened(entries) == [("create", ("a",))]


def test_triggers_run_under_every_replication_role(foreign: ForeignPostgres) -> None:
    foreign.execute("SET session_replication_role = replica")
    assert happened(foreign.run("INSERT INTO boats (code) VALUES ('a')")) == [("create", ("a",))]
