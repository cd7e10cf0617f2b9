"""The change log for rows that other programs write, with a stock SQLite and none of our settings.

`Foreign.run` compares the log's images with what SELECT says before and after each statement; see application.py.
"""

from __future__ import annotations

import sqlite3

import pytest

from tests.store.application import Foreign, add, told


def test_an_insert_an_update_and_a_delete_are_logged_with_the_whole_row(program: Foreign) -> None:
    (created,) = program.run("INSERT INTO boats (code, name, sign) VALUES ('a', 'Ada', 7)")
    assert (created.action, created.key, created.old) == ("create", ("a",), None)
    assert created.new == {
        "code": "a",
        "name": "Ada",
        "harbour": None,
        "sign": 7,
        "weight": None,
        "afloat": 0,
        "tags": "[]",
        "papers": None,
        "extra": None,
    }
    (updated,) = program.run("UPDATE boats SET name = 'Eve'")
    assert (updated.action, updated.old) == ("update", created.new)
    assert updated.new == {**created.new, "name": "Eve"}
    (deleted,) = program.run("DELETE FROM boats")
    assert (deleted.action, deleted.old, deleted.new) == ("delete", updated.new, None)
    assert created.seq < updated.seq < deleted.seq


def test_foreign_entries_have_a_time_and_no_actor(program: Foreign) -> None:
    add(program, "a")
    found = program.connection.execute(
        "SELECT origin, actor, abs(time - CAST(strftime('%s', 'now') AS INTEGER) * 1000) < 5000 FROM tidegate_log"
    ).fetchall()
    assert found == [(None, None, 1)]


def test_a_statement_of_many_rows_is_logged_row_by_row(program: Foreign) -> None:
    entries = program.run("INSERT INTO boats (code) VALUES ('a'), ('b'), ('c')")
    assert told(entries) == [("create", ("a",)), ("create", ("b",)), ("create", ("c",))]
    assert told(program.run("UPDATE boats SET weight = 2 WHERE code <> 'b'")) == [
        ("update", ("a",)),
        ("update", ("c",)),
    ]
    program.run("INSERT INTO boats (code, name) SELECT code || '2', name FROM boats")
    assert len(program.run("DELETE FROM boats")) == 6


def test_an_update_that_changes_nothing_is_not_logged(program: Foreign) -> None:
    add(program, "a", weight=1.5)
    assert program.run("UPDATE boats SET weight = 1.5, name = name") == []


def test_write_only_values_are_not_in_the_log(program: Foreign) -> None:
    add(program, "a", pin="1234")
    assert program.run("UPDATE boats SET pin = '5678'") == []
    program.run("UPDATE boats SET pin = '9999', weight = 1")
    text = program.connection.execute("SELECT group_concat(coalesce(old, '') || new) FROM tidegate_log").fetchone()[0]
    assert "pin" not in text
    assert "1234" not in text


def test_a_replaced_row_is_logged(program: Foreign) -> None:
    add(program, "a", weight=1)
    entries = program.run("INSERT OR REPLACE INTO boats (code, weight) VALUES ('a', 2)")
    assert {entry.key for entry in entries} == {("a",)}
    assert (entries[0].old or {})["weight"] == 1.0
    assert (entries[-1].new or {})["weight"] == 2.0
    assert program.run("REPLACE INTO boats (code) VALUES ('b')")[-1].action == "create"


def test_rows_replaced_by_another_key_are_logged(program: Foreign) -> None:
    add(program, "a", sign=1)
    add(program, "b", name="Bee", harbour="Ost")
    add(program, "c", name="Sea", harbour="West")
    entries = program.run(
        "INSERT OR REPLACE INTO boats (code, name, harbour, sign, weight) VALUES ('c', 'Bee', 'Ost', 1, 9)"
    )
    assert set(program.tables()["boats"]) == {("c",)}
    assert sorted(entry.key for entry in entries if entry.action == "delete" and entry.key != ("c",)) == [
        ("a",),
        ("b",),
    ]
    assert entries[-1].key == ("c",)


def test_rows_replaced_by_several_new_rows_are_logged(program: Foreign) -> None:
    for number in range(6):
        add(program, f"old{number}", sign=number)
    program.run("INSERT OR REPLACE INTO boats (code, sign) SELECT 'new' || sign, 5 - sign FROM boats WHERE sign < 4")
    assert set(program.tables()["boats"]) == {(f"old{n}",) for n in (0, 1)} | {(f"new{n}",) for n in range(4)}


def test_a_row_replaced_by_a_default_is_logged(program: Foreign) -> None:
    add(program, "a", harbour="Ost")  # named by default
    program.run("INSERT OR REPLACE INTO boats (code, name, harbour) VALUES ('b', NULL, 'Ost')")
    assert set(program.tables()["boats"]) == {("b",)}


def test_a_row_replaced_by_its_number_is_logged(program: Foreign) -> None:
    add(program, "a")
    program.run("INSERT OR REPLACE INTO boats (rowid, code) SELECT rowid, 'b' FROM boats")
    assert set(program.tables()["boats"]) == {("b",)}
    add(program, "c")
    program.run("UPDATE OR REPLACE boats SET rowid = (SELECT rowid FROM boats WHERE code = 'b') WHERE code = 'c'")
    assert set(program.tables()["boats"]) == {("c",)}


def test_rows_replaced_by_update_or_replace_are_logged(program: Foreign) -> None:
    add(program, "a", sign=1)
    add(program, "b", sign=2)
    add(program, "c", sign=3)
    program.run("UPDATE OR REPLACE boats SET sign = 1 WHERE code = 'b'")
    assert set(program.tables()["boats"]) == {("b",), ("c",)}
    program.run("UPDATE OR REPLACE boats SET code = 'b' WHERE code = 'c'")
    assert set(program.tables()["boats"]) == {("b",)}


def test_rows_replaced_by_an_automatic_key_are_logged(program: Foreign) -> None:
    program.run("INSERT INTO people (name, email) VALUES ('Ada', 'a@x'), ('Bob', 'b@x')")
    program.run("INSERT OR REPLACE INTO people (name, email) VALUES ('Eve', 'a@x')")
    assert set(program.tables()["people"]) == {(2,), (3,)}
    program.run("INSERT OR REPLACE INTO people (id, name, email) VALUES (2, 'Eve', 'a@x')")
    assert set(program.tables()["people"]) == {(2,)}


def test_an_ignored_row_is_not_logged(program: Foreign) -> None:
    add(program, "a", sign=1)
    assert program.run("INSERT OR IGNORE INTO boats (code, weight) VALUES ('a', 2)") == []
    assert program.run("INSERT OR IGNORE INTO boats (code, sign) VALUES ('b', 1)") == []
    assert told(program.run("INSERT OR IGNORE INTO boats (code, sign) VALUES ('a', 5), ('c', 3)")) == [
        ("create", ("c",))
    ]
    assert program.run("UPDATE OR IGNORE boats SET sign = 1 WHERE code = 'c'") == []
    # What an ignored statement left behind is not taken for something that the next one did.
    assert told(program.run("UPDATE boats SET code = 'z' WHERE code = 'a'")) == [("delete", ("a",)), ("create", ("z",))]
    assert told(program.run("DELETE FROM boats WHERE code = 'z'")) == [("delete", ("z",))]
    assert told(program.run("INSERT INTO boats (code) VALUES ('a')")) == [("create", ("a",))]


def test_an_upsert_is_logged_as_what_it_did(program: Foreign) -> None:
    sql = "INSERT INTO boats (code, sign) VALUES (?, ?) ON CONFLICT"
    assert told(program.run(f"{sql} (code) DO UPDATE SET sign = excluded.sign", "a", 1)) == [("create", ("a",))]
    assert told(program.run(f"{sql} (code) DO UPDATE SET sign = excluded.sign", "a", 2)) == [("update", ("a",))]
    assert program.run(f"{sql} DO NOTHING", "a", 3) == []
    assert program.run(f"{sql} (code) DO UPDATE SET sign = 2", "a", 2) == []
    entries = program.run(f"{sql} (sign) DO UPDATE SET code = excluded.code", "b", 2)
    assert told(entries) == [("delete", ("a",)), ("create", ("b",))]


def test_a_changed_key_is_a_delete_and_a_create(program: Foreign) -> None:
    add(program, "a", weight=1)
    assert told(program.run("UPDATE boats SET code = 'b', weight = 2")) == [("delete", ("a",)), ("create", ("b",))]
    program.run("INSERT INTO people (name) VALUES ('Ada'), ('Bob')")
    assert told(program.run("UPDATE people SET id = id + 10")) == [
        ("delete", (1,)),
        ("create", (11,)),
        ("delete", (2,)),
        ("create", (12,)),
    ]


def test_keys_of_several_columns_are_logged_whole(program: Foreign) -> None:
    program.run("INSERT INTO berths (harbour, number) VALUES ('Ost', 1), ('Ost', 2), ('West', 1)")
    program.run("INSERT OR REPLACE INTO berths (harbour, number, state) VALUES ('Ost', 1, 'taken')")
    program.run("UPDATE OR REPLACE berths SET harbour = 'Ost' WHERE harbour = 'West'")
    assert told(program.run("DELETE FROM berths")) == [("delete", ("Ost", 2)), ("delete", ("Ost", 1))]


def test_a_statement_that_fails_is_not_logged(program: Foreign) -> None:
    add(program, "a", sign=1)
    for sql in (
        "INSERT INTO boats (code) VALUES ('b'), ('a')",
        "UPDATE boats SET afloat = 7",
        "INSERT INTO boats (code, tags) VALUES ('c', 'no JSON')",
        "INSERT INTO boats (code, name) VALUES ('d', x'00')",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            program.run(sql)
    assert [entry.key for entry in program.log()] == [("a",)]


def test_or_fail_logs_the_rows_before_the_failure(program: Foreign) -> None:
    add(program, "a")
    with pytest.raises(sqlite3.IntegrityError):
        program.run("INSERT OR FAIL INTO boats (code) VALUES ('b'), ('a'), ('c')")
    assert [entry.key for entry in program.log()] == [("a",), ("b",)]


@pytest.mark.parametrize("policy", ["ABORT", "FAIL", "IGNORE", "REPLACE", "ROLLBACK"])
def test_a_writer_s_conflict_policy_does_not_affect_the_log(program: Foreign, policy: str) -> None:
    """SQLite applies a statement's OR to the statements of its triggers."""
    add(program, "a", sign=1)
    program.run("INSERT OR IGNORE INTO boats (code, sign) VALUES ('x', 1)")
    program.run(f"UPDATE OR {policy} boats SET weight = 3 WHERE code = 'a'")
    program.run(f"INSERT OR {policy} INTO boats (code, sign) VALUES ('b', 2)")
    program.run(f"UPDATE OR {policy} boats SET code = 'c' WHERE code = 'b'")
    assert set(program.tables()["boats"]) == {("a",), ("c",)}


def test_a_transaction_that_was_rolled_back_is_not_logged(program: Foreign) -> None:
    add(program, "a")
    before = program.log()
    program.run("BEGIN")
    add(program, "b")
    program.run("INSERT OR REPLACE INTO boats (code, weight) VALUES ('a', 1)")
    program.connection.execute("ROLLBACK")
    assert program.log() == before
    add(program, "c")
    assert [entry.seq for entry in program.log()] == [1, 2]


def test_only_changes_that_a_savepoint_kept_are_logged(program: Foreign) -> None:
    program.run("BEGIN")
    add(program, "a")
    program.run("SAVEPOINT one")
    add(program, "b")
    program.run("UPDATE boats SET code = 'z' WHERE code = 'a'")
    program.connection.execute("ROLLBACK TO one")
    program.connection.execute("RELEASE one")
    add(program, "c")
    program.run("SAVEPOINT two")
    program.run("DELETE FROM boats WHERE code = 'a'")
    program.connection.execute("RELEASE two")
    program.run("COMMIT")
    assert told(program.log()) == [("create", ("a",)), ("create", ("c",)), ("delete", ("a",))]


def test_values_that_a_foreign_trigger_adds_are_logged(program: Foreign) -> None:
    """SQLite fires the newest trigger first: the program's trigger comes before the log's."""
    program.connection.executescript("""
        CREATE TRIGGER touch_new AFTER INSERT ON boats BEGIN UPDATE boats SET weight = 1 WHERE code = NEW.code; END;
        CREATE TRIGGER touch AFTER UPDATE ON boats WHEN NEW.tags = '[]' BEGIN
          UPDATE boats SET tags = '["touched"]' WHERE code = NEW.code; END;
    """)
    for sql in (
        "INSERT INTO boats (code) VALUES ('a'), ('b')",
        "UPDATE boats SET name = 'Ada' WHERE code = 'a'",
        "INSERT OR REPLACE INTO boats (code, name) VALUES ('a', 'Eve')",
        "UPDATE boats SET code = 'c' WHERE code = 'b'",
    ):
        before, mark = program.tables()["boats"], program.head()
        program.connection.execute(sql)
        for key, row in program.tables()["boats"].items():
            last = [entry for entry in program.log(mark) if entry.key == key]
            assert (last[-1].new if last else before[key]) == row, sql
        for key in set(before) - set(program.tables()["boats"]):
            assert [entry.new for entry in program.log(mark) if entry.key == key][-1] is None


def test_a_row_that_was_replaced_and_changed_is_logged_as_it_was_before(foreign: Foreign) -> None:
    """Otherwise a subscriber whose filter it met before would keep it."""
    add(foreign, "a", harbour="Ost", sign=1)
    foreign.connection.execute(
        "CREATE TRIGGER touch AFTER INSERT ON boats BEGIN UPDATE boats SET weight = 1 WHERE code = NEW.code; END"
    )
    mark = foreign.head()
    foreign.connection.execute("INSERT OR REPLACE INTO boats (code, harbour) VALUES ('a', 'West')")
    assert (foreign.log(mark)[0].old or {}).get("harbour") == "Ost"


def test_rows_that_a_cascade_deletes_are_logged(program: Foreign) -> None:
    program.connection.executescript("""
        CREATE TABLE fleets (boat TEXT PRIMARY KEY);
        CREATE TRIGGER sink AFTER DELETE ON fleets BEGIN DELETE FROM boats WHERE code = OLD.boat; END;
        INSERT INTO fleets VALUES ('a');
    """)
    add(program, "a")
    assert told(program.run("DELETE FROM fleets")) == [("delete", ("a",))]
