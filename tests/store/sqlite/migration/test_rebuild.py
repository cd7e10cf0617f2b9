"""Changed rules of columns: the table is rebuilt, and nothing but the rules changes.

The database has rows, a log, and indexes, triggers, views and tables of other programs.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.store.application import RESOURCES, Foreign, told
from tests.store.program import connect
from tests.store.versions import Schemas, annotated, change, changed, contents, required, rows, surrounded, with_rows
from tidegate.store import SqliteStore, StoreError, Unmigrated
from tidegate.store.sqlite.migration import rebuild
from tidegate.store.sqlite.migration.migrate import apply, check, planned

OWN = ("boats", "berths", "people")


@pytest.fixture
def full(path: Path) -> str:
    return surrounded(path)


CHANGES: dict[str, tuple[Callable[[Schemas], None], str, str, str]] = {
    "wider enum": (
        change("berths", "state", enum=["free", "taken", "sunk"]),
        'rebuild table berths: state: enum ["free", "taken"] -> ["free", "taken", "sunk"] (2 rows are copied)',
        "UPDATE berths SET state = 'sunk'",
        "UPDATE berths SET state = 'gone'",
    ),
    "narrower enum": (
        change("berths", "state", enum=["free"]),
        'rebuild table berths: state: enum ["free", "taken"] -> ["free"] (2 rows are copied)',
        "UPDATE berths SET state = 'free'",
        "UPDATE berths SET state = 'taken'",
    ),
    "no enum": (
        change("berths", "state", remove=("enum",), type="string"),
        'rebuild table berths: state: enum ["free", "taken"] -> none (2 rows are copied)',
        "UPDATE berths SET state = 'anything'",
        "UPDATE berths SET state = x'07'",
    ),
    "longer": (
        change("people", "name", maxLength=30),
        "rebuild table people: name: maxLength 20 -> 30 (2 rows are copied)",
        "UPDATE people SET name = printf('%030d', 1)",
        "UPDATE people SET name = printf('%031d', 1)",
    ),
    "no length": (
        change("people", "name", remove=("maxLength",)),
        "rebuild table people: name: maxLength 20 -> none (2 rows are copied)",
        "UPDATE people SET name = printf('%0300d', 1)",
        "UPDATE people SET name = x'07'",
    ),
    "shorter": (
        change("boats", "code", maxLength=2),
        "rebuild table boats: code: maxLength 40 -> 2 (2 rows are copied)",
        "INSERT INTO boats (code) VALUES ('xx')",
        "INSERT INTO boats (code) VALUES ('xxx')",
    ),
    "optional": (
        required("people", "name", now=False),
        "rebuild table people: name: may be null no -> yes (2 rows are copied)",
        "UPDATE people SET name = NULL",
        "UPDATE people SET id = NULL",
    ),
    "required": (
        required("boats", "sign", now=True),
        "rebuild table boats: sign: may be null yes -> no (2 rows are copied)",
        "UPDATE boats SET sign = sign + 10",
        "UPDATE boats SET sign = NULL",
    ),
    "other default": (
        change("boats", "name", default="it's"),
        "rebuild table boats: name: default 'nameless' -> 'it''s' (2 rows are copied)",
        "INSERT INTO boats (code) VALUES ('z') RETURNING 1 / (name = 'it''s')",
        "INSERT INTO boats (code, name) VALUES ('z', NULL)",
    ),
    "no default": (
        change("boats", "name", remove=("default",)),
        "rebuild table boats: name: default 'nameless' -> none (2 rows are copied)",
        "INSERT INTO boats (code, name) VALUES ('z', 'Z')",
        "INSERT INTO boats (code) VALUES ('z')",
    ),
    "not unique": (
        annotated("people", "unique", []),
        "drop index people_email: the schema no longer says that (email) of people is unique",
        "INSERT INTO people (name, email) VALUES ('x', 'a@x')",
        "INSERT INTO people (email) VALUES ('z@x')",
    ),
    "only an index": (
        lambda schemas: schemas["people"]["x-resource"].update(unique=[], indexes=["email"]),
        "drop index people_email: the schema no longer says that (email) of people is unique",
        "INSERT INTO people (name, email) VALUES ('x', 'a@x')",
        "INSERT INTO people (email) VALUES ('z@x')",
    ),
    "a reference": (
        lambda schemas: (
            schemas["berths"]["properties"].update(person={"type": "integer"})
            or schemas["berths"]["x-resource"]["references"].update(number="people.id")
        ),
        "rebuild table berths: number: reference none -> people.id; person: new (2 rows are copied)",
        "INSERT INTO berths (harbour, number) VALUES ('West', 2)",
        "INSERT INTO berths (harbour, number) VALUES ('West', 3)",
    ),
    "no reference": (
        annotated("berths", "references", {}),
        "rebuild table berths: boat: reference boats.code -> none (2 rows are copied)",
        "UPDATE berths SET boat = harbour || number",
        "UPDATE berths SET number = 'x'",
    ),
    "a key that is given": (
        change("people", "id", remove=("readOnly",)),
        "rebuild table people: id: counted by the database yes -> no (2 rows are copied)",
        "INSERT INTO people (id, name) VALUES (77, 'x')",
        "INSERT INTO people (id, name) VALUES (1, 'x')",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_rule_is_reported_and_applied(name: str, full: str, path: Path) -> None:
    edit, described, allowed, refused = CHANGES[name]
    resources = changed(edit)
    before, others = contents(path), {row for row in contents(path) if "their_" in str(row[1]) or row[0] == "ledger"}
    with pytest.raises(Unmigrated) as caught:
        check(full, resources)
    assert described.partition(":")[0] in str(caught.value)
    assert described.partition(": ")[2].partition(" (2 rows")[0] in str(caught.value)
    assert str(caught.value).endswith(f"type: tidegate migrate --database {full}")
    assert described in [str(step) for step in planned(full, resources)]
    assert contents(path) == before

    assert described.partition(":")[0] in apply(full, resources)
    check(full, resources)
    assert apply(full, resources) == []
    after = contents(path)
    if name != "a reference":
        assert [row for row in after if row[0] in OWN] == [row for row in before if row[0] in OWN]
    assert others < set(after)
    for kept in ("tidegate_log", "tidegate_aside", "sqlite_sequence"):
        assert {row for row in after if row[0] == kept and row[1] != "people"} == {
            row for row in before if row[0] == kept and row[1] != "people"
        }
    assert next(row for row in before if row[:2] == ("tidegate_meta", "epoch")) in after

    program = connect(path)
    program.execute("PRAGMA foreign_keys = on")
    program.execute(allowed).fetchall()
    with pytest.raises(Exception, match=r"constraint failed|datatype mismatch"):
        program.execute(refused).fetchall()
    program.close()


def test_the_log_goes_on_and_positions_stay_valid(full: str, path: Path) -> None:
    resources = changed(change("berths", "state", enum=["free", "taken", "sunk"]))
    before = Foreign(connect(path))
    head = before.head()
    before.close()
    apply(full, resources)
    foreign = Foreign(connect(path), resources)
    assert foreign.head() == head
    assert told(foreign.run("UPDATE berths SET state = 'sunk' WHERE number = 1")) == [("update", ("Ost", 1))]
    assert told(foreign.run("INSERT OR REPLACE INTO berths (harbour, number) VALUES ('Ost', 1)")) == [
        ("update", ("Ost", 1))
    ]
    foreign.close()


async def test_a_store_goes_on_from_an_older_position(full: str) -> None:
    store = await SqliteStore.open(full, RESOURCES)
    epoch, head = store.epoch, await store.head()
    before = await store.changes(0, head, 100)
    await store.close()
    resources = changed(change("berths", "state", enum=["free", "taken", "sunk"]))
    apply(full, resources)
    store = await SqliteStore.open(full, resources)
    assert (store.epoch, await store.head()) == (epoch, head)
    assert await store.changes(0, head, 100) == before
    await store.close()


def test_triggers_indexes_views_and_references_of_other_programs_still_work(full: str, path: Path) -> None:
    resources = changed(
        lambda schemas: [
            edit(schemas) for edit in (change("people", "name", maxLength=30), change("berths", "state", enum=["free"]))
        ]
    )
    assert apply(full, resources) == ["rebuild table berths", "rebuild table people"]
    program = connect(path)
    program.execute("PRAGMA foreign_keys = on")
    program.execute("INSERT INTO people (name) VALUES ('Dan')")
    assert program.execute("SELECT person, berth FROM ledger ORDER BY rowid DESC LIMIT 1").fetchone() == (4, "Ost")
    assert program.execute("SELECT count(*) FROM their_view").fetchone() == (6,)
    for refused in (
        "DELETE FROM berths",
        "DELETE FROM people WHERE id = 1",
        "UPDATE berths SET boat = 'a'",
    ):
        with pytest.raises(Exception, match=r"never|constraint failed"):
            program.execute(refused)
    assert program.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    plan_of = program.execute(
        "EXPLAIN QUERY PLAN SELECT 1 FROM people WHERE lower(name) = 'a' AND email IS NOT NULL"
    ).fetchone()
    assert "their_index" in plan_of[3]
    program.close()


@pytest.mark.parametrize("rest", ["", "WHERE id > 1", "WHERE id > 0"], ids=["as it was", "one row", "no row"])
def test_counted_keys_are_never_given_twice(full: str, path: Path, rest: str) -> None:
    """The database counts the keys; 3 belonged to a row that was deleted."""
    with_rows(path, "DELETE FROM ledger", *([f"DELETE FROM people {rest}"] if rest else []))
    apply(full, changed(change("people", "name", maxLength=30)))
    program = connect(path)
    assert program.execute("INSERT INTO people (name) VALUES ('Dan') RETURNING id").fetchone() == (4,)
    program.close()


def test_a_table_that_never_had_a_row_is_rebuilt(path: Path) -> None:
    apply(f"sqlite:///{path}", changed(change("people", "name", maxLength=30)))
    program = connect(path)
    assert program.execute("INSERT INTO people (name) VALUES ('Dan') RETURNING id").fetchone() == (1,)
    program.close()


def test_every_value_and_row_number_is_copied_as_it_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{path}"
    with_rows(
        path,
        "INSERT INTO boats (rowid, code, weight) VALUES (-9223372036854775808, 'first', 9e999), (-5, 'x', 0.1), "
        "(9223372036854775807, 'last', 9007199254740993)",
        "INSERT INTO boats (code, extra, harbour) VALUES ('odd', '1.50', CAST(x'ff41' AS TEXT))",
        "UPDATE boats SET rowid = 7 WHERE code = 'odd'",
        "INSERT INTO boats (rowid, code, tags) VALUES (8, '', '[ 1 ]'), (9, 'ä\U0001f600', '[]')",
    )
    monkeypatch.setattr(rebuild, "CHUNK", 2)
    seen: list[tuple[str, int, int]] = []
    before = rows(path, "boats", "tidegate_log")
    resources = changed(change("boats", "name", default="x"))
    apply(url, resources, progress=lambda *words: seen.append(words))
    assert rows(path, "boats", "tidegate_log") == before
    assert seen == [("boats", 2, 6), ("boats", 4, 6), ("boats", 6, 6)]


def test_null_becomes_the_default_and_the_log_has_it(full: str, path: Path) -> None:
    def weighed(schemas: Schemas) -> None:
        schemas["boats"]["properties"]["weight"]["default"] = 0.5
        schemas["boats"]["properties"]["sign"]["default"] = 9

    with_rows(
        path, "INSERT INTO boats (code, weight) VALUES ('d', 4)", "INSERT INTO boats (code, sign) VALUES ('e', 4)"
    )
    resources = changed(weighed)
    foreign = Foreign(connect(path))
    mark = foreign.head()
    foreign.close()
    apply(full, resources)
    foreign = Foreign(connect(path), resources)
    entries = foreign.log(mark)
    assert told(entries) == [("update", ("d",)), ("update", ("e",))]
    assert [(entry.new["weight"], entry.new["sign"]) for entry in entries if entry.new] == [(4.0, 9), (0.5, 4)]
    assert {row["weight"] for row in foreign.tables()["boats"].values()} == {2.0, 3.0, 4.0, 0.5}
    foreign.close()


def test_null_becomes_a_default_that_the_old_rule_did_not_have(full: str, path: Path) -> None:
    """The column allowed NULL and one value; now it needs a value that is new."""
    first = changed(change("boats", "harbour", type="string", enum=["Ost"]))
    assert apply(full, first)[0] == "rebuild table boats"
    resources = changed(change("boats", "harbour", type="string", enum=["Ost", "West"], default="West"))
    apply(full, resources)
    program = connect(path)
    assert program.execute("SELECT code, harbour FROM boats ORDER BY 1").fetchall() == [("a", "Ost"), ("c", "West")]
    with pytest.raises(Exception, match="CHECK constraint failed"):
        program.execute("UPDATE boats SET harbour = 'Nord'")
    program.close()


def test_statistics_for_the_planner_are_measured_again(full: str, path: Path) -> None:
    with_rows(path, "ANALYZE")
    before = rows(path, "sqlite_stat1")
    apply(full, changed(change("boats", "name", default="x")))
    assert {row[:4] for row in rows(path, "sqlite_stat1")} == {row[:4] for row in before}


def test_new_columns_come_with_the_rebuild(full: str, path: Path) -> None:
    def edit(schemas: Schemas) -> None:
        change("boats", "name", maxLength=9)(schemas)
        schemas["boats"]["properties"]["masts"] = {"type": "integer", "default": 2}
        schemas["boats"]["properties"]["crew"] = {"type": "integer"}

    resources = changed(edit)
    done = apply(full, resources)
    assert [step for step in done if "trigger" not in step] == ["rebuild table boats"]
    check(full, resources)
    program = connect(path)
    assert program.execute("SELECT code, weight, masts, crew FROM boats").fetchall() == [
        ("a", 2.0, 2, None),
        ("c", 3.0, 2, None),
    ]
    program.close()


def test_a_new_column_that_rows_cannot_have_stops_the_rebuild(full: str, path: Path) -> None:
    def edit(schemas: Schemas) -> None:
        change("boats", "name", maxLength=9)(schemas)
        schemas["boats"]["properties"]["masts"] = {"type": "integer"}
        schemas["boats"]["required"] += ["masts"]

    before = contents(path)
    with pytest.raises(StoreError, match=r"nothing was changed: the column boats\.masts cannot be added to rows"):
        apply(full, changed(edit))
    assert contents(path) == before
    with_rows(path, "DELETE FROM boats WHERE code <> 'a'", "DELETE FROM berths WHERE 0", "DELETE FROM boats")
    apply(full, changed(edit))
